"""How far a training is: a bar in a terminal, and a line an epoch everywhere."""

import math
import time
from contextlib import ExitStack
from typing import Any

from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from handgrad.cli.console import Screen
from handgrad.training import Callback, Epoch, Trainer

RECENT = 100  # iterations that the loss and accuracy on the bar are averaged over


class Progress(Callback):
    """Bar with loss, accuracy, images per second and time left when stdout is a terminal; epochs as plain lines
    unless `lines` is False."""

    def __init__(self, quiet: bool = False, lines: bool = True) -> None:
        self.console = Screen(quiet=quiet, highlight=False, soft_wrap=True)
        self._lines = lines
        self._bar: Bar | None = None
        self._task: Any = None
        self._rest = ExitStack()
        self._began, self._from = time.perf_counter(), 0

    def started(self, trainer: Trainer) -> None:
        """Say what is trained on, and show the bar."""
        rows, held = len(trainer.split.train_rows), len(trainer.split.validation_rows)
        epochs, done = trainer.settings.epochs, trainer.step
        begin = f", going on from step {done} of {trainer.total_steps}" if done else ""
        self._say(
            f"{rows:,} + {held:,} validation images, {trainer.network.parameters.size:,} parameters, "
            f"{epochs:,} epoch{'s' * (epochs > 1)} of {trainer.steps_per_epoch:,} steps{begin}"
        )
        self._began, self._from = time.perf_counter(), done
        if self.console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[numbers]}"),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=self.console, transient=True)
            self._task = self._bar.add_task("", total=trainer.total_steps, completed=done, numbers="")
            self._bar.start()

    def paused(self, trainer: Trainer) -> None:
        """Move the bar."""
        if self._bar is None:
            return
        losses = trainer.history.losses[-RECENT:]
        size = trainer.settings.batch_size
        rate = (trainer.step - self._from) * size / (time.perf_counter() - self._began)
        right = sum(trainer.history.correct[-RECENT:]) / (len(losses) * size)
        numbers = f"loss {sum(losses) / len(losses):.3f}  acc {100 * right:.1f} %  {rate:,.0f} img/s"
        epoch = min(trainer.step // trainer.steps_per_epoch + 1, trainer.settings.epochs)
        description = f"epoch {epoch}/{trainer.settings.epochs}"
        self._bar.update(self._task, completed=trainer.step, description=description, numbers=numbers)

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """One line of numbers."""
        width = len(str(trainer.settings.epochs))
        parts = [f"epoch {epoch.epoch:>{width}}", f"train {_pair(epoch.train_loss, epoch.train_accuracy)}"]
        if not math.isnan(epoch.validation_loss):
            parts.append(f"val {_pair(epoch.validation_loss, epoch.validation_accuracy)}")
        if not math.isnan(epoch.test_loss):
            parts.append(f"test {_pair(epoch.test_loss, epoch.test_accuracy)}")
        self._say("  ".join([*parts, f"{epoch.seconds:.2f} s"]))

    def _say(self, line: str) -> None:
        if self._lines:
            self.console.print(line)

    def ended(self, trainer: Trainer) -> None:
        """Take the bar away; all images are looked at once more."""
        if self._bar is not None:
            self._bar.stop()
        if trainer.history.stopped != "failed":
            self._rest.enter_context(self.console.working("measuring the network on all images"))

    def finished(self, trainer: Trainer, run: Any) -> None:
        """That is done too."""
        self._rest.close()


def _pair(loss: float, accuracy: float) -> str:
    return f"{loss:.4f} {100 * accuracy:5.2f} %"
