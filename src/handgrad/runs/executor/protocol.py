"""What drivers and executors exchange: tasks, events, and the JSON lines between their processes."""

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, NamedTuple, Protocol

from handgrad.errors import HandgradError

CHUNK = 1 << 16
INTERRUPTED = "interrupted"


class Task(NamedTuple):
    """Something to do in a worker: the fields of a run's RunConfig, and what else its function needs, as plain data."""

    number: int
    config: dict[str, Any]
    options: dict[str, Any]


class TaskProgress(NamedTuple):
    """Which share of a task is done, from 0 to 1."""

    number: int
    share: float
    asks: bool = False


class EpochEnded(NamedTuple):
    """The metric after an epoch, None where it is not finite; where it `asks`, the trial waits for an answer."""

    number: int
    epoch: int
    value: float | None
    asks: bool = False


class Ended(NamedTuple):
    """A task is over: `how` is finished, early stop, interrupted, diverged, refused, or broken (by its machine).

    `message` and `exit_code` are those of the error that ended it. `epochs` are the values of a trial's metric after
    each, for a driver that has not received them.
    """

    number: int
    how: str
    objective: float | None = None
    seconds: float = 0.0
    message: str = ""
    epochs: tuple[float | None, ...] = ()
    exit_code: int = 0


class Died(NamedTuple):
    """The process of a task is gone without a word; `alone`, unless the one that starts workers died with them all."""

    number: int
    message: str
    alone: bool = True


class Notice(NamedTuple):
    """Something about the executor itself that a person may want to read."""

    text: str


Event = TaskProgress | EpochEnded | Ended | Died | Notice


class Reporter(Protocol):
    """How a task communicates with its driver."""

    def report(self, event: EpochEnded | TaskProgress) -> str:
        """Send an event; where it asks, wait for the answer: why to stop, or nothing."""

    def interrupted(self) -> bool:
        """Whether the driver wants the task to stop, saved; also when there is no driver any more."""


class Executor(Protocol):
    """Runs tasks, as many at once as it has slots."""

    @property
    def slots(self) -> int:
        """How many tasks can run at once, as it is now."""

    def submit(self, task: Task) -> None:
        """Start a task."""

    def decide(self, number: int, stop: str) -> None:
        """Let the trial that asks go on, or stop it, with the reason for its log."""

    def interrupt(self) -> None:
        """Have every task stop where it is, saved; each reports that it has ended."""

    def events(self, seconds: float) -> Sequence[Event]:
        """What happened; waits at most so long for something to happen.

        Raises  HandgradError when no task can be run here, say for want of the data set.
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
        """Write a message; one to an end that is gone is lost, as the end of file there shows."""
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


EVENTS: dict[str, type[Event]] = {
    "progress": TaskProgress,
    "epoch": EpochEnded,
    "ended": Ended,
    "died": Died,
    "notice": Notice,
}


def message_of(event: Event) -> dict[str, Any]:
    """The message that `events_of` reads as this event."""
    return {next(name for name, made in EVENTS.items() if isinstance(event, made)): list(event)}


def events_of(message: dict[str, Any]) -> list[Event]:
    """The events in a message.  Raises  HandgradError where the process that sent it refuses to go on."""
    if "refused" in message:
        raise error_of(message["refused"], message["exit_code"])
    return [event(*message[name]) for name, event in EVENTS.items() if name in message]


def error_of(message: str, exit_code: int) -> HandgradError:
    """An error that another process has met."""
    error = HandgradError(message)
    error.exit_code = exit_code
    return error


class Child:
    """A process of `python -m MODULE FD ARGUMENT`, whose descriptor FD is the other end of its `channel`."""

    def __init__(self, module: str, argument: Any, log: IO[bytes] | None, variables: Mapping[str, str]) -> None:
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
