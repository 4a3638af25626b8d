"""Keeps a tracker's troubles away from the run."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from handgrad.config import RunConfig
from handgrad.training import Callback, Epoch, Evaluation, Trainer

log = logging.getLogger("handgrad")


class Guarded(Callback):
    """A subclass sets `title`, `install` and `package`, what it imports, and overrides `open` and the `log_*` methods.

    Whatever one of them raises switches the tracker off with one warning; the training goes on.
    """

    title = ""
    install = ""
    package = ""

    def __init__(self, config: RunConfig, folder: Path) -> None:
        self.config, self.folder, self._off = config, folder, False

    def open(self, trainer: Trainer) -> None:
        """Begin."""

    def log_numbers(self, step: int, numbers: dict[str, float]) -> None:
        """Numbers by name after `step` iterations."""

    def log_end(self, trainer: Trainer, run: Any) -> None:
        """The run is complete."""

    def started(self, trainer: Trainer) -> None:
        """Open the tracker."""
        self._guarded(self.open, trainer)

    def stepped(self, trainer: Trainer, first: int, losses: Any, correct: Any, norms: dict[int, float]) -> None:
        """Every `log_every` iterations: loss, accuracy, learning rate and gradient norm."""
        every = trainer.settings.log_every
        for index in range(-first % every, len(losses), every):
            step = first + index
            numbers = {
                "iteration/loss": losses[index],
                "iteration/accuracy": correct[index] / trainer.batch_rows(step),
                "iteration/learning_rate": trainer.learning_rate_at(step),
            }
            norm = {"iteration/gradient_norm": norms[step]} if step in norms else {}
            self._guarded(self.log_numbers, step, numbers | norm)

    def evaluated(self, trainer: Trainer, evaluation: Evaluation) -> None:
        """Validation numbers in the middle of an epoch."""
        numbers = {"validation_loss": evaluation.validation_loss, "validation_accuracy": evaluation.validation_accuracy}
        self._guarded(self.log_numbers, evaluation.step, numbers)

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """An epoch's row."""
        row = {name: value for name, value in epoch.row().items() if name != "step" and value is not None}
        self._guarded(self.log_numbers, epoch.step, row)

    def finished(self, trainer: Trainer, run: Any) -> None:
        """Final numbers."""
        self._guarded(self.log_end, trainer, run)

    def _guarded(self, action: Callable[..., None], *arguments: Any) -> None:
        if self._off:
            return
        try:
            action(*arguments)
        except ImportError:
            log.warning("%s is not installed, so nothing is sent to it: %s", self.title, self.install)
            self._off = True
        except Exception as error:  # a tracker must never fail a run, whatever it raises
            log.warning("%s is switched off for this run: %s", self.title, " ".join(str(error).split())[:200])
            self._off = True
