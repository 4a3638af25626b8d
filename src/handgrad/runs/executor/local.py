"""As many worker processes as there are slots, each with a task of its own and a single thread."""

import os
import pkgutil
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import Any

from handgrad import kernels
from handgrad.errors import FileSystemError, HandgradError
from handgrad.files import open_file
from handgrad.runs.executor.protocol import (
    INTERRUPTED,
    Channel,
    Child,
    Died,
    Ended,
    EpochEnded,
    Event,
    Executor,
    Notice,
    Task,
    TaskProgress,
    error_of,
    events_of,
)
from handgrad.runs.executor.worker import attempt
from handgrad.runs.interruption import InterruptedRunError, stopped_among, stopping_on_signals

FORK_SERVER = "handgrad.runs.executor.fork_server"
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
PATIENCE_SECONDS = 5.0
SHUTDOWN_SECONDS = 60.0  # for interrupted tasks to save what they have
POLL_SECONDS = 0.2
DEATHS = 3  # of the process that starts workers that are survived without progress between them
KILLED = "a process was killed, perhaps for want of memory: the same command with fewer --jobs goes on"


def complete_all(
    function: str, tasks: Sequence[Task], jobs: int, report: Callable[[TaskProgress], None] = lambda event: None
) -> Generator[Ended]:
    """How each task ends, as they end, `jobs` at a time; one at a time, they are done in this process.

    Tasks at work are saved however the iteration ends.

    Raises  InterruptedRunError after a signal; HandgradError where a worker dies, or its machine lets a task fail.
    """
    if jobs == 1 or len(tasks) < 2:
        for place, task in enumerate(tasks):
            try:
                yield attempt(pkgutil.resolve_name(function), task, _Reporter(report))
            except InterruptedRunError as error:
                raise stopped_among(place, len(tasks), error.exit_code - 128, error.at_once) from None
        return
    waiting, running, done = deque(tasks), set[int](), 0
    executor = LocalExecutor(min(jobs, len(tasks)), function, (), None)
    with stopping_on_signals() as interruption, closing(executor):
        try:
            while (running or waiting) and not interruption.signal:
                while waiting and len(running) < executor.slots:
                    running.add(waiting[0].number)
                    executor.submit(waiting.popleft())
                for event in executor.events(POLL_SECONDS):
                    if isinstance(event, TaskProgress):
                        report(event)
                    elif isinstance(event, Died):
                        running.discard(event.number)
                        raise HandgradError(KILLED)
                    elif isinstance(event, Ended):
                        running.discard(event.number)
                        if event.how == INTERRUPTED:
                            raise stopped_among(done, len(tasks), signal.SIGINT)
                        if event.how == "broken":
                            raise error_of(event.message, event.exit_code)
                        done += 1
                        yield event
        finally:
            for event in interrupt_all(executor, running):
                done += isinstance(event, Ended) and event.how != INTERRUPTED
    if interruption.signal:
        raise stopped_among(done, len(tasks), interruption.signal)


class _Reporter:
    """The Reporter of a task in this process, which signals reach by themselves."""

    def __init__(self, report: Callable[[TaskProgress], None]) -> None:
        self._report = report

    def report(self, event: EpochEnded | TaskProgress) -> str:
        if isinstance(event, TaskProgress):
            self._report(event)
        return ""

    def interrupted(self) -> bool:
        return False


def interrupt_all(executor: Executor, running: set[int]) -> Generator[Event]:
    """Have every task save itself and stop; the events until all have, or SHUTDOWN_SECONDS have passed."""
    executor.interrupt()
    limit = time.monotonic() + SHUTDOWN_SECONDS
    while running and time.monotonic() < limit:
        for event in executor.events(POLL_SECONDS):
            if isinstance(event, Ended | Died):
                running.discard(event.number)
            yield event


class Worker:
    """A process and the task that it has, if any; `origin` leads to the process that it was forked from."""

    def __init__(self, channel: Channel, origin: Channel) -> None:
        self.channel, self.origin = channel, origin
        self.task: Task | None = None
        self.pid = 0


