"""How long a classical model has been at work, beside how long it should take."""

from typing import Any

from rich.progress import BarColumn, Progress, TextColumn

from handgrad.classical import Stage
from handgrad.cli.console import WAITS, Screen
from handgrad.training import Callback


class FitProgress(Callback):
    """A bar that fills with time when stdout is a terminal; unless `lines` is False, a line where a stage ends, and
    elsewhere one where a long stage begins."""

    def __init__(self, lines: bool = True) -> None:
        self._lines = lines
        self.console = Screen(highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._task: Any = None
        self._stage = ""

    def fitting(self, stage: Stage) -> None:
        """Begin, move or end a stage."""
        if stage.name != self._stage:
            self._begin(stage)
        if self._bar is not None:
            numbers = f"{stage.seconds:.0f} of about {stage.expected:.0f} s"
            self._bar.update(self._task, completed=min(stage.seconds, stage.expected), numbers=numbers)
        if stage.over:
            self._end(stage)

    def _begin(self, stage: Stage) -> None:
        self._stage = stage.name
        if self.console.is_terminal:
            columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[numbers]}")
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task(stage.name, total=stage.expected, numbers="")
            self._bar.start()
        elif self._lines and stage.expected > WAITS:
            self.console.print(f"{stage.name}: about {stage.expected:.0f} s")

    def _end(self, stage: Stage) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._lines:
            self.console.print(f"{stage.name:<17}{stage.seconds:8.2f} s")
