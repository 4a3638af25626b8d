"""What a worker does with a task, whatever process it is: data sets are loaded once, a run is trained or resumed."""

import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from handgrad.classical import Stage
from handgrad.config import RunConfig, build_dataset, data_key
from handgrad.data import Dataset
from handgrad.errors import DivergedError, FileSystemError, HandgradError, UsageError
from handgrad.evaluation import measure
from handgrad.runs.execution import CallbackMaker, execute, no_callbacks, prepare, resume
from handgrad.runs.executor.protocol import INTERRUPTED, Ended, Reporter, Task, TaskProgress
from handgrad.runs.interruption import InterruptedRunError
from handgrad.runs.store import Run
from handgrad.runs.trackers import preload
from handgrad.training import Callback, Trainer

REPORT_SECONDS = 0.2  # between two reports of how far a task is
LONGER = 0.99  # the progress of a fit that takes longer than expected

Function = Callable[[Task, Reporter], Ended]
"""What an executor calls for each of its tasks."""

_LOADED: dict[Any, Dataset] = {}


def run_of(config: RunConfig) -> Run:
    """The folder of a run, whether it is there or not."""
    return Run(Path(os.path.expanduser(config.runs_dir)) / str(config.name))


def folder_of(task: Task) -> Path:
    """Where a task writes to: the folder of its run, or, where it is none of handgrad's, that in its options."""
    return run_of(RunConfig(**task.config)).path if task.config else Path(task.options["folder"])


def moved(task: Task, folder: Path) -> Task:
    """The task, whose own folder is then in `folder`."""
    if task.config:
        return task._replace(config={**task.config, "runs_dir": str(folder)})
    return task._replace(options={**task.options, "folder": str(folder / folder_of(task).name)})


def complete_run(
    config: RunConfig,
    callbacks: CallbackMaker = no_callbacks,
    *,
    dataset: Dataset | None = None,
    trial_mode: bool = False,
) -> Run:
    """The run of that name: left alone if it is over, continued from its newest checkpoint, or else trained.

    `dataset` and `trial_mode` are as for `execute`.  Raises  as `execute` and `resume`.
    """
    run = run_of(config)
    if os.path.lexists(run.config_file):
        return resume(run.path, callbacks, dataset=dataset, trial_mode=trial_mode)
    if trial_mode:
        shutil.rmtree(run.path, ignore_errors=True)  # of one that was killed while it made its folder
    return execute(config, callbacks, dataset=dataset, trial_mode=trial_mode, quiet=True)


def attempt(function: Function, task: Task, reporter: Reporter) -> Ended:
    """Do the task; what is wrong with the task alone, such as its settings, is how it ends.

    Raises  FileSystemError, which the next task would meet as well; InterruptedRunError.
    """
    began = time.perf_counter()
    try:
        return function(task, reporter)
    except (FileSystemError, InterruptedRunError):
        raise
    except HandgradError as error:
        how = "diverged" if isinstance(error, DivergedError) else "refused"
        seconds = time.perf_counter() - began
        return Ended(task.number, how, seconds=seconds, message=error.text, exit_code=error.exit_code)


def perform(function: Function, task: Task, reporter: Reporter) -> Ended:
    """Do the task, for a worker that goes on whatever happens."""
    try:
        return attempt(function, task, reporter)
    except InterruptedRunError:
        return Ended(task.number, INTERRUPTED)
    except HandgradError as error:
        return Ended(task.number, "broken", message=error.text, exit_code=error.exit_code)
    except (Exception, MemoryError) as error:
        traceback.print_exc(file=sys.stderr)
        message = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return Ended(task.number, "broken", message=message, exit_code=1)


class ProgressReports(Callback):
    """Reports which share of a task is done, and passes a wish to stop on as the signal that every task obeys."""

    def __init__(self, number: int, reporter: Reporter) -> None:
        self._number, self._reporter = number, reporter
        self._reported, self._stopping = 0.0, False

    def paused(self, trainer: Trainer) -> None:
        """A training is as far as its steps are."""
        self.report(trainer.step / trainer.total_steps)

    def fitting(self, stage: Stage) -> None:
        """A model without steps is as far as its time is."""
        self.report(min(stage.seconds / max(stage.expected, REPORT_SECONDS), LONGER))

    def report(self, share: float) -> None:
        """Report a share from 0 to 1, unless it is too soon for another one."""
        if time.monotonic() - self._reported >= REPORT_SECONDS:
            self._reported = time.monotonic()
            self._reporter.report(TaskProgress(self._number, share))
        if not self._stopping and self._reporter.interrupted():
            self._stopping = True
            signal.raise_signal(signal.SIGTERM)


def data_set(config: RunConfig) -> Dataset:
    """Loaded once; processes that are forked afterwards share it."""
    key = data_key(config)
    if key not in _LOADED:
        _LOADED[key] = build_dataset(config)
    return _LOADED[key]


def provide(config: RunConfig, dataset: Dataset) -> None:
    """Have the data set of such runs, which another process has loaded."""
    _LOADED.setdefault(data_key(config), dataset)


def warm_up(configs: list[dict[str, Any]]) -> None:
    """Load the data sets and trackers, and take a step of each configuration, for which all its kernels are loaded.

    A network that does not fit its images is left out: its run, if it ever comes, reports why.
    """
    for mapping in configs:
        config = RunConfig(**mapping)
        dataset = data_set(config)
        preload(config)
        with suppress(UsageError):
            network, parts, settings = prepare(config, dataset)
            Trainer(network, parts, settings).seconds_for(1)
            measure(network, parts.x, parts.y, parts.train_rows[:1])
