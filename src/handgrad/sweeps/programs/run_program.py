"""One trial of somebody's program, from its task to its end: a process, or a call of its own function."""

import math
import os
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import Popen

from handgrad.errors import HandgradError, UsageError
from handgrad.runs.executor.local import ONE_THREAD
from handgrad.runs.executor.protocol import INTERRUPTED, Channel, Ended, EpochEnded, Event, Reporter, Task
from handgrad.sweeps.programs.logged import OUTPUT, Logged
from handgrad.sweeps.programs.program import Program
from handgrad.sweeps.programs.trial_folder import (
    MOST_EPOCHS,
    NEVER_LOGGED,
    PARAMETERS,
    STOP,
    prepare,
    read_outcome,
    variables,
    write_outcome,
)
from handgrad.sweeps.run_trial import EARLY
from handgrad.text import nearest

FUNCTION = f"{__name__}:run_program"
LOG_SECONDS = 0.05  # between two looks at what a program logs
PATIENCE_SECONDS = 5.0  # between a signal and the one that cannot be ignored
MOST_NAMES = 12
FAILED = "failed"  # how a trial of a program ends that crashed, or has no result
TIME_IS_UP = "time limit"
# Kills a group of processes unless a line comes. It has no parent, for Ray ends the children of a worker before it.
GUARD = 'exec 3<&0; (read line <&3 || kill -s KILL -- "-$0") &'


class Followed:
    """A trial of a program at work: what it logs becomes events."""

    def __init__(self, task: Task, program: Program) -> None:
        self.task, self.folder = task, prepare(task)
        self.logged = Logged(self.folder, program, task.options["metric"])
        self.values: list[float | None] = []
        self.began = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.began

    def epochs(self, last: bool = False) -> list[EpochEnded]:
        """An event for each new value of the metric; at a rung, it asks whether to go on."""
        found: list[EpochEnded] = []
        for value in self.logged.new_values(last):
            self.values.append(value if math.isfinite(value) else None)
            epoch = len(self.values)
            if epoch <= MOST_EPOCHS:
                found.append(EpochEnded(self.task.number, epoch, self.values[-1], epoch in self.task.options["rungs"]))
        return found

    def end(self, how: str, message: str = "") -> Ended:
        """How the trial ended, which is written down unless it is to begin once more."""
        self.epochs(last=True)
        objective = self.logged.result() if how in ("finished", EARLY) else None
        if how in ("finished", EARLY) and (objective is None or not math.isfinite(objective)):
            how, message = FAILED, self._without_result(objective)
            objective = None
        epochs = tuple(self.values[:MOST_EPOCHS])
        ended = Ended(self.task.number, how, objective, round(self.seconds, 3), message, epochs)
        if how not in (INTERRUPTED, "broken"):
            write_outcome(self.folder, ended, self.logged.name())
        return ended

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
    """One process of the program for a trial; `crashed` once it has ended by itself, and not well."""

    def __init__(self, task: Task, program: Program, threads: int) -> None:
        super().__init__(task, program)
        self.ending, self._kill_at, self.crashed = "", math.inf, False
        words = program.words(task.options["parameters"], self.folder / PARAMETERS)
        environment = variables(program, self.folder, task.options["sweep"])
        environment |= {name: os.environ.get(name, str(threads)) for name in ONE_THREAD}
        try:
            with open(self.folder / OUTPUT, "wb") as output:
                self.process = subprocess.Popen(
                    words,
                    cwd=program.folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is for the driver alone
                )
        except OSError as error:
            raise UsageError(f"cannot start {' '.join(words[:2])}: {error.strerror or error}") from error

    def completed(self, reporter: Reporter) -> Ended:
        """Follow the process to its end, which is that of all it has started, as is the end of this process."""
        guard = subprocess.Popen(["sh", "-c", GUARD, str(self.process.pid)], stdin=subprocess.PIPE, process_group=0)
        try:
            while (code := self._code()) is None:
                self._look(reporter)
        finally:
            self._signal(signal.SIGKILL)
            self.process.wait()
            guard.communicate(b"\n")
        limit = self.task.options["time_limit"]
        if self.ending == TIME_IS_UP:
            return self.end(FAILED, f"took longer than {limit:g} s (--time_limit)")
        if self.ending:
            return self.end(self.ending)
        if code < 0:
            return self.end("broken", f"its process was killed by signal {-code}")
        self.crashed = code > 0
        return self.end(FAILED, self.last_words() or f"exit code {code}") if code else self.end("finished")

    def _code(self) -> int | None:
        """The exit code of the process, None where it is still at work after a moment."""
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(LOG_SECONDS)
        return None

    def _look(self, reporter: Reporter) -> None:
        """Report what is new, and have the process end where that is wanted, or its time is up."""
        for event in self.epochs():
            if why := reporter.report(event):
                self._stop(INTERRUPTED if why == INTERRUPTED else EARLY)
        if reporter.interrupted():
            self._stop(INTERRUPTED)
        limit = self.task.options["time_limit"]
        if limit and self.seconds > limit:
            self._stop(TIME_IS_UP)
        if time.monotonic() > self._kill_at:
            self._signal(signal.SIGKILL)

    def _stop(self, how: str) -> None:
        """Have the process end, by a signal that it may heed."""
        if not self.ending:
            self.ending, self._kill_at = how, time.monotonic() + PATIENCE_SECONDS
            self._signal(signal.SIGINT if how == INTERRUPTED else signal.SIGTERM)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


