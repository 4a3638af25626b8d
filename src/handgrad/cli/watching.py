"""Who watches a run that was started from a command line."""

from collections.abc import Sequence
from pathlib import Path

from handgrad.classical import CLASSICAL
from handgrad.cli.fit_progress import FitProgress
from handgrad.cli.progress import Progress
from handgrad.config import RunConfig
from handgrad.runs.trackers import trackers
from handgrad.training import Observer


def watching(config: RunConfig, folder: Path) -> Sequence[Observer]:
    """The progress bar, and the trackers that the configuration asks for; a fit has nothing to tell these."""
    return _watchers(config, folder, lines=True)


def watching_fold(config: RunConfig, folder: Path) -> Sequence[Observer]:
    """The same for one of several runs: the bar, and no lines but those about the whole."""
    return _watchers(config, folder, lines=False)


def _watchers(config: RunConfig, folder: Path, lines: bool) -> Sequence[Observer]:
    if config.model in CLASSICAL:
        return [FitProgress(lines=lines)]
    return [Progress(lines=lines), *trackers(config, folder)]
