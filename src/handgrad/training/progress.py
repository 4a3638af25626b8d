"""How far a training is: a bar in a terminal or a notebook, and a line an epoch."""

import math
import time
from contextlib import ExitStack
from typing import Any

from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from handgrad.classical import Stage
from handgrad.screen import WAITS, Screen
from handgrad.training.history import Epoch
from handgrad.training.trainer import Callback, Trainer

RECENT = 100  # iterations that the loss and accuracy on the bar are averaged over

LABEL = TextColumn("{task.description}", table_column=Column(no_wrap=True))
NUMBERS = TextColumn("{task.fields[numbers]}", table_column=Column(no_wrap=True, overflow="ellipsis"))


class Bars:
    """Bars where standard output is a terminal or a notebook; elsewhere only what is printed between them is seen."""

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
        if not self.screen.moves:
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


class TrainingProgress(Callback):
    """A bar with loss, accuracy, images per second and time left, and a line an epoch.

    For a model without steps the bar fills with the time that it is expected to take, and there is a line a stage.
    Without `lines` there is the bar alone. With `measures`, what is measured after the training is announced.
    """

    def __init__(self, lines: bool = True, measures: bool = True) -> None:
        self._lines, self._measures = lines, measures
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
        if self._measures and trainer.history.stopped != "failed":
            self._measuring.enter_context(self._bar.screen.working("measuring the network on all images"))

    def finished(self, trainer: Trainer, run: Any) -> None:
        self._measuring.close()

    def fitting(self, stage: Stage) -> None:
        if stage.name != self._stage and not self._fit_bar.screen.moves and stage.expected > WAITS:
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
