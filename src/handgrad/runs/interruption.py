"""Ctrl-C and SIGTERM end a training at its next pause, saved; a second one ends the process at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from handgrad.errors import HandgradError


class InterruptedRunError(HandgradError):
    """A signal stopped the training; its exit code is 128 plus the signal's number, as shells have it."""

    opening = ""

    def __init__(self, message: str, number: int, at_once: bool = False) -> None:
        super().__init__(message)
        self.exit_code, self.at_once = 128 + number, at_once


def stopped_among(done: int, total: int, number: int, at_once: bool = False) -> InterruptedRunError:
    """Of several runs of one command, `done` were over when the signal came."""
    words = f"stopped: {done} of {total} runs are finished; the same command resumes the rest"
    return InterruptedRunError(words, number, at_once)


class Stoppable(Protocol):
    """What can be asked to stop at its next pause: a Trainer, or a fit."""

    def stop(self, reason: str) -> None:
        """Ask."""


class Interruption:
    """Which signal has come, if any."""

    signal: int = 0


@contextmanager
def stopping_on_signals(task: Stoppable | None = None) -> Iterator[Interruption]:
    """While the block runs, the first SIGINT or SIGTERM asks `task` to stop; handlers are put back afterwards."""
    seen = Interruption()

    def stop(number: int, frame: Any) -> None:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        seen.signal = number
        if task is not None:
            task.stop("interrupted")

    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # Python delivers signals there only
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
