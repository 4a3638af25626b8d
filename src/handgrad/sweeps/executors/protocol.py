"""Where trials run: what a driver asks of an executor, what it hears, and the JSON lines between its processes."""

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, NamedTuple, Protocol

from handgrad.errors import HandgradError
from handgrad.sweeps.store import FINISHED, STOPPED

CHUNK = 1 << 16
INTERRUPTED, EARLY = "interrupted", "early stop"
STATES = {"finished": FINISHED, EARLY: STOPPED}  # of trials that ended like that; all others failed


class Task(NamedTuple):
    """A trial to run: the fields of its RunConfig, the number of an epoch to report, and after which epochs to ask."""

    number: int
    config: dict[str, Any]
    metric: str
    rungs: tuple[int, ...] = ()


class EpochEnded(NamedTuple):
    """The metric after an epoch, None where it is not finite; where it `asks`, the trial waits for an answer."""

    number: int
    epoch: int
    value: float | None
    asks: bool = False


class Ended(NamedTuple):
    """A trial is over: `how` is finished, early stop, interrupted, diverged, refused, or broken (by its machine).

    `epochs` are the metric's values after each, for whoever was not there to hear of them.
    """

    number: int
    how: str
    objective: float | None = None
    seconds: float = 0.0
    message: str = ""
    epochs: tuple[float | None, ...] = ()


class Died(NamedTuple):
    """The process of a trial is gone without a word; `alone`, unless the one that starts workers died with them all."""

    number: int
    message: str
    alone: bool = True


class Notice(NamedTuple):
    """Something about the place itself that a person may want to read."""

    text: str


Event = EpochEnded | Ended | Died | Notice


class Executor(Protocol):
    """Runs tasks, as many at once as it has slots."""

    @property
    def slots(self) -> int:
        """How many trials can run at once, as it is now."""

    def submit(self, task: Task) -> None:
        """Start a trial."""

    def answer(self, number: int, stop: str) -> None:
        """Let the trial that asks go on, or stop it, with the reason for its log."""

    def interrupt(self) -> None:
        """Ask every trial to stop where it is, saved; each says that it has ended."""

    def events(self, seconds: float) -> Sequence[Event]:
        """What happened; waits at most so long for something to happen.

        Raises  HandgradError when no trial can be run here, say for want of the data set.
        """

    def close(self) -> None:
        """End every process; what still runs is lost."""


class Channel:
    """One end; messages are JSON objects."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self._buffer = b""
        self.closed = False

    def send(self, message: dict[str, Any]) -> None:
        """Write a message; one to an end that is gone is lost, which its own end of file tells."""
        with suppress(OSError):
            self.socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> dict[str, Any] | None:
        """The next message; None when the other end is gone."""
        while b"\n" not in self._buffer:
            if not self._read():
                return None
        return self._pop()

    def received(self) -> list[dict[str, Any]]:
        """The messages that are there already."""
        found = []
        while not self.closed and select.select([self.socket], [], [], 0)[0]:
            self._read()
        while b"\n" in self._buffer:
            found.append(self._pop())
        return found

    def at_end(self) -> bool:
        """Whether the other end is gone, and has left nothing to read."""
        try:
            return not self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """Hang up."""
        self.socket.close()
        self.closed = True

    def _read(self) -> bool:
        try:
            chunk = self.socket.recv(CHUNK)
        except OSError:
            chunk = b""
        self._buffer += chunk
        self.closed = self.closed or not chunk
        return bool(chunk)

    def _pop(self) -> dict[str, Any]:
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message


EVENTS: dict[str, Callable[[Any], Event]] = {
    "epoch": lambda fields: EpochEnded(*fields),
    "ended": lambda fields: Ended(*fields),
    "died": lambda fields: Died(*fields),
    "notice": Notice,
}


def events_of(message: dict[str, Any]) -> list[Event]:
    """What a message tells.  Raises  HandgradError where the process that sent it refuses to go on."""
    if "refused" in message:
        error = HandgradError(message["refused"])
        error.exit_code = message["exit_code"]
        raise error
    return [make(message[kind]) for kind, make in EVENTS.items() if kind in message]


class Child:
    """A process of `python -m MODULE FD ARGUMENT`, whose descriptor FD is the other end of its `channel`."""

    def __init__(self, module: str, argument: Any, log: IO[bytes], variables: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno()), json.dumps(argument)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **variables},
                start_new_session=True,  # Ctrl-C is for the driver alone
            )
        self.channel = Channel(ours)

    def close(self, patience: float) -> None:
        """Hang up, upon which it ends; it is killed when it takes longer than `patience` seconds."""
        self.channel.close()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
