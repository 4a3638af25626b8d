"""All runs and sweeps of a recipe, several at a time in processes of their own, until they are over or stopped."""

import logging
import multiprocessing
import os
import queue
import signal
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from typing import Any, NamedTuple, Protocol

from handgrad.errors import HandgradError
from handgrad.reproduce.tasks import Ending, Task, finish
from handgrad.runs import InterruptedRunError
from handgrad.runs.interruption import KILLED, follow, starting_processes, stopped_among, stopping_on_signals

TICK = 0.2  # seconds


class Display(Protocol):
    """Shows how far the runs are."""

    def moved(self, name: str, share: float) -> None:
        """A run is so far, from 0 to 1."""

    def ended(self, ending: Ending) -> None:
        """A run is over."""


class Answer(NamedTuple):
    """A run's ending, or the error that no further run would escape."""

    ending: Ending
    error: str = ""
    code: int = 0


class _FailedError(HandgradError):
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.error)
        self.exit_code = answer.code


class _Stop:
    """Whether somebody asked to stop."""

    asked = False

    def stop(self, reason: str) -> None:
        """Ask."""
        self.asked = True


def one_thread_each() -> None:
    """For libraries that would take all cores, as PyTorch does, and are not imported yet: other runs want them too."""
    os.environ["OMP_NUM_THREADS"] = "1"


def finish_all(tasks: Sequence[Task], jobs: int, display: Display) -> dict[str, str]:
    """Do, resume or skip each; the failed ones by name, each with its reason.

    Raises  InterruptedRunError after Ctrl-C or SIGTERM, when every run has saved itself; FileSystemError.
    """
    endings = _one_by_one(tasks, display) if jobs == 1 or len(tasks) < 2 else _at_once(tasks, jobs, display)
    found = {}
    with closing(endings):
        for done, ending in enumerate(endings):
            if ending.stopped:
                raise stopped_among(done, len(tasks), signal.SIGINT)
            display.ended(ending)
            if ending.failure:
                found[ending.name] = ending.failure
    return found


def _one_by_one(tasks: Sequence[Task], display: Display) -> Generator[Ending]:
    for done, task in enumerate(tasks):
        try:
            yield finish(task, display.moved)
        except InterruptedRunError as error:
            raise stopped_among(done, len(tasks), error.exit_code - 128, error.at_once) from None


def _at_once(tasks: Sequence[Task], jobs: int, display: Display) -> Generator[Ending]:
    # Spawned: a forked child would share locks of threads that it does not have.
    context = multiprocessing.get_context("spawn")
    reports: Any = context.Queue()
    stop, done = _Stop(), 0
    with stopping_on_signals(stop) as interruption, _pool(context, min(jobs, len(tasks)), reports) as pool:
        with starting_processes():
            waiting = {pool.submit(_in_process, task) for task in tasks}
        while waiting and not stop.asked:
            over, waiting = wait(waiting, TICK, FIRST_COMPLETED)
            _pass_on(reports, display)
            for future in over:
                yield _result(future)
                done += 1
        if stop.asked:
            _stop_all(waiting)
    if interruption.signal:
        raise stopped_among(done, len(tasks), interruption.signal)


@contextmanager
def _pool(context: Any, jobs: int, reports: Any) -> Iterator[ProcessPoolExecutor]:
    """Its processes end with the block, however it is left; what they save, they save before."""
    pool = ProcessPoolExecutor(jobs, context, _begin, (reports, os.getpid()))
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            child.kill()


def _stop_all(waiting: set[Future[Answer]]) -> None:
    """Let those at work save what they have."""
    for future in waiting:
        future.cancel()
    for child in multiprocessing.active_children():
        os.kill(child.pid or 0, signal.SIGTERM)
    wait([future for future in waiting if not future.cancelled()])


def _pass_on(reports: Any, display: Display) -> None:
    while True:
        try:
            display.moved(*reports.get_nowait())
        except queue.Empty:
            return


def _result(future: Future[Answer]) -> Ending:
    try:
        answer = future.result()
    except BrokenProcessPool:
        raise HandgradError(KILLED) from None
    if answer.code:
        raise _FailedError(answer)
    return answer.ending


# What follows is of a process of the pool.

_stop = _Stop()
_reports: list[Any] = []


def _begin(reports: Any, parent: int) -> None:
    """Before the first piece of work."""
    one_thread_each()
    follow(parent)
    signal.signal(signal.SIGTERM, lambda number, frame: _stop.stop(""))
    logging.getLogger("handgrad").addHandler(logging.NullHandler())  # warnings stand in the run's log
    _reports.append(reports)


def _tell(name: str, share: float) -> None:
    _reports[0].put((name, share))


def _in_process(task: Task) -> Answer:
    nothing = Ending(str(task.name), stopped=True)
    if _stop.asked:
        return Answer(nothing)
    try:
        return Answer(finish(task, _tell, lambda: _stop.asked))
    except InterruptedRunError:  # a sweep listens to the signal itself
        _stop.stop("")
        return Answer(nothing)
    except HandgradError as error:
        return Answer(nothing, str(error), error.exit_code)