def run_program(task: Task, reporter: Reporter, threads: int = 1) -> Ended:
    """Run the program of a task, unless that was done before, and once more where it crashes and is to be retried.

    Raises  UsageError where it cannot be started; FileSystemError.
    """
    if earlier := read_outcome(Path(task.options["folder"]), task.number):
        return earlier
    program = Program.from_mapping(dict(task.options["program"]))
    for tries_left in range(program.retries, -1, -1):
        attempt = Attempt(task, program, threads)
        end = attempt.completed(reporter)
        if not (attempt.crashed and tries_left):
            break
    return end


class FunctionExecutor:
    """An Executor of one slot; the process waits at the other end of its channel for the folder of the next trial."""

    slots = 1

    def __init__(self, process: "Popen[bytes]", channel: Channel, program: Program) -> None:
        self._process, self._channel, self._program = process, channel, program
        self._trial: Followed | None = None
        self._over: list[Event] = []

    def submit(self, task: Task) -> None:
        """Have the function called, unless that was done before."""
        if end := read_outcome(Path(task.options["folder"]), task.number):
            self._over.append(end)
            return
        self._trial = Followed(task, self._program)
        self._channel.send({"trial": str(self._trial.folder)})

    def decide(self, number: int, stop: str) -> None:
        """Where it is to stop, its next call of `log` does not return."""
        if stop and self._trial:
            (self._trial.folder / STOP).touch()

    def interrupt(self) -> None:
        if self._trial:
            self._process.send_signal(signal.SIGINT)

    def events(self, seconds: float) -> Sequence[Event]:
        """Raises  HandgradError when the process has ended within a trial."""
        found, self._over = self._over, []
        if found or self._trial is None:
            return found
        select.select([self._channel.socket], [], [], min(seconds, LOG_SECONDS))
        for message in self._channel.received():
            end = self._trial.end(str(message["how"]), str(message["text"]))
            self._trial = None
            return [end]
        if self._channel.closed:
            why = f"{self._program.path} ended within a trial, with exit code {self._process.wait()}"
            self._trial.end(FAILED, why)  # whoever goes on finds that, and begins with the next one
            raise HandgradError(f"{why}. The other trials: {shlex.join(self._program.function)}")
        return self._trial.epochs()

    def close(self) -> None:
        """The process goes on when it hears that there are no more trials."""
