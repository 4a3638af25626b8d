"""One run of a recipe: trained, continued, or found finished; and why it failed, where it did."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from handgrad.classical import Stage
from handgrad.config import RunConfig
from handgrad.errors import FileSystemError, HandgradError
from handgrad.runs import InterruptedRunError, Run, execute, resume
from handgrad.training import Observer, Trainer
from handgrad.training.weights import save_weights

DIVERGED = "diverged"
WEIGHTS = "weights.npz"
SOONEST = 0.2  # seconds between two words about how far a run is
NEARLY = 0.99  # what a fit that takes longer than expected is at

Tell = Callable[[str, float], None]
"""Is told a run's name and how much of it is done, from 0 to 1."""

Stopping = Callable[[], bool]


class Ending(NamedTuple):
    """What became of a run: `failure` says in one line why it has no result; `stopped` that it is to be resumed."""

    name: str
    failure: str = ""
    stopped: bool = False


class Watch(Observer):
    """Tells how far a run is, and stops it when it is asked to."""

    def __init__(self, name: str, tell: Tell, stopping: Stopping) -> None:
        self.name, self._tell, self._stopping = name, tell, stopping
        self._told = 0.0

    def paused(self, trainer: Trainer) -> None:
        """Say so, several times a second at most."""
        if self._stopping():
            trainer.stop("interrupted")
        self._say(trainer.step / trainer.total_steps)

    def fitting(self, stage: Stage) -> None:
        """A model without steps is as far as its time is."""
        self._say(min(stage.seconds / max(stage.expected, SOONEST), NEARLY))

    def _say(self, share: float) -> None:
        if time.monotonic() - self._told >= SOONEST:
            self._told = time.monotonic()
            self._tell(self.name, share)


def write_weights(configs: Sequence[RunConfig]) -> int:
    """Each network's weights as weights.npz in its run's folder, and how many there are; other models have none.

    Raises  FileSystemError, CorruptDataError.
    """
    runs = [run for run in map(run_of, configs) if run.model_file.exists()]
    for run in runs:
        if not (run.path / WEIGHTS).exists():
            save_weights(run.load_model(), run.path / WEIGHTS)
    return len(runs)


def never() -> bool:
    """Nobody asks to stop."""
    return False


def run_of(config: RunConfig) -> Run:
    """Its folder, whether it is there or not."""
    return Run(Path(config.runs_dir) / str(config.name))


def failure_of(run: Run) -> str:
    """Why a run that is over has no result; nothing for one that has, or is not over."""
    return "training diverged" if run.metrics.get("stopped") == DIVERGED else ""


def over(config: RunConfig) -> bool:
    """Whether nothing is left to do of a run."""
    run = run_of(config)
    return run.complete or bool(failure_of(run))


def finish(config: RunConfig, tell: Tell, stopping: Stopping = never) -> Ending:
    """Train the run, go on with it, or leave it as it is when it is over.

    Raises  FileSystemError, which the next run would meet as well; InterruptedRunError.
    """
    run = run_of(config)
    if over(config):
        return Ending(run.name, failure_of(run))

    def observers(_config: RunConfig, _path: Path) -> list[Observer]:
        return [Watch(run.name, tell, stopping)]

    try:
        if run.config_file.exists():
            resume(run.path, observers)
        else:
            execute(config, observers, quiet=True)
    except (FileSystemError, InterruptedRunError):
        raise
    except HandgradError as error:
        return Ending(run.name, str(error))
    return Ending(run.name, stopped=not over(config))
