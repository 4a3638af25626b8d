"""One trial, from its task to its end, in whatever process it is run."""

from collections.abc import Sequence
from pathlib import Path

from handgrad.config import RunConfig
from handgrad.runs import Run
from handgrad.runs.executor.protocol import INTERRUPTED, Ended, EpochEnded, Reporter, Task
from handgrad.runs.executor.worker import complete_run, data_set
from handgrad.runs.recording import journal
from handgrad.runs.trackers import trackers
from handgrad.sweeps.store import FINISHED, STOPPED
from handgrad.training import Callback, Epoch, Trainer

FUNCTION = f"{__name__}:run_trial"
EARLY = "early stop"
STATES = {"finished": FINISHED, EARLY: STOPPED}  # of trials that ended like that; all others failed


def task_of(number: int, config: RunConfig, metric: str, rungs: Sequence[int] = ()) -> Task:
    """The task of a trial: which number of an epoch it reports, and after which epochs it asks whether to go on."""
    return Task(number, config.to_mapping(), {"metric": metric, "rungs": list(rungs)})


class Reporting(Callback):
    """Reports every epoch to the driver, those before a resume included, and stops the training when it wants that.

    It stops a training where the Recorder, which comes before it, still gets to save.
    """

    def __init__(self, task: Task, reporter: Reporter) -> None:
        self.task, self.reporter = task, reporter

    def started(self, trainer: Trainer) -> None:
        """Epochs that the driver may not have heard of, if the one that made them died."""
        past = trainer.history.epochs
        latest = max((rung for rung in self.task.options["rungs"] if rung <= len(past)), default=0)
        for epoch in past:
            self._report(trainer, epoch, epoch.epoch == latest)

    def stepped(self, trainer: Trainer, first: int, losses: object, correct: object, norms: object) -> None:
        if self.reporter.interrupted():
            trainer.stop(INTERRUPTED)

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """An epoch's metric; at a rung, wait for the answer."""
        self._report(trainer, epoch, epoch.epoch in self.task.options["rungs"])

    def _report(self, trainer: Trainer, epoch: Epoch, asks: bool) -> None:
        value = epoch.row().get(self.task.options["metric"])
        why = self.reporter.report(EpochEnded(self.task.number, epoch.epoch, value, asks))
        if why:
            trainer.stop(INTERRUPTED if why == INTERRUPTED else EARLY)
            journal.info("stopped: %s", why)


def run_trial(task: Task, reporter: Reporter) -> Ended:
    """Train to the end or to a stop, from the newest checkpoint where the run was begun before.

    Raises  as `complete_run`.
    """
    config = RunConfig(**task.config)

    def callbacks(config: RunConfig, folder: Path) -> Sequence[Callback]:
        return [Reporting(task, reporter), *trackers(config, folder)]

    run = complete_run(config, callbacks, dataset=data_set(config), trial_mode=True)
    if run.metrics["stopped"] == EARLY:
        run.drop_checkpoints()
    return ended(task.number, task.options["metric"], config, run)


def ended(number: int, metric: str, config: RunConfig, run: Run) -> Ended:
    """How trial `number` ended, by the metrics of its run.  Raises  CorruptDataError."""
    metrics = run.metrics
    how = {EARLY: EARLY, INTERRUPTED: INTERRUPTED}.get(metrics["stopped"], "finished")
    rows = metrics["epochs"]
    best = metrics["best_epoch"] if config.keep == "best" else None
    kept = rows[(best or len(rows)) - 1] if rows else {}
    objective = kept.get(metric)
    if objective is None and how != INTERRUPTED:
        return Ended(number, "diverged", None, metrics["seconds"], f"{metric} is not a finite number")
    return Ended(number, how, objective, metrics["seconds"], epochs=tuple(row.get(metric) for row in rows))
