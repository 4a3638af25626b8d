"""An executor whose tasks are processes of somebody's program, followed by what they log."""

import math
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from handgrad.machine import available_cores
from handgrad.runs.executor.fork_server import end_with
from handgrad.runs.executor.local import ONE_THREAD
from handgrad.runs.executor.protocol import INTERRUPTED, Ended, EpochEnded, Event, Task
from handgrad.sweeps.programs.logged import OUTPUT, Logged
from handgrad.sweeps.programs.program import Program
from handgrad.sweeps.programs.trial_folder import (
    MOST_EPOCHS,
    PARAMETERS,
    prepare,
    read_outcome,
    variables,
    write_outcome,
)
from handgrad.sweeps.run_trial import EARLY
from handgrad.text import nearest

TICK_SECONDS, LOG_SECONDS = 0.005, 0.05  # between two looks at processes, and at what they log
PATIENCE_SECONDS = 5.0  # between a signal and the one that cannot be ignored
NEVER_LOGGED = "was never logged"
MOST_NAMES = 12
FAILED = "failed"  # how a trial of a program ends that crashed, or has no result
TIME_IS_UP = "time limit"


class Followed:
    """A trial of a program at work: what it logs becomes events."""

    def __init__(self, task: Task, program: Program) -> None:
        self.task, self.folder = task, prepare(task)
        self.logged = Logged(self.folder, program, task.options["metric"])
        self.values: list[float | None] = []
        self.began, self._looked = time.perf_counter(), 0.0

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    def epochs(self, last: bool = False) -> list[Event]:
        """An event for each new value of the metric; at a rung, it asks whether to go on."""
        now = time.monotonic()
        if not last and now < self._looked + LOG_SECONDS:
            return []
        self._looked = now
        found: list[Event] = []
        for value in self.logged.new_values(last):
            self.values.append(value if math.isfinite(value) else None)
            epoch = len(self.values)
            if epoch <= MOST_EPOCHS:
                asks = epoch in self.task.options["rungs"] and not last
                found.append(EpochEnded(self.task.number, epoch, self.values[-1], asks))
        return found

    def end(self, how: str, message: str = "") -> list[Event]:
        """The last epochs, and how the trial ended, which is written down unless it is to begin once more."""
        found = self.epochs(last=True)
        objective = self.logged.result() if how in ("finished", EARLY) else None
        if how in ("finished", EARLY) and (objective is None or not math.isfinite(objective)):
            how, message = FAILED, self._without_result(objective)
            objective = None
        epochs = tuple(self.values[:MOST_EPOCHS])
        ended = Ended(self.task.number, how, objective, round(self.seconds, 3), message, epochs)
        if how not in (INTERRUPTED, "broken"):
            write_outcome(self.folder, ended, self.logged.name())
        return [*found, ended]

    def last_words(self) -> str:
        """The last line that the program printed, such as the error that ended it."""
        with suppress(OSError):
            text = (self.folder / OUTPUT).read_bytes()[-4096:].decode(errors="replace")
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            return lines[-1][:300] if lines else ""
        return ""

    def _without_result(self, objective: float | None) -> str:
        metric, names = self.task.options["metric"], list(self.logged.names)
        if objective is not None:
            return f"{metric} is {objective}, which is no finite number"
        if not names:
            return f"{metric} {NEVER_LOGGED}, and nothing else was: see {OUTPUT}, or name --metric_regex"
        near = nearest(metric, names)
        meant = f"; did you mean {near}?" if near else ""
        more = " …" * (len(names) > MOST_NAMES)
        return f"{metric} {NEVER_LOGGED}; logged were {', '.join(names[:MOST_NAMES])}{more}{meant}"


