"""As many worker processes as there are slots, each with a trial of its own and a single thread."""

import json
import os
import selectors
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handgrad.errors import FileSystemError, HandgradError
from handgrad.kernels.cache import say_compiling
from handgrad.sweeps.executor import Died, Ended, EpochEnded, Event, Task
from handgrad.sweeps.workers.channel import Channel

NURSERY = "handgrad.sweeps.workers.nursery"
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
PATIENCE_SECONDS = 5.0


class Worker:
    """A process and the trial that it has, if any."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.task: Task | None = None
        self.pid = 0


class Pool:
    """An Executor on this machine; what workers print goes to the file `log`.

    `configs` are those that the first trials will have: what they need is loaded before there is a worker.
    """

    def __init__(self, slots: int, configs: Sequence[dict[str, Any]], log: Path) -> None:
        self.slots, self._configs, self._log = slots, list(configs), log
        self._workers: list[Worker] = []
        self._selector = selectors.DefaultSelector()
        self._start_nursery()

    def submit(self, task: Task) -> None:
        """Give the task to an idle worker, or to a new one."""
        idle = (worker for worker in self._workers if worker.task is None and not worker.channel.closed)
        worker = next(idle, None) or self._hire()
        worker.task = task
        worker.channel.send({"task": list(task)})

    def answer(self, number: int, stop: str) -> None:
        """To the trial that asks."""
        for worker in self._busy():
            if worker.task and worker.task.number == number:
                worker.channel.send({"answer": stop})

    def interrupt(self) -> None:
        """To every trial."""
        for worker in self._busy():
            worker.channel.send({"interrupt": True})

    def events(self, seconds: float) -> list[Event]:
        """Read what has come, once something has."""
        found: list[Event] = []
        for key, _ in self._selector.select(seconds):
            worker = key.data
            if worker is None:
                self._hear_nursery()
                continue
            found += [event for message in worker.channel.received() for event in self._event(worker, message)]
            if worker.channel.closed:
                found += self._bury(worker)
        return found

    def close(self) -> None:
        """Hang up: workers end when they have nothing to do, and when the nursery is ended at the latest."""
        for worker in self._workers:
            worker.channel.close()
        self._control.close()
        try:
            self._nursery.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._nursery.kill()
            self._nursery.wait()
        self._selector.close()

    @property
    def pids(self) -> list[int]:
        """The processes of the workers."""
        return [worker.pid for worker in self._workers if worker.pid]

    def _start_nursery(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs, self._log.open("ab") as log:
            self._nursery = subprocess.Popen(
                [sys.executable, "-m", NURSERY, str(theirs.fileno()), json.dumps(self._configs)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **ONE_THREAD},
                start_new_session=True,  # Ctrl-C is for the driver alone
            )
        self._control, self._ready = Channel(ours), False
        self._selector.register(ours, selectors.EVENT_READ, None)

    def _hear_nursery(self) -> None:
        for message in self._control.received():
            self._ready = self._ready or "ready" in message
            if "compiling" in message:
                say_compiling()
            if "refused" in message:
                error = HandgradError(message["refused"])
                error.exit_code = message["exit_code"]
                raise error
        if self._control.closed:  # and its workers with it, of which each one's socket tells
            self._selector.unregister(self._control.socket)
            self._nursery.wait()
            if not self._ready:
                raise FileSystemError(f"the process that starts workers ended at once: {self._log} may tell why")
            self._start_nursery()

    def _hire(self) -> Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control.socket, [b"w"], [theirs.fileno()])
            except OSError:  # the nursery has just died: the worker's socket is at its end, and its trial comes again
                self._control.closed = True
        worker = Worker(Channel(ours))
        self._workers.append(worker)
        self._selector.register(ours, selectors.EVENT_READ, worker)
        return worker

    def _busy(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.task is not None]

    def _event(self, worker: Worker, message: dict[str, Any]) -> list[Event]:
        if "pid" in message:
            worker.pid = message["pid"]
        if "epoch" in message:
            return [EpochEnded(*message["epoch"])]
        if "ended" in message:
            worker.task = None
            return [Ended(*message["ended"])]
        return []

    def _bury(self, worker: Worker) -> list[Event]:
        self._selector.unregister(worker.channel.socket)
        worker.channel.close()
        self._workers.remove(worker)
        return [Died(worker.task.number, f"its process {worker.pid} died")] if worker.task else []
