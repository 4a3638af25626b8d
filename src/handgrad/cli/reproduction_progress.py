"""How far the runs of a recipe are: one bar for all and one for each at work, or plain lines elsewhere."""

import time
from collections.abc import Sequence
from typing import Any, Self

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Column

from handgrad.cli.console import Screen
from handgrad.reports.blocks import duration
from handgrad.reproduce.tasks import Ending, Task, over, runs_in

LONGEST = 44  # letters of a run's name on its bar
EVERY = 10.0  # seconds between two plain lines


class RunsProgress:
    """A `Display` on standard output, which counts the trials of a sweep as runs."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._console = Screen(highlight=False)
        self._runs = {str(task.name): runs_in(task) for task in tasks}
        self._total, self._done = sum(self._runs.values()), 0
        self._before = sum(self._runs[str(task.name)] for task in tasks if over(task))
        self._shares: dict[str, float] = {}
        self._began = self._told = time.perf_counter()
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=14),
            TextColumn("{task.percentage:3.0f} %"),
            TextColumn("{task.fields[note]}"),
        )
        self._bars = Progress(*columns, console=self._console, transient=True)
        self._tasks: dict[str, Any] = {}
        self._whole: Any = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._whole = self._bars.add_task("all runs", total=self._total, note="")
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._whole is not None:
            self._bars.stop()

    def moved(self, name: str, share: float) -> None:
        """Move the run's bar, or say in a line how far all are, now and then."""
        self._shares[name] = share
        if self._whole is not None:
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name[:LONGEST], total=1.0, note="")
            self._bars.update(self._tasks[name], completed=share)
            self._move_whole()
        elif time.perf_counter() - self._told > EVERY:
            self._told = time.perf_counter()
            self._console.print(f"{self._done + int(self._under_way)} of {self._total} runs are over{self._left()}")

    def ended(self, ending: Ending) -> None:
        """Take its bar away; a failure is printed in a line."""
        self._shares.pop(ending.name, None)
        self._done += self._runs[ending.name]
        if ending.name in self._tasks:
            self._bars.remove_task(self._tasks.pop(ending.name))
        if ending.failure:
            self._console.print(f"{ending.name}: {ending.failure}", soft_wrap=True)
        self._move_whole()

    def _move_whole(self) -> None:
        if self._whole is not None:
            note = f"{self._done} of {self._total}{self._left()}"
            self._bars.update(self._whole, completed=self._done + self._under_way, note=note)

    @property
    def _under_way(self) -> float:
        """What is done of the runs and sweeps at work, in runs."""
        return sum(share * self._runs[name] for name, share in self._shares.items())

    def _left(self) -> str:
        """What the runs so far make one expect; runs that were over before say nothing of it."""
        made = self._done - self._before + self._under_way
        if made < 1:
            return ""
        left = self._total - self._done - self._under_way
        return f", about {duration((time.perf_counter() - self._began) / made * left)} left"
