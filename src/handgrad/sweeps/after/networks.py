"""The networks that a sweep's trials left behind; those that another machine has are trained again."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from handgrad.config import RunConfig
from handgrad.errors import UsageError
from handgrad.runs import InterruptedRunError, Run
from handgrad.sweeps.executor import INTERRUPTED, EpochEnded, Task
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.trial import STOPPED, Trial
from handgrad.sweeps.workers.execution import run_trial


class Kept(NamedTuple):
    """The run of a trial, whose folder has its network; `note` says where it was trained again, and what came of it."""

    trial: Trial
    run: Run
    note: str = ""


Tell = Callable[[str], None]
"""Hears that a network is trained again, which takes its time."""


def networks(sweep: Sweep, trials: Iterable[Trial], tell: Tell = lambda line: None) -> list[Kept]:
    """The runs of the trials.  Raises  UsageError when one cannot be trained again; InterruptedRunError."""
    return [_kept(sweep, trial, tell) for trial in trials]


def _kept(sweep: Sweep, trial: Trial, tell: Tell) -> Kept:
    run = sweep.run(trial)
    if run.model_file.exists():
        return Kept(trial, run)
    why = "its network is missing" if run.path.exists() else "it ran on another machine"
    tell(f"{trial.run}: {why}, so it is trained again")
    objective = _train_again(sweep, trial)
    metric = sweep.definition.metric.name
    return Kept(
        trial, run, f"{trial.run}: {why}; trained again, {metric} {objective:.4f}, {trial.objective:.4f} before"
    )


def _train_again(sweep: Sweep, trial: Trial) -> float:
    config = sweep.config(trial).replaced(track=())
    last = max(trial.epochs, default=config.epochs) if trial.state == STOPPED else config.epochs
    task = Task(trial.number, config.to_mapping(), sweep.definition.metric.name, (last,))
    ended = run_trial(task, StopAfter(last, config))
    if ended.how == INTERRUPTED:
        raise InterruptedRunError(f"stopped while {trial.run} was trained again, saved: the same command goes on", 2)
    if ended.objective is None:
        raise UsageError(f"{trial.run} cannot be trained again here: {ended.how}, {ended.message}")
    return ended.objective


class StopAfter:
    """A trial's Link that ends it where it was stopped in its sweep."""

    def __init__(self, epoch: int, config: RunConfig) -> None:
        self.epoch, self.stops = epoch, epoch < config.epochs

    def epoch_ended(self, event: EpochEnded) -> str:
        """Stop where it is time."""
        return "where the sweep stopped it" if self.stops and event.epoch >= self.epoch else ""

    def interrupted(self) -> bool:
        """Signals reach the training by themselves."""
        return False