class LocalExecutor:
    """An Executor on this machine; what workers print goes to the file `log`, if any.

    Each task is a call of `function`, as "module:name". `configs` are those that the first tasks will have: what they
    need is loaded before there is a worker.
    """

    def __init__(self, slots: int, function: str, configs: Sequence[dict[str, Any]], log: Path | None) -> None:
        self.slots, self._log = slots, log
        self._order = {"function": function, "configs": list(configs)}
        self._workers: list[Worker] = []
        self._selector = selectors.DefaultSelector()
        self._deaths = 0  # of the process that starts workers, since a task has made progress
        self._start_fork_server()

    def submit(self, task: Task) -> None:
        """Give the task to an idle worker, or to a new one."""
        idle = (worker for worker in self._workers if worker.task is None and not worker.channel.closed)
        worker = next(idle, None) or self._start_worker()
        worker.task = task
        worker.channel.send({"task": list(task)})

    def decide(self, number: int, stop: str) -> None:
        for worker in self._busy():
            if worker.task and worker.task.number == number:
                worker.channel.send({"decision": stop})

    def interrupt(self) -> None:
        for worker in self._busy():
            worker.channel.send({"interrupt": True})

    def events(self, seconds: float) -> list[Event]:
        found: list[Event] = []
        for key, _ in self._selector.select(seconds):
            worker = key.data
            if worker is None:
                found += self._read_fork_server()
                continue
            found += [event for message in worker.channel.received() for event in self._event(worker, message)]
            if worker.channel.closed:
                found += self._removed(worker)
        return found

    def close(self) -> None:
        """Hang up: workers end when they have nothing to do, and when the fork server ends at the latest."""
        for worker in self._workers:
            worker.channel.close()
        self._fork_server.close(PATIENCE_SECONDS)
        self._selector.close()

    def _start_fork_server(self) -> None:
        with open_file(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT) if self._log else nullcontext() as log:
            self._written = os.fstat(log.fileno()).st_size if log else 0
            self._fork_server = Child(FORK_SERVER, self._order, log, ONE_THREAD)
        self._control, self._ready = self._fork_server.channel, False
        self._selector.register(self._control.socket, selectors.EVENT_READ, None)

    def _read_fork_server(self) -> list[Event]:
        """Raises  HandgradError where tasks cannot be run, as it reports itself, or as it dies again and again."""
        for message in self._control.received():
            self._ready = self._ready or "ready" in message
            self._event(None, message)
        if not self._control.closed:
            return []
        self._selector.unregister(self._control.socket)
        self._control.close()
        code = self._fork_server.process.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self._deaths += 1
        if self._deaths > DEATHS or (code > 0 and not self._ready):
            times = f", {self._deaths} times without progress" if self._deaths > 1 else ""
            raise FileSystemError(f"the process that starts workers {how}{times}: {self._last_words()}")
        self._start_fork_server()
        return [Notice(f"the process that starts workers {how}, and its workers with it; it is started again")]

    def _last_words(self) -> str:
        """The last line that it has written, such as the error that it ended with."""
        if self._log is None:
            return "its last words stand above"
        lines = self._log.read_bytes()[self._written :].decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing. Is memory short?")
        return f"{last} ({self._log})"

    def _start_worker(self) -> Worker:
        ours, theirs = socket.socketpair()
        with theirs, suppress(OSError):  # it has just died: the worker's socket is at its end, its task comes again
            socket.send_fds(self._control.socket, [b"w"], [theirs.fileno()])
        worker = Worker(Channel(ours), self._control)
        self._workers.append(worker)
        self._selector.register(ours, selectors.EVENT_READ, worker)
        return worker

    def _busy(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.task is not None]

    def _event(self, worker: Worker | None, message: dict[str, Any]) -> list[Event]:
        """What a worker, or else the fork server, reports."""
        if "compiling" in message:
            kernels.cache.report_compiling()
        if worker and "pid" in message:
            worker.pid = message["pid"]
        if message.keys() & {"epoch", "progress", "ended"}:
            self._deaths = 0
        if worker and "ended" in message:
            worker.task = None
        return events_of(message)

    def _removed(self, worker: Worker) -> list[Event]:
        self._selector.unregister(worker.channel.socket)
        worker.channel.close()
        self._workers.remove(worker)
        if worker.task is None:
            return []
        return [Died(worker.task.number, f"its process {worker.pid} died", not worker.origin.at_end())]
