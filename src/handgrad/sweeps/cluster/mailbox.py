"""What a worker has to say, kept until it was heard, and what it is told in the meantime."""

import threading
from collections import deque
from typing import Any

from handgrad.sweeps.executor import INTERRUPTED, EpochEnded


class Mailbox:
    """A trial's Link, for a driver that asks for news over a network that may lose an answer.

    News are numbered from 0 and stay until whoever listens has said that they were heard.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._news: deque[Any] = deque()
        self._first = 0
        self._answer: str | None = None
        self._stopping = False

    def post(self, news: Any) -> None:
        """Something to be heard."""
        with self._changed:
            self._news.append(news)
            self._changed.notify_all()

    def listen(self, heard: int, seconds: float) -> list[Any]:
        """The news from number `heard` on; waits at most so long for some."""
        with self._changed:
            while self._first < heard and self._news:
                self._news.popleft()
                self._first += 1
            self._changed.wait_for(lambda: bool(self._news), seconds)
            return list(self._news)

    def begin(self) -> None:
        """A new trial: nothing that was told to the last one counts."""
        with self._changed:
            self._answer, self._stopping = None, False

    def answer(self, stop: str) -> None:
        """For the trial that asks."""
        with self._changed:
            self._answer = stop
            self._changed.notify_all()

    def interrupt(self) -> None:
        """For a trial that is to stop."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def epoch_ended(self, event: EpochEnded) -> str:
        """Tell of an epoch, and wait for the answer where it asks for one."""
        with self._changed:
            self._answer = None
        self.post({"epoch": list(event)})
        if not event.asks:
            return ""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._answer is not None)
            return INTERRUPTED if self._answer is None else self._answer

    def interrupted(self) -> bool:
        """Whether the trial is to stop."""
        return self._stopping
