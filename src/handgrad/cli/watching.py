"""Who watches a run that was started from a command line, and the reading of its data."""

from collections.abc import Sequence
from pathlib import Path

from handgrad.classical import CLASSICAL
from handgrad.cli.console import working
from handgrad.cli.fit_progress import FitProgress
from handgrad.cli.progress import Progress
from handgrad.config import RunConfig, build_dataset
from handgrad.data import Dataset
from handgrad.runs.trackers import trackers
from handgrad.training import Callback


def read_dataset(config: RunConfig) -> Dataset:
    """The data set of a run; reading it is announced where it takes long."""
    with working(f"reading the images of {config.dataset}"):
        return build_dataset(config)


def watching(config: RunConfig, folder: Path) -> Sequence[Callback]:
    """The progress bar, and the trackers that the configuration asks for; a fit has nothing to tell these."""
    return _watchers(config, folder, lines=True)


def watching_fold(config: RunConfig, folder: Path) -> Sequence[Callback]:
    """The same for one of several runs: the bar, and no lines but those about the whole."""
    return _watchers(config, folder, lines=False)


def _watchers(config: RunConfig, folder: Path, lines: bool) -> Sequence[Callback]:
    if config.model in CLASSICAL:
        return [FitProgress(lines=lines)]
    return [Progress(lines=lines), *trackers(config, folder)]
