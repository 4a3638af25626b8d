"""As many worker processes as there are slots, each with a trial of its own and a single thread."""

import os
import selectors
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from handgrad.errors import FileSystemError
from handgrad.files import open_file
from handgrad.kernels.cache import report_compiling
from handgrad.sweeps.executors.protocol import Channel, Child, Died, Event, Notice, Task, events_of

FORK_SERVER = "handgrad.sweeps.executors.fork_server"
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
PATIENCE_SECONDS = 5.0
DEATHS = 3  # of the process that starts workers that are survived without progress between them


class Worker:
    """A process and the trial that it has, if any; `origin` leads to the process that it was forked from."""

    def __init__(self, channel: Channel, origin: Channel) -> None:
        self.channel, self.origin = channel, origin
        self.task: Task | None = None
        self.pid = 0


class LocalExecutor:
    """An Executor on this machine; what workers print goes to the file `log`.

    `configs` are those that the first trials will have: what they need is loaded before there is a worker.
    """

    def __init__(self, slots: int, configs: Sequence[dict[str, Any]], log: Path) -> None:
        self.slots, self._configs, self._log = slots, list(configs), log
        self._workers: list[Worker] = []
        self._selector = selectors.DefaultSelector()
        self._deaths = 0  # of the process that starts workers, since a trial has come forward
        self._start_fork_server()

    def submit(self, task: Task) -> None:
        """Give the task to an idle worker, or to a new one."""
        idle = (worker for worker in self._workers if worker.task is None and not worker.channel.closed)
        worker = next(idle, None) or self._start_worker()
        worker.task = task
        worker.channel.send({"task": list(task)})

    def answer(self, number: int, stop: str) -> None:
        for worker in self._busy():
            if worker.task and worker.task.number == number:
                worker.channel.send({"answer": stop})

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

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._workers if worker.pid]

    def _start_fork_server(self) -> None:
        with open_file(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as log:
            self._written = os.fstat(log.fileno()).st_size
            self._fork_server = Child(FORK_SERVER, self._configs, log, ONE_THREAD)
        self._control, self._ready = self._fork_server.channel, False
        self._selector.register(self._control.socket, selectors.EVENT_READ, None)

    def _read_fork_server(self) -> list[Event]:
        """Raises  HandgradError where trials cannot be run, as it says itself, or as it dies again and again."""
        for message in self._control.received():
            self._ready = self._ready or "ready" in message
            if "compiling" in message:
                report_compiling()
            events_of(message)
        if not self._control.closed:
            return []
        self._selector.unregister(self._control.socket)
        self._control.close()
        code = self._fork_server.process.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self._deaths += 1
        if self._deaths > DEATHS or (code > 0 and not self._ready):
            times = f", {self._deaths} times without progress" if self._deaths > 1 else ""
            raise FileSystemError(f"the process that starts workers {how}{times}: {self._last_words()} ({self._log})")
        self._start_fork_server()
        return [Notice(f"the process that starts workers {how}, and its workers with it; it is started again")]

    def _last_words(self) -> str:
        """The last line that it has written, such as the error that it ended with."""
        lines = self._log.read_bytes()[self._written :].decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing. Is memory short?")

    def _start_worker(self) -> Worker:
        ours, theirs = socket.socketpair()
        with theirs, suppress(OSError):  # it has just died: the worker's socket is at its end, its trial comes again
            socket.send_fds(self._control.socket, [b"w"], [theirs.fileno()])
        worker = Worker(Channel(ours), self._control)
        self._workers.append(worker)
        self._selector.register(ours, selectors.EVENT_READ, worker)
        return worker

    def _busy(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.task is not None]

    def _event(self, worker: Worker, message: dict[str, Any]) -> list[Event]:
        if "pid" in message:
            worker.pid = message["pid"]
        if "epoch" in message or "ended" in message:
            self._deaths = 0
        if "ended" in message:
            worker.task = None
        return events_of(message)

    def _removed(self, worker: Worker) -> list[Event]:
        self._selector.unregister(worker.channel.socket)
        worker.channel.close()
        self._workers.remove(worker)
        if worker.task is None:
            return []
        return [Died(worker.task.number, f"its process {worker.pid} died", not worker.origin.at_end())]
