"""Runs that belong together, such as those of a cross-validation: each is started, continued or found finished."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from handgrad.config import RunConfig
from handgrad.errors import HandgradError, UsageError
from handgrad.runs.execution import CallbackMaker, execute, no_callbacks, resume
from handgrad.runs.interruption import (
    KILLED,
    InterruptedRunError,
    follow,
    starting_processes,
    stopped_among,
    stopping_on_signals,
)
from handgrad.runs.store import Run

TICK = 0.1  # seconds between two looks whether a signal has come


class Answer(NamedTuple):
    """How a run in another process ended: with exit code 0, or with an error's code and message."""

    code: int
    message: str


class RunFailedError(HandgradError):
    """A run in another process failed; the message and the exit code are its own."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.exit_code = answer.code


def complete_run(config: RunConfig, callbacks: CallbackMaker = no_callbacks) -> Run:
    """The run of that name, finished: left alone, continued, or else trained, without warnings.

    Raises  UsageError when the folder holds a run of other settings; as `execute`.
    """
    run = Run(_path(config))
    if not os.path.lexists(run.config_file):
        return execute(config, callbacks, quiet=True)
    if run.config != config:
        raise UsageError(f"{run.path} is a run of other settings: choose another --name")
    return run if run.complete else resume(run.path, callbacks)


def complete_runs(configs: Sequence[RunConfig], jobs: int, callbacks: CallbackMaker) -> Iterator[tuple[int, Run]]:
    """Each run with its place among `configs`, as they get finished; with several jobs nobody observes them.

    Raises  as `complete_run`; RunFailedError in its place with several jobs.
    """
    if jobs == 1 or len(configs) < 2:
        for place, config in enumerate(configs):
            try:
                run = complete_run(config, callbacks)
            except InterruptedRunError as error:
                raise stopped_among(place, len(configs), error.exit_code - 128, error.at_once) from None
            yield place, run
        return
    # Spawned: a forked child would share locks of threads that it does not have.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(jobs, len(configs)), context, follow, (os.getpid(),))
    with stopping_on_signals() as interruption, _closing(pool):
        with starting_processes():
            places = {pool.submit(_in_process, config): place for place, config in enumerate(configs)}
        waiting = set(places)
        while waiting and not interruption.signal:
            over, waiting = wait(waiting, TICK, FIRST_COMPLETED)
            for future in over:
                answer = _answer(future)
                if answer.code:
                    raise RunFailedError(answer)
                yield places[future], Run(_path(configs[places[future]]))
        if interruption.signal:
            for child in multiprocessing.active_children():
                child.terminate()  # which lets a run save itself
    if interruption.signal:
        raise stopped_among(len(places) - len(waiting), len(places), interruption.signal)


@contextmanager
def _closing(pool: ProcessPoolExecutor) -> Iterator[None]:
    """Its runs at work are waited for, those that have not begun are not begun any more."""
    try:
        yield
    finally:
        pool.shutdown(cancel_futures=True)


def _answer(future: Future[Answer]) -> Answer:
    try:
        return future.result()
    except BrokenProcessPool:
        return Answer(1, KILLED)


def _in_process(config: RunConfig) -> Answer:
    try:
        complete_run(config)
    except HandgradError as error:
        if error.at_once:
            os._exit(error.exit_code)
        return Answer(error.exit_code, str(error))
    return Answer(0, "")


def _path(config: RunConfig) -> Path:
    return Path(config.runs_dir) / str(config.name)
