"""How far a sweep is: a bar in a terminal, and a line a trial elsewhere."""

from collections.abc import Callable
from operator import attrgetter

from rich.progress import BarColumn

from handgrad.sweeps.definition import Metric
from handgrad.sweeps.driver import SweepCallback, SweepProgress
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.store import FAILED, LOST, STOPPED, Trial
from handgrad.text import duration
from handgrad.training.progress import NUMBERS, Bars

MARKS = {STOPPED: "stopped", FAILED: "failed", LOST: "lost"}


class SweepView(SweepCallback):
    """A bar, and above it a line for each new best and each failure; where there is no bar, a line a trial."""

    def __init__(self, bar: bool = True) -> None:
        self._has_bar = bar
        self._bar = Bars(BarColumn(bar_width=16), NUMBERS)
        self._metric = Metric()
        self._best: Trial | None = None
        self._title_of: Callable[[Trial], str] = attrgetter("run")

    def began(self, sweep: Sweep, progress: SweepProgress) -> None:
        """Say what is run, and show the bar."""
        self._metric, self._best, self._title_of = sweep.definition.metric, progress.best, sweep.title
        self._bar.screen.print(self._title(sweep, progress))
        self._move(progress, "starting")

    def polled(self, progress: SweepProgress) -> None:
        of = f"/{progress.wanted:,}" if progress.wanted is not None else ""
        parts = [f"{progress.ended:,}{of} done, {progress.running} running"]
        parts += [f"{n} {what}" for n, what in ((progress.stopped, "stopped"), (progress.failed, "failed")) if n]
        parts += [f"best {self._value(progress.best.objective)}"] if progress.best else []
        parts += [f"{duration(progress.seconds_left)} left"] if progress.seconds_left is not None else []
        self._move(progress, ", ".join(parts))

    def _move(self, progress: SweepProgress, text: str) -> None:
        if self._has_bar:  # a program that prints in between would tear it
            self._bar.move(progress.ended, progress.wanted, text)

    def trial_ended(self, trial: Trial, progress: SweepProgress) -> None:
        is_best = progress.best is not None and progress.best != self._best
        self._best = progress.best
        if not self._bar.seen or is_best or trial.state in (FAILED, LOST):
            mark = MARKS.get(trial.state, "best" if is_best else "")
            why = f": {trial.why}" if trial.why else ""
            value, title = self._value(trial.objective), self._title_of(trial)
            self._bar.print(f"{trial.number:>5}  {value:>8}  {mark:<7}  {trial.seconds:6.1f} s  {title}{why}")

    def noticed(self, text: str) -> None:
        self._bar.print(text)

    def ended(self, sweep: Sweep, progress: SweepProgress) -> None:
        """Take the bar away, and print what came out."""
        self._bar.end()
        for line in self._outcome(sweep, progress):
            self._bar.screen.print(line)

    def _title(self, sweep: Sweep, progress: SweepProgress) -> str:
        settings = sweep.settings
        count = "trials until the time is up" if progress.wanted is None else f"{progress.wanted:,} trials"
        return f"sweep {sweep.name}: {settings.method}, {count}{_seeds_and_done(sweep, progress)}, in {sweep.path}"

    def _outcome(self, sweep: Sweep, progress: SweepProgress) -> list[str]:
        stopped = f", {progress.stopped:,} stopped early" * bool(progress.stopped)
        failed = f", {progress.failed:,} failed" * bool(progress.failed)
        lines = [f"{progress.ended:,} trials done{stopped}{failed}"]
        if best := progress.best:
            which = f"trial {best.number}: {sweep.title(best)}"
            lines.append(f"best: {self._metric.name} {self._value(best.objective)}, {which}")
            lines.append(f"  {sweep.command(best.values, best)}")
            if sweep.definition.program is None:
                lines.append(f"its test accuracy, to be looked at once: handgrad sweep test {sweep.path}")
        if any(sweep.runs_dir.glob("*/wandb/offline-run-*")):
            lines.append(
                f"W&B: written offline. Send it later with `wandb sync {sweep.runs_dir}/*/wandb/offline-run-*`"
            )
        return lines

    def _value(self, objective: float | None) -> str:
        if objective is None:
            return ""
        return f"{100 * objective:.2f} %" if self._metric.share else f"{objective:.4f}"


class TransferView(SweepView):
    """The same of the runs on another data set; the command prints their results."""

    def _title(self, sweep: Sweep, progress: SweepProgress) -> str:
        runs = f"{progress.wanted:,} runs{_seeds_and_done(sweep, progress)}"
        return f"on {sweep.definition.constants['dataset']}: {runs}, in {sweep.path}"

    def _outcome(self, sweep: Sweep, progress: SweepProgress) -> list[str]:
        return []


def _seeds_and_done(sweep: Sweep, progress: SweepProgress) -> str:
    seeds = f", {sweep.settings.seeds} seeds each" if sweep.settings.seeds > 1 else ""
    return seeds + (f", {progress.ended:,} of them done" if progress.ended else "")