class Attempt(Followed):
    """One process of the program for a trial."""

    def __init__(self, task: Task, program: Program, sweep: str, threads: int, tries: int = 1) -> None:
        super().__init__(task, program)
        self.tries, self.ending, self._kill_at = tries, "", math.inf
        words = program.words(task.options["parameters"], self.folder / PARAMETERS)
        environment = variables(program, self.folder, sweep)
        environment |= {name: os.environ.get(name, str(threads)) for name in ONE_THREAD}
        with open(self.folder / OUTPUT, "wb") as output:
            self.process = subprocess.Popen(
                words,
                cwd=program.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the driver alone
                preexec_fn=partial(end_with, os.getpid()),  # noqa: PLW1509 (two system calls, no lock)
            )

    def stop(self, how: str, number: int) -> None:
        """Have the process end, by a signal that it may heed."""
        if not self.ending:
            self.ending, self._kill_at = how, time.monotonic() + PATIENCE_SECONDS
            self._signal(number)

    def poll(self, limit: float) -> list[Event]:
        """What happened; the last event is an end once the process has ended."""
        code = self.process.poll()
        if code is None:
            if limit and self.seconds > limit:
                self.stop(TIME_IS_UP, signal.SIGTERM)
            if time.monotonic() > self._kill_at:
                self._signal(signal.SIGKILL)
            return self.epochs()
        self._signal(signal.SIGKILL)  # what it has started and left behind
        if self.ending == TIME_IS_UP:
            return self.end(FAILED, f"took longer than {limit:g} s (--time_limit)")
        if self.ending:
            return self.end(self.ending)
        if code < 0:
            return self.end("broken", f"{self.task.options['folder']}: its process was killed by signal {-code}")
        return self.end("finished") if code == 0 else self.end(FAILED, self.last_words() or f"exit code {code}")

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


class ProgramExecutor:
    """An Executor that runs `slots` processes of a program at a time, each for at most `limit` seconds, 0 for any."""

    def __init__(self, program: Program, sweep: str, slots: int, limit: float) -> None:
        self.slots = slots
        self._program, self._limit = program, limit
        self._start = partial(Attempt, program=program, sweep=sweep, threads=max(1, len(available_cores()) // slots))
        self._running: dict[int, Attempt] = {}
        self._over: list[Event] = []

    def submit(self, task: Task) -> None:
        """Start a process, unless an earlier one has done the task."""
        folder = Path(task.options["folder"])
        if end := read_outcome(folder, task.number):
            self._over.append(end)
            return
        self._try(task, 1)

    def _try(self, task: Task, tries: int) -> None:
        try:
            self._running[task.number] = self._start(task, tries=tries)
        except OSError as error:
            words = self._program.words(task.options["parameters"], PARAMETERS)
            why = f"cannot start {' '.join(words[:2])}: {error.strerror or error}"
            self._over.append(Ended(task.number, FAILED, message=why))

    def decide(self, number: int, stop: str) -> None:
        if stop and number in self._running:
            self._running[number].stop(EARLY, signal.SIGTERM)

    def interrupt(self) -> None:
        for attempt in self._running.values():
            attempt.stop(INTERRUPTED, signal.SIGINT)

    def events(self, seconds: float) -> Sequence[Event]:
        limit = time.monotonic() + seconds
        while True:
            found, self._over = self._over, []
            for number, attempt in list(self._running.items()):
                events = attempt.poll(self._limit)
                if events and isinstance(events[-1], Ended):
                    del self._running[number]
                    if self._is_tried_once_more(attempt, events[-1]):
                        continue
                found += events
            if found or time.monotonic() >= limit:
                return found
            time.sleep(TICK_SECONDS)

    def _is_tried_once_more(self, attempt: Attempt, end: Ended) -> bool:
        crashed = bool(attempt.process.returncode) and not attempt.ending
        if not crashed or end.how != FAILED or attempt.tries > self._program.retries:
            return False
        self._try(attempt.task, attempt.tries + 1)
        return True

    def close(self) -> None:
        """End every process at once."""
        for attempt in self._running.values():
            attempt.stop(INTERRUPTED, signal.SIGKILL)
            attempt.process.wait()
