"""One trial, from its task to its end, in whatever process it is run."""

import os
import shutil
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from handgrad.config import RunConfig, build_dataset
from handgrad.data import Dataset
from handgrad.errors import CorruptDataError, DivergedError, FileSystemError, UsageError
from handgrad.runs import InterruptedRunError, Run, execute, resume
from handgrad.runs.recording import journal
from handgrad.runs.trackers import trackers
from handgrad.sweeps.executors.protocol import EARLY, INTERRUPTED, Ended, EpochEnded, Task
from handgrad.training import Callback, Epoch, Trainer


class Reporter(Protocol):
    """How a trial speaks with the driver of its sweep."""

    def epoch_ended(self, event: EpochEnded) -> str:
        """Tell of an epoch; where the event asks, wait for the answer: why to stop, or nothing."""

    def interrupted(self) -> bool:
        """Whether the driver wants the trial to stop, saved; also when there is no driver any more."""


class Reporting(Callback):
    """Tells the driver of every epoch, those before a resume included, and does as it says.

    It stops a training where the Recorder, which comes before it, still gets to save.
    """

    def __init__(self, task: Task, reporter: Reporter) -> None:
        self.task, self.reporter = task, reporter

    def started(self, trainer: Trainer) -> None:
        """Epochs that the driver may not have heard of, if the one that made them died."""
        past = trainer.history.epochs
        latest = max((rung for rung in self.task.rungs if rung <= len(past)), default=0)
        for epoch in past:
            self._tell(trainer, epoch, epoch.epoch == latest)

    def stepped(self, trainer: Trainer, first: int, losses: object, correct: object, norms: object) -> None:
        if self.reporter.interrupted():
            trainer.stop(INTERRUPTED)

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """An epoch's metric; at a rung, wait for the answer."""
        self._tell(trainer, epoch, epoch.epoch in self.task.rungs)

    def _tell(self, trainer: Trainer, epoch: Epoch, asks: bool) -> None:
        value = epoch.row().get(self.task.metric)
        why = self.reporter.epoch_ended(EpochEnded(self.task.number, epoch.epoch, value, asks))
        if why:
            trainer.stop(INTERRUPTED if why == INTERRUPTED else EARLY)
            journal.info("stopped: %s", why)


def run_trial(task: Task, reporter: Reporter) -> Ended:
    """Train to the end, to a stop or to a failure, from the newest checkpoint where the run was begun before."""
    began = time.perf_counter()
    try:
        config = RunConfig(**task.config)
        run = _train(task, config, reporter)
    except (DivergedError, UsageError, CorruptDataError) as error:
        how = "diverged" if isinstance(error, DivergedError) else "refused"
        return Ended(task.number, how, seconds=time.perf_counter() - began, message=str(error))
    except InterruptedRunError:
        return Ended(task.number, INTERRUPTED)
    except (Exception, MemoryError) as error:  # whatever it is, the sweep goes on and says so
        if not isinstance(error, FileSystemError):
            traceback.print_exc(file=sys.stderr)
        return Ended(task.number, "broken", message=f"{type(error).__name__}: {' '.join(str(error).split())}")
    if run.metrics["stopped"] == EARLY:
        run.drop_checkpoints()
    return ended(task.number, task.metric, config, run)


_LOADED: dict[Any, Dataset] = {}


def data_key(config: RunConfig) -> Any:
    """What the data set of a run depends on."""
    return config.dataset, config.resize, config.features, config.fold, config.seed if config.fold else None


def data_set(config: RunConfig) -> Dataset:
    """Loaded once; processes that are forked afterwards share it."""
    key = data_key(config)
    if key not in _LOADED:
        _LOADED[key] = build_dataset(config)
    return _LOADED[key]


def provide(config: RunConfig, dataset: Dataset) -> None:
    """Have the data set of such runs, which somebody else has loaded."""
    _LOADED.setdefault(data_key(config), dataset)


def _train(task: Task, config: RunConfig, reporter: Reporter) -> Run:
    dataset = data_set(config)

    def callbacks(config: RunConfig, folder: Path) -> Sequence[Callback]:
        return [Reporting(task, reporter), *trackers(config, folder)]

    path = Path(os.path.expanduser(config.runs_dir)) / str(config.name)
    if (path / "config.yaml").exists():
        return resume(path, callbacks, dataset=dataset, trial_mode=True)
    shutil.rmtree(path, ignore_errors=True)  # of one that was killed while it made its folder
    return execute(config, callbacks, dataset=dataset, trial_mode=True)


def ended(number: int, metric: str, config: RunConfig, run: Run) -> Ended:
    """How trial `number` ended, from what its run wrote down.  Raises  CorruptDataError."""
    metrics = run.metrics
    how = {EARLY: EARLY, INTERRUPTED: INTERRUPTED}.get(metrics["stopped"], "finished")
    rows = metrics["epochs"]
    best = metrics["best_epoch"] if config.keep == "best" else None
    kept = rows[(best or len(rows)) - 1] if rows else {}
    objective = kept.get(metric)
    if objective is None and how != INTERRUPTED:
        return Ended(number, "diverged", None, metrics["seconds"], f"{metric} is not a finite number")
    return Ended(number, how, objective, metrics["seconds"], epochs=tuple(row.get(metric) for row in rows))
