"""How far a sweep is: a bar in a terminal, with news above it; a line a trial everywhere else."""

from typing import Any

from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column
from rich.text import Text

from handgrad.cli.console import Screen
from handgrad.cli.show import duration
from handgrad.sweeps.driver import SweepCallback, SweepProgress
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.store import FAILED, LOST, STOPPED, Trial

MARKS = {STOPPED: "stopped", FAILED: "failed", LOST: "lost"}


class SweepView(SweepCallback):
    """Prints the sweep's course."""

    def __init__(self) -> None:
        self.console = Screen(highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._task: Any = None
        self._metric = ""
        self._best: Trial | None = None

    def began(self, sweep: Sweep, progress: SweepProgress) -> None:
        """Say what is run, and show the bar."""
        self._metric, self._best = sweep.definition.metric.name, progress.best
        self.console.print(self._title(sweep, progress))
        if self.console.is_terminal:
            numbers = TextColumn("{task.fields[numbers]}", table_column=Column(no_wrap=True, overflow="ellipsis"))
            self._bar = Progress(BarColumn(bar_width=16), numbers, console=self.console, transient=True)
            self._task = self._bar.add_task("", total=progress.wanted, numbers="starting")
            self._bar.start()

    def polled(self, progress: SweepProgress) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(self._task, completed=progress.settled, numbers=self._numbers(progress))

    def settled(self, trial: Trial, progress: SweepProgress) -> None:
        """A line for a trial; above a bar, only for what is worth one: a new best, a failure."""
        news = progress.best is not None and progress.best != self._best
        self._best = progress.best
        if self._bar is None or news or trial.state in (FAILED, LOST):
            self._print(self._line(trial, news))

    def noticed(self, text: str) -> None:
        """A line."""
        self._print(text)

    def ended(self, sweep: Sweep, progress: SweepProgress) -> None:
        """Take the bar away, and say what came out."""
        if self._bar is not None:
            self._bar.stop()
        for line in self._outcome(sweep, progress):
            self.console.print(line)

    def _title(self, sweep: Sweep, progress: SweepProgress) -> str:
        settings = sweep.settings
        count = "trials until the time is up" if progress.wanted is None else f"{progress.wanted:,} trials"
        seeds = f", {settings.seeds} seeds each" if settings.seeds > 1 else ""
        done = f", {progress.settled:,} of them done" if progress.settled else ""
        return f"sweep {sweep.name}: {settings.method}, {count}{seeds}{done}, in {sweep.path}"

    def _numbers(self, progress: SweepProgress) -> str:
        of = f"/{progress.wanted:,}" if progress.wanted is not None else ""
        parts = [f"{progress.settled:,}{of} done, {progress.running} running"]
        parts += [f"{n} {what}" for n, what in ((progress.stopped, "stopped"), (progress.failed, "failed")) if n]
        if progress.best:
            parts.append(f"best {self._value(progress.best.objective)}")
        if progress.seconds_left is not None:
            parts.append(f"{duration(progress.seconds_left)} left")
        return ", ".join(parts)

    def _line(self, trial: Trial, news: bool) -> str:
        value = self._value(trial.objective) if trial.objective is not None else ""
        mark = MARKS.get(trial.state, "best" if news else "")
        why = f": {trial.why}" if trial.why else ""
        return f"{trial.number:>5}  {value:>8}  {mark:<7}  {trial.seconds:6.1f} s  {trial.run}{why}"

    def _outcome(self, sweep: Sweep, progress: SweepProgress) -> list[str]:
        stopped, failed = f", {progress.stopped:,} stopped early" * bool(progress.stopped), ""
        failed = f", {progress.failed:,} failed" * bool(progress.failed)
        lines = [f"{progress.settled:,} trials settled{stopped}{failed}"]
        if progress.best:
            best = progress.best
            lines.append(f"best: {self._metric} {self._value(best.objective)}, trial {best.number}: {best.run}")
            lines.append(f"  {sweep.config(best).replaced(name=None, runs_dir='runs', wandb_group=None).command()}")
            lines.append(f"its test accuracy, to be looked at once: handgrad sweep test {sweep.path}")
        if any(sweep.runs_dir.glob("*/wandb/offline-run-*")):
            lines.append(
                f"W&B: written offline. Send it later with `wandb sync {sweep.runs_dir}/*/wandb/offline-run-*`"
            )
        return lines

    def _value(self, objective: float | None) -> str:
        if objective is None:
            return ""
        return f"{100 * objective:.2f} %" if self._metric.endswith("accuracy") else f"{objective:.4f}"

    def _print(self, line: str) -> None:
        width = self.console.width if self.console.is_terminal else None
        text = Text(line)
        if width and self._bar is not None:
            text.truncate(width, overflow="ellipsis")
        self.console.print(text)


class TransferView(SweepView):
    """Prints how the runs on another data set go; their results are printed by the command."""

    def _title(self, sweep: Sweep, progress: SweepProgress) -> str:
        seeds = f", {sweep.settings.seeds} seeds each" if sweep.settings.seeds > 1 else ""
        done = f", {progress.settled:,} of them done" if progress.settled else ""
        return f"on {sweep.definition.constants['dataset']}: {progress.wanted:,} runs{seeds}{done}, in {sweep.path}"

    def _outcome(self, sweep: Sweep, progress: SweepProgress) -> list[str]:
        return []
