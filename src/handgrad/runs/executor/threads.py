"""Tasks in threads of this process, for functions that wait for processes of their own."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

from handgrad.runs.executor.protocol import INTERRUPTED, EpochEnded, Event, Task, TaskProgress
from handgrad.runs.executor.worker import Function, perform

PATIENCE_SECONDS = 10.0  # for interrupted tasks to end


class WaitingReporter:
    """A Reporter that hands each event to `post`, and waits for the answers that another thread gives."""

    def __init__(self, post: Callable[[EpochEnded | TaskProgress], None]) -> None:
        self.changed = threading.Condition()
        self._post = post
        self._decision: str | None = None
        self._stopping = False

    def begin(self) -> None:
        """A new task: nothing that was sent to the last one counts."""
        with self.changed:
            self._decision, self._stopping = None, False

    def decide(self, stop: str) -> None:
        with self.changed:
            self._decision = stop
            self.changed.notify_all()

    def interrupt(self) -> None:
        with self.changed:
            self._stopping = True
            self.changed.notify_all()

    def report(self, event: EpochEnded | TaskProgress) -> str:
        with self.changed:
            self._decision = None
        self._post(event)
        if not event.asks:
            return ""
        with self.changed:
            self.changed.wait_for(lambda: self._stopping or self._decision is not None)
            return INTERRUPTED if self._decision is None else self._decision

    def interrupted(self) -> bool:
        return self._stopping


class ThreadExecutor:
    """An Executor whose tasks are calls of `function`, each in a thread of its own."""

    def __init__(self, slots: int, function: Function) -> None:
        self.slots, self._function = slots, function
        self._happened: SimpleQueue[Event] = SimpleQueue()
        self._running: dict[int, tuple[threading.Thread, WaitingReporter]] = {}

    def submit(self, task: Task) -> None:
        reporter = WaitingReporter(self._happened.put)
        thread = threading.Thread(
            target=lambda: self._happened.put(perform(self._function, task, reporter)), daemon=True
        )
        self._running[task.number] = thread, reporter
        thread.start()

    def decide(self, number: int, stop: str) -> None:
        self._running[number][1].decide(stop)

    def interrupt(self) -> None:
        for _, reporter in self._running.values():
            reporter.interrupt()

    def events(self, seconds: float) -> Sequence[Event]:
        found: list[Event] = []
        with suppress(Empty):
            found.append(self._happened.get(timeout=seconds))
            while True:
                found.append(self._happened.get_nowait())
        return found

    def close(self) -> None:
        """Interrupt what still runs, and wait for its end."""
        self.interrupt()
        for thread, _ in self._running.values():
            thread.join(PATIENCE_SECONDS)
