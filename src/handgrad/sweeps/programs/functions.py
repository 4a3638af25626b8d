"""An executor for a program that calls a function of its own for each trial, as `wandb.agent(id, function=train)`."""

import select
import shlex
import signal
from collections.abc import Sequence
from pathlib import Path
from subprocess import Popen

from handgrad.errors import HandgradError
from handgrad.runs.executor.protocol import Channel, Event, Task
from handgrad.sweeps.programs.program import Program
from handgrad.sweeps.programs.run_program import FAILED, LOG_SECONDS, Followed
from handgrad.sweeps.programs.trial_folder import STOP, read_outcome


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
