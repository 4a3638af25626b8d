"""Callbacks under the names that people know from Keras. Whatever else is to be watched is a subclass of `Callback`."""

import csv
import dataclasses
import logging
import math
from numbers import Real
from pathlib import Path
from typing import Any

from handgrad.config.metrics import is_share, metric_name
from handgrad.errors import FileSystemError, UsageError
from handgrad.files import path_of
from handgrad.training.history import Epoch
from handgrad.training.lr_find import HIGHEST, LOWEST, STEPS, RateSearch, check_search, lr_find
from handgrad.training.models import save_model
from handgrad.training.trainer import Callback, Trainer

log = logging.getLogger("handgrad")
FOREIGN_SUFFIXES = (".keras", ".h5", ".hdf5", ".pt", ".pth")


class _Monitoring(Callback):
    """Knows whether the epoch that ended was better than all before, by `min_delta` at least."""

    def __init__(self, monitor: str, min_delta: float = 0.0) -> None:
        self.monitor = (metric_name(monitor) if isinstance(monitor, str) else None) or ""
        self.min_delta, self.best = min_delta, -math.inf
        if not self.monitor:
            raise UsageError(f"monitor must be a metric such as validation_loss, got {monitor!r}")
        if not isinstance(min_delta, Real) or not min_delta >= 0:
            raise UsageError(f"min_delta must be zero or positive, got {min_delta!r}")

    def started(self, trainer: Trainer) -> None:
        """Refuse a metric that will not be measured."""
        self.best = -math.inf
        if self.monitor.startswith("validation") and not len(trainer.split.validation_rows):
            name = type(self).__name__
            raise UsageError(f"{name} monitors {self.monitor}, but no image validates: raise validation_fraction")

    def improved(self, epoch: Epoch) -> bool:
        """Whether it was better; it is then the best."""
        score = getattr(epoch, self.monitor) * (1 if is_share(self.monitor) else -1)
        better: bool = score > self.best + (self.min_delta if math.isfinite(self.best) else 0)
        self.best = score if better else self.best
        return better


class EarlyStopping(_Monitoring):
    """Stops after `patience` epochs in a row in which `monitor` did not become better by `min_delta`.

    The network ends with the weights of the epoch whose `monitor` was best or, without `restore_best_weights`, of the
    last one. Without `min_delta` it is `fit(patience=…, monitor=…, keep=…)`, whose runs can be resumed.
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        restore_best_weights: bool = True,
    ) -> None:
        super().__init__(monitor, min_delta)
        if not isinstance(patience, int) or patience < 1:
            raise UsageError(f"patience must be a whole number of epochs from 1 on, got {patience!r}")
        self.patience, self.stale, self.keep = patience, 0, "best" if restore_best_weights else "last"

    def started(self, trainer: Trainer) -> None:
        """Make `monitor` the metric that the training keeps weights by."""
        super().started(trainer)
        self.stale = 0
        trainer.settings = dataclasses.replace(trainer.settings, monitor=self.monitor, keep=self.keep)

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """Count."""
        self.stale = 0 if self.improved(epoch) else self.stale + 1
        if self.stale >= self.patience:
            trainer.stop("patience")


class LearningRateFinder(Callback):
    """Before the first step, finds a learning rate on a copy of the network, as `lr_find` does, and trains with it.

    It is the optimizer's rate, to which the schedule applies; `found` has the search, whose `plot()` draws it. Where
    the search suggests none, and when a training goes on after its first step, the rate stays as it is.
    """

    def __init__(self, lowest: float = LOWEST, highest: float = HIGHEST, steps: int = STEPS) -> None:
        check_search(lowest, highest, steps)
        self.search: dict[str, Any] = {"lowest": lowest, "highest": highest, "steps": steps}
        self.found: RateSearch | None = None

    def started(self, trainer: Trainer) -> None:
        """Search."""
        if trainer.step:
            return
        settings, optimizer = trainer.settings, trainer.settings.optimizer
        found = lr_find(trainer.network, trainer.split, engine=type(trainer), settings=settings, **self.search)
        self.found = found
        if found.suggestion is not None:
            optimizer = dataclasses.replace(optimizer, learning_rate=found.suggestion)
        trainer.settings = dataclasses.replace(settings, optimizer=optimizer)
        log.warning("%s", found.sentence)


class ModelCheckpoint(_Monitoring):
    """Writes the network after every epoch or, with `save_best_only`, after each that is better than all before.

    `path` may hold fields of the epoch, such as "weights-{epoch:02d}-{validation_accuracy:.3f}.safetensors";
    `handgrad.load_model` reads such a file.
    """

    def __init__(self, path: str | Path, monitor: str = "validation_accuracy", save_best_only: bool = False) -> None:
        super().__init__(monitor)
        self.path, self.save_best_only = str(path_of(path, "path")), save_best_only
        if Path(path).suffix.lower() in FOREIGN_SUFFIXES:
            written = Path(path).with_suffix(".safetensors")
            raise UsageError(f"{path} is named as another library's file: networks are written as {written}")
        self._place(Epoch(0, 0, *(0.0,) * 6))

    def started(self, trainer: Trainer) -> None:
        """Without `save_best_only`, nothing needs to be measured."""
        if self.save_best_only:
            super().started(trainer)

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """Write, where it is time."""
        if not self.save_best_only or self.improved(epoch):
            save_model(trainer.network, self._place(epoch))

    def _place(self, epoch: Epoch) -> Path:
        fields = dataclasses.asdict(epoch)
        try:
            return Path(self.path.format(**fields))
        except (KeyError, IndexError, ValueError) as error:
            what = f"the name {self.path} asks for {error}, which no epoch has"
            raise UsageError(f"{what}: it has {', '.join(fields)}") from None


class CSVLogger(Callback):
    """Writes a line an epoch into a CSV file, which it begins anew or, with `append`, goes on with."""

    def __init__(self, path: str | Path, append: bool = False) -> None:
        self.path, self.append = path_of(path, "path"), append

    def started(self, trainer: Trainer) -> None:
        """Begin the file."""
        if not (self.append and self.path.exists()):
            self._write("w", [field.name for field in dataclasses.fields(Epoch)])

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """A line; what was not measured is empty."""
        values = dataclasses.astuple(epoch)
        self._write("a", ["" if isinstance(value, float) and math.isnan(value) else value for value in values])

    def _write(self, mode: str, row: list[Any]) -> None:
        try:
            with self.path.open(mode, newline="", encoding="utf-8") as file:
                csv.writer(file).writerow(row)
        except OSError as error:
            raise FileSystemError(f"cannot write {self.path}: {error.strerror}") from None
