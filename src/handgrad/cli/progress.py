"""How far a training, a sweep or a recipe is: a bar in a terminal, and lines."""

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from handgrad.classical import CLASSICAL, Stage
from handgrad.cli.console import WAITS, Screen
from handgrad.config import RunConfig
from handgrad.config.metrics import is_share
from handgrad.runs.trackers import trackers
from handgrad.sweeps.driver import SweepCallback, SweepProgress
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.store import FAILED, LOST, STOPPED, Trial
from handgrad.text import duration
from handgrad.training import Callback, Epoch, Trainer

if TYPE_CHECKING:
    from handgrad.reproduce.tasks import Ending  # a training does not wait for the import

RECENT = 100  # iterations that the loss and accuracy on the bar are averaged over
LONGEST = 44  # letters of a run's name beside its bar
EVERY = 10.0  # seconds between two lines where there is no bar
MARKS = {STOPPED: "stopped", FAILED: "failed", LOST: "lost"}

LABEL = TextColumn("{task.description}", table_column=Column(no_wrap=True))
NUMBERS = TextColumn("{task.fields[numbers]}", table_column=Column(no_wrap=True, overflow="ellipsis"))


class Bars:
    """Bars on standard output while it is a terminal; elsewhere nothing but what is printed between them is seen."""

    def __init__(self, *columns: ProgressColumn) -> None:
        self.screen = Screen(highlight=False, soft_wrap=True)
        self._columns = columns
        self._rows: dict[str, Any] = {}
        self._bars: Progress | None = None

    @property
    def seen(self) -> bool:
        return self._bars is not None

    def move(self, completed: float, total: float | None, numbers: str = "", name: str = "", label: str = "") -> None:
        """Move the bar of this name, which appears when it is first moved."""
        if not self.screen.is_terminal:
            return
        if self._bars is None:
            self._bars = Progress(*self._columns, console=self.screen, transient=True)
            self._bars.start()
        values: dict[str, Any] = {"completed": completed, "description": label, "numbers": numbers}
        if name in self._rows:
            self._bars.update(self._rows[name], **values)
        else:
            self._rows[name] = self._bars.add_task(total=total, **values)

    def remove(self, name: str) -> None:
        """Take one bar away, if it is there."""
        if self._bars is not None and name in self._rows:
            self._bars.remove_task(self._rows.pop(name))

    def end(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars, self._rows = None, {}

    def print(self, line: str) -> None:
        """A line; above a bar, one that fits."""
        text = Text(line)
        if self.seen:
            text.truncate(self.screen.width, overflow="ellipsis")
        self.screen.print(text)


def callbacks(config: RunConfig, folder: Path) -> Sequence[Callback]:
    """The progress of a run, and the trackers that its configuration asks for, which a model without steps has none."""
    return [TrainingProgress(), *([] if config.model in CLASSICAL else trackers(config, folder))]


def callbacks_of_one(config: RunConfig, folder: Path) -> Sequence[Callback]:
    """The same for one of several runs: a bar, and no lines."""
    return [TrainingProgress(lines=False), *callbacks(config, folder)[1:]]


class TrainingProgress(Callback):
    """A bar with loss, accuracy, images per second and time left, and a line an epoch.

    For a model without steps the bar fills with the time that it is expected to take, and there is a line a stage.
    Without `lines` there is the bar alone.
    """

    def __init__(self, lines: bool = True) -> None:
        self._lines = lines
        self._bar = Bars(LABEL, BarColumn(), NUMBERS, TimeRemainingColumn())
        self._fit_bar = Bars(LABEL, BarColumn(), NUMBERS)
        self._measuring = ExitStack()
        self._began, self._from, self._stage = time.perf_counter(), 0, ""

    def started(self, trainer: Trainer) -> None:
        """Say what is trained on, and show the bar."""
        rows, held = len(trainer.split.train_rows), len(trainer.split.validation_rows)
        epochs, done = trainer.settings.epochs, trainer.step
        begin = f", going on from step {done} of {trainer.total_steps}" if done else ""
        self._print(
            f"{rows:,} + {held:,} validation images, {trainer.network.parameters.size:,} parameters, "
            f"{epochs:,} epoch{'s' * (epochs > 1)} of {trainer.steps_per_epoch:,} steps{begin}"
        )
        self._began, self._from = time.perf_counter(), done
        self._bar.move(done, trainer.total_steps)

    def paused(self, trainer: Trainer) -> None:
        if not self._bar.seen:
            return
        losses = trainer.history.losses[-RECENT:]
        size = trainer.settings.batch_size
        rate = (trainer.step - self._from) * size / (time.perf_counter() - self._began)
        right = sum(trainer.history.correct[-RECENT:]) / (len(losses) * size)
        numbers = f"loss {sum(losses) / len(losses):.3f}  acc {100 * right:.1f} %  {rate:,.0f} img/s"
        epoch = min(trainer.step // trainer.steps_per_epoch + 1, trainer.settings.epochs)
        self._bar.move(trainer.step, None, numbers, label=f"epoch {epoch}/{trainer.settings.epochs}")

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        measured = {
            "train": (epoch.train_loss, epoch.train_accuracy),
            "val": (epoch.validation_loss, epoch.validation_accuracy),
            "test": (epoch.test_loss, epoch.test_accuracy),
        }
        parts = [
            f"{part} {loss:.4f} {100 * share:5.2f} %"
            for part, (loss, share) in measured.items()
            if not math.isnan(loss)
        ]
        number = f"epoch {epoch.epoch:>{len(str(trainer.settings.epochs))}}"
        self._print("  ".join([number, *parts, f"{epoch.seconds:.2f} s"]))

    def ended(self, trainer: Trainer) -> None:
        """Take the bar away; all images are evaluated once more."""
        self._bar.end()
        if trainer.history.stopped != "failed":
            self._measuring.enter_context(self._bar.screen.working("measuring the network on all images"))

    def finished(self, trainer: Trainer, run: Any) -> None:
        self._measuring.close()

    def fitting(self, stage: Stage) -> None:
        if stage.name != self._stage and not self._fit_bar.screen.is_terminal and stage.expected > WAITS:
            self._print(f"{stage.name}: about {stage.expected:.0f} s")
        self._stage = stage.name
        numbers = f"{stage.seconds:.0f} of about {stage.expected:.0f} s"
        self._fit_bar.move(min(stage.seconds, stage.expected), stage.expected, numbers, stage.name, stage.name)
        if stage.over:
            self._fit_bar.end()
            self._print(f"{stage.name:<17}{stage.seconds:8.2f} s")

    def _print(self, line: str) -> None:
        if self._lines:
            self._bar.screen.print(line)


class RunsProgress:
    """A `Display` of a recipe's tasks: a bar for all runs and one for each that is trained, or a line now and then."""

    def __init__(self, runs: dict[str, int], finished: int) -> None:
        """`runs` are each task's by its name, many for a sweep, `finished` how many were over before."""
        self._runs, self._total, self._before = runs, sum(runs.values()), finished
        self._done, self._shares = 0, dict[str, float]()
        self._began = self._printed = time.perf_counter()
        self._bars = Bars(
            SpinnerColumn(), LABEL, BarColumn(bar_width=14), TextColumn("{task.percentage:3.0f} %"), NUMBERS
        )

    def __enter__(self) -> Self:
        self._move()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.end()

    def moved(self, name: str, share: float) -> None:
        """Move the run's bar, or print now and then how far all are."""
        self._shares[name] = share
        self._bars.move(share, 1.0, name=name, label=name[:LONGEST])
        self._move()
        if not self._bars.seen and time.perf_counter() - self._printed > EVERY:
            self._printed = time.perf_counter()
            self._bars.print(f"{self._done + int(self._under_way)} of {self._total} runs are over{self._left()}")

    def ended(self, ending: "Ending") -> None:
        """Take the run's bar away; a failure is printed in a line."""
        self._shares.pop(ending.name, None)
        self._done += self._runs[ending.name]
        self._bars.remove(ending.name)
        if ending.failure:
            self._bars.screen.print(f"{ending.name}: {ending.failure}")
        self._move()

    def _move(self) -> None:
        note = f"{self._done} of {self._total}{self._left()}"
        self._bars.move(self._done + self._under_way, self._total, note, label="all runs")

    @property
    def _under_way(self) -> float:
        """How much of the unfinished runs and sweeps is done, in runs."""
        return sum(share * self._runs[name] for name, share in self._shares.items())

    def _left(self) -> str:
        """The time left, estimated from the runs of this start; runs that were over before do not count."""
        made = self._done - self._before + self._under_way
        if made < 1:
            return ""
        left = self._total - self._done - self._under_way
        return f", about {duration((time.perf_counter() - self._began) / made * left)} left"


class SweepView(SweepCallback):
    """A bar, and above it a line for each new best and each failure; where there is no bar, a line a trial."""

    def __init__(self) -> None:
        self._bar = Bars(BarColumn(bar_width=16), NUMBERS)
        self._metric = ""
        self._best: Trial | None = None

    def began(self, sweep: Sweep, progress: SweepProgress) -> None:
        """Say what is run, and show the bar."""
        self._metric, self._best = sweep.definition.metric.name, progress.best
        self._bar.screen.print(self._title(sweep, progress))
        self._bar.move(progress.ended, progress.wanted, "starting")

    def polled(self, progress: SweepProgress) -> None:
        of = f"/{progress.wanted:,}" if progress.wanted is not None else ""
        parts = [f"{progress.ended:,}{of} done, {progress.running} running"]
        parts += [f"{n} {what}" for n, what in ((progress.stopped, "stopped"), (progress.failed, "failed")) if n]
        parts += [f"best {self._value(progress.best.objective)}"] if progress.best else []
        parts += [f"{duration(progress.seconds_left)} left"] if progress.seconds_left is not None else []
        self._bar.move(progress.ended, progress.wanted, ", ".join(parts))

    def trial_ended(self, trial: Trial, progress: SweepProgress) -> None:
        is_best = progress.best is not None and progress.best != self._best
        self._best = progress.best
        if not self._bar.seen or is_best or trial.state in (FAILED, LOST):
            mark = MARKS.get(trial.state, "best" if is_best else "")
            why = f": {trial.why}" if trial.why else ""
            value = self._value(trial.objective)
            self._bar.print(f"{trial.number:>5}  {value:>8}  {mark:<7}  {trial.seconds:6.1f} s  {trial.run}{why}")

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
        return f"{100 * objective:.2f} %" if is_share(self._metric) else f"{objective:.4f}"


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
