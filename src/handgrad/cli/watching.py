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
    if config.model in CLASSICAL:
        return [FitProgress()]
    return [Progress(), *trackers(config, folder)]
