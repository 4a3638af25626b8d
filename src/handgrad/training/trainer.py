"""The training loop: a network, its data and its settings, taken from step to step.

All that a training needs to go on is its network, its optimizer's state and the number of steps made: shuffling,
dropout, noise and the schedule are functions of (seed, step), and the early-stopping counter one of the history.
"""

import logging
import platform
import sys
import time
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad import kernels
from handgrad.classical import Stage
from handgrad.data import Split
from handgrad.errors import DivergedError, UsageError
from handgrad.evaluation import Measure, measure
from handgrad.kernels.augment import augment
from handgrad.kernels.gradients import NO_UNITS
from handgrad.kernels.program import Batches
from handgrad.kernels.random import subkey
from handgrad.nn import Network
from handgrad.nn.layout import address_of
from handgrad.training.diagnose import heed, lonely_batches
from handgrad.training.history import Epoch, Evaluation, History
from handgrad.training.settings import Settings
from handgrad.training.threads import assisted, thread_count

PACKAGES = ("numpy", "numba", "scipy", "llvmlite")
Outputs = Iterable[tuple[int, Any]]
"""The number of each layer with its outputs for one batch, first to last."""
Array = NDArray[Any]
SHUFFLING, TRAINING = 12, 13  # purposes, in the keys of random numbers
SAMPLE = 256  # training images that are looked at to choose kernels
log = logging.getLogger("handgrad")
MOST_UNITS = 5  # of each layer, whose gradients are recorded
CHUNK_SECONDS = 0.1  # a compiled call lasts about so long: short enough for Ctrl-C and a progress bar


@cache
def environment() -> dict[str, Any]:
    """Versions and processor, as plain data: one dictionary, which nobody changes."""
    return {
        "handgrad": version("handgrad"),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
        "vector_bytes": kernels.blocks.VECTOR_BYTES,
        "machine": platform.machine(),
        "processor": kernels.processor.NAME,
        "platform": sys.platform,
    }


def differing(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """One phrase for each entry that is not the same: "numba 0.67, now 0.68"."""
    names = [*before, *(name for name in now if name not in before)]
    return [f"{name} {before.get(name)}, now {now.get(name)}" for name in names if before.get(name) != now.get(name)]


def _culprit(network: Network, outputs: Outputs) -> str:
    for slot in network.parameter_slots:
        if not np.isfinite(slot.view(network.parameters)).all():
            return f"{slot.name} is no longer finite, the update before overflowed"
    for layer, numbers in outputs:
        if not np.isfinite(numbers).all():
            return f"the outputs of layer {layer} ({type(network.layers[layer]).__name__}) are the first not finite"
    return "the latest outputs of every layer are finite"


def _first_units(network: Network) -> dict[str, Array]:
    """Where the gradients of the first units of each weight lie: see `driver.unit_norms`."""
    found = {}
    for slot in network.parameter_slots:
        if slot.part.penalised:
            shape = slot.part.shape  # (inputs, units) of a dense layer, (filters, ...) of a convolution
            units, dense = (shape[1] if len(shape) == 2 else shape[0]), len(shape) == 2
            size = slot.part.size // units
            rows = [(slot.start + unit * (1 if dense else size), units if dense else 1, size) for unit in range(units)]
            found[slot.name] = np.array(rows[:MOST_UNITS], np.int64)
    return found


class Callback:
    """Every method may be left out. They are called in the training's own thread, between compiled calls."""

    def started(self, trainer: "Trainer") -> None:
        """Before the first step, also after a resume."""

    def stepped(self, trainer: "Trainer", first: int, losses: Any, correct: Any, norms: dict[int, float]) -> None:
        """Some iterations were made, the first of them with number `first`, counted from 1."""

    def evaluated(self, trainer: "Trainer", evaluation: Evaluation) -> None:
        """The validation set was measured in the middle of an epoch."""

    def epoch_ended(self, trainer: "Trainer", epoch: Epoch) -> None:
        """An epoch's row is complete."""

    def paused(self, trainer: "Trainer") -> None:
        """Between two compiled calls, several times a second: the moment to save, or to ask for a stop."""

    def ended(self, trainer: "Trainer") -> None:
        """Training is over or was stopped; the network holds its final weights."""

    def fitting(self, stage: Stage) -> None:
        """A model that has no steps is being fitted; several times a second, and at the end of each stage."""

    def finished(self, trainer: "Trainer", run: Any) -> None:
        """The run's folder is complete: metrics and model are written."""


class Trainer:
    """Trains `network` on a split; `test` is (images, labels) to measure besides the validation set, or None.

    Another engine is a subclass with its own `_steps`, `measure`, `environment` and `_outputs`; `device` is its matter.
    """

    steps_before = 0  # made in trainings before, of which this one goes on

    def __init__(
        self,
        network: Network,
        split: Split,
        settings: Settings,
        callbacks: Sequence[Callback] = (),
        test: tuple[Array, Array] | None = None,
        device: str = "cpu",
    ) -> None:
        if not len(split.train_rows):
            raise UsageError("there are no images to train on: raise train_fraction or lower validation_fraction")
        heed(lonely_batches(network, len(split.train_rows), settings.batch_size), quiet=True)
        self.network, self.split, self.settings, self.test = network, split, settings, test
        self.callbacks, self.device = callbacks, device
        if not settings.augmentation.noise:
            network.select_kernels(split.x[split.train_rows[:SAMPLE]])
        self.threads = thread_count(settings.threads, network, settings.batch_size)
        self.optimization = settings.optimizer.bind(network, settings.transforms)
        self.augmentation = settings.augmentation.numbers(network.input_shape, split.x.dtype)
        self.steps_per_epoch = -(-len(split.train_rows) // settings.batch_size)
        self.total_steps = settings.epochs * self.steps_per_epoch
        self.step = 0
        self.history = History()
        self.best: tuple[Array, Array] | None = None
        self.epoch_seconds = self.seconds = self.session_seconds = 0.0
        self.stop_reason = ""
        self._chunk = 1
        self._units = _first_units(network) if settings.log_units else {}
        self._epoch_batches: tuple[int, Batches] | None = None

    def learning_rate_at(self, step: int) -> float:
        """Of the `step`-th iteration, counted from 1."""
        return float(self._rates(max(step - 1, 0), 1)[0])

    def batch_rows(self, step: int) -> int:
        """How many images the `step`-th iteration saw: the last batch of an epoch may be smaller."""
        size = self.settings.batch_size
        return min(size, len(self.split.train_rows) - (step - 1) % self.steps_per_epoch * size)

    def environment(self) -> dict[str, Any]:
        """What the bits of the training depend on besides its config."""
        return environment()

    def measure(self, images: Array, labels: Array, rows: Array | None = None) -> Measure:
        """Accuracy and loss of the network as it stands, over `rows` of the images (all of them by default)."""
        return measure(self.network, images, labels, rows)

    def stop(self, reason: str) -> None:
        """Ask the loop to end after the compiled call that is running."""
        self.stop_reason = reason

    def run(self) -> History:
        """Train to the end, or until something stops it; the network is left with the weights to keep.

        Raises  DivergedError when a loss is not finite; the network is left with the best weights so far.
        """
        if self.threads > 1:
            log.info("trained by %d threads, with the same result as by one", self.threads)
        try:
            self._notify("started")
            # Everything is compiled, or loaded from the cache, before the clock runs: a call of no steps.
            self._steps(self.batches(self.step // self.steps_per_epoch), 0, np.empty(0), self._room(0))
            self._check_patience()
            while self.step < self.total_steps and not self.stop_reason:
                self._advance()
                self._notify("paused")
        finally:
            self.history.stopped = self.stop_reason or ("finished" if self.step >= self.total_steps else "failed")
            if self.history.stopped != "interrupted":
                self.restore_best()
            self._notify("ended")
        return self.history

    def seconds_for(self, steps: int) -> float:
        """Time the first `steps` of an epoch. The network is changed by it: only for estimates."""
        before = self.session_seconds
        self._train(self.batches(0), 0, steps)
        return self.session_seconds - before

    def restore_best(self) -> None:
        """Give the network the best epoch's weights, if there are any and the settings or a divergence ask for it."""
        if self.best is not None and (self.settings.keep == "best" or self.stop_reason == "diverged"):
            self.network.parameters[:], self.network.buffers[:] = self.best

    def batches(self, epoch: int) -> Batches:
        """The training rows in the order of one epoch (from 0), a function of the seed and the epoch alone."""
        parts, size = self.split, self.settings.batch_size
        if self._epoch_batches is None:  # images are brought to the network's form once
            batches = self.network.batches(parts.x, parts.y, parts.train_rows, size, parts.weights)
            key = np.uint64(subkey(np.uint64(self.settings.seed), TRAINING))
            how = address_of(augment, "augment", self.network.dtype) if self.augmentation.size else 0
            self._epoch_batches = -1, batches._replace(key=key, augmentation=self.augmentation, augment=how)
        if self._epoch_batches[0] != epoch:
            draws = np.random.Philox(key=[self.settings.seed, (SHUFFLING << 32) + epoch])
            order = parts.train_rows[np.argsort(draws.random_raw(len(parts.train_rows)), kind="stable")]
            order.flags.writeable = False
            self._epoch_batches = epoch, self._epoch_batches[1]._replace(order=order)
        return self._epoch_batches[1]

    def _rates(self, first: int, count: int) -> Array:
        settings = self.settings
        return settings.schedule.rates(settings.optimizer.learning_rate, first, count, self.total_steps)

    def _advance(self) -> None:
        """One compiled call of about CHUNK_SECONDS, ending at the latest where something is to be measured."""
        epoch, within = divmod(self.step, self.steps_per_epoch)
        count = min(self._chunk, self.steps_per_epoch - within)
        if self.step < self.settings.log_units:
            count = min(count, self.settings.log_units - self.step)
        if every := self.settings.evaluate_every:
            count = min(count, every - self.step % every)
        records = self._train(self.batches(epoch), within * self.settings.batch_size, count)
        self._record(records)
        self._refuse_infinite(f"loss of step {self.step} (epoch {epoch + 1})", records[-1, 0], self.settings.batch_size)
        if self.settings.evaluate_every and self.step % self.settings.evaluate_every == 0:
            self._evaluate()
        if self.step % self.steps_per_epoch == 0:
            self._end_epoch()
        if self.step < self.total_steps and 0 < self.settings.time_limit <= self.session_seconds:
            self.stop_reason = self.stop_reason or "time limit"

    def _train(self, batches: Batches, start: int, count: int) -> Array:
        """`count` steps from image `start` of the epoch on; returns the records of those made."""
        records, rates = self._room(count), self._rates(self.step, count)
        begin = time.perf_counter()
        done = self._steps(batches, start, rates, records)
        elapsed = time.perf_counter() - begin
        self.seconds += elapsed
        self.session_seconds += elapsed
        self.epoch_seconds += elapsed
        self._chunk = int(np.clip(CHUNK_SECONDS * count / max(elapsed, 1e-9), 1, 4 * self._chunk))
        return records[:done]

    def _room(self, count: int) -> Array:
        """For the records of so many steps, with a column for each unit whose gradient is recorded."""
        units = sum(map(len, self._units.values())) if self.step < self.settings.log_units else 0
        return np.empty((count, 3 + units))

    def _steps(self, batches: Batches, start: int, rates: Array, records: Array) -> int:
        """A step for each of `rates`, its loss, right answers, gradient norm and those of units put into `records`."""
        program, step = self.network.program(self.settings.batch_size, self.threads), self.steps_before + self.step
        every, units = self.settings.log_every, NO_UNITS
        if records.shape[1] > 3:
            units = np.concatenate(list(self._units.values()))
        with assisted(program, self.optimization):
            return kernels.driver.train_steps(
                program, self.optimization, batches, start, step, rates, every, records, units
            )

    def _outputs(self, rows: int) -> Outputs:
        """Every layer's outputs for the last batch, which had up to `rows` images."""
        threads = self.threads if rows == self.settings.batch_size else 1
        program = self.network.program(rows, threads)
        for operation in program.table:
            start = operation["y_start"]
            yield int(operation["stream"]), program.activations[start : start + rows * operation["y_size"]]

    def _record(self, records: Array) -> None:
        first = self.step + 1
        self.step += len(records)
        losses, correct = records[:, 0].tolist(), records[:, 1].astype(int).tolist()
        norms = {
            first + i: float(norm) for i, norm in enumerate(records[:, 2]) if (first + i) % self.settings.log_every == 0
        }
        self.history.losses += losses
        self.history.correct += correct
        self.history.gradient_norms |= norms
        if records.shape[1] > 3:
            self._record_units(records[:, 3:])
        self._notify("stepped", first, losses, correct, norms)

    def _record_units(self, norms: Array) -> None:
        """Six digits, as they are written down."""
        with np.errstate(divide="ignore", invalid="ignore"):
            digits = 10.0 ** np.nan_to_num(5 - np.floor(np.log10(norms)), posinf=0.0)
        ends = np.cumsum([len(units) for units in self._units.values()])
        for name, part in zip(self._units, np.split(np.round(norms * digits) / digits, ends[:-1], axis=1), strict=True):
            self.history.unit_gradients.setdefault(name, []).extend(part.tolist())

    def _measures(self) -> tuple[Measure, Measure]:
        split, validation, test = self.split, Measure(), Measure()
        after = f"loss after step {self.step} (epoch {-(-self.step // self.steps_per_epoch)})"
        if len(split.validation_rows):
            validation = self.measure(split.x, split.y, split.validation_rows)
            self._refuse_infinite(f"validation {after}", validation.loss)
        if self.test:
            test = self.measure(*self.test)
            self._refuse_infinite(f"test {after}", test.loss)
        return validation, test

    def _refuse_infinite(self, what: str, loss: float, rows: int | None = None) -> None:
        if not np.isfinite(loss):
            self.stop_reason = "diverged"
            culprit = _culprit(self.network, self._outputs(rows or self.network.evaluation_rows))
            remedy = "Lower --learning_rate or set --clip_norm 1"
            raise DivergedError(f"training diverged: the {what} is {loss}; {culprit}. {remedy}")

    def _evaluate(self) -> None:
        validation, test = self._measures()
        row = Evaluation(self.step, validation.loss, validation.accuracy, test.loss, test.accuracy)
        self.history.evaluations.append(row)
        self._notify("evaluated", row)

    def _end_epoch(self) -> None:
        losses, correct = (numbers[-self.steps_per_epoch :] for numbers in (self.history.losses, self.history.correct))
        images, size = len(self.split.train_rows), self.settings.batch_size
        weights = np.minimum(size, images - size * np.arange(self.steps_per_epoch))
        validation, test = self._measures()
        row = Epoch(
            self.step // self.steps_per_epoch,
            self.step,
            float(np.average(losses, weights=weights)),
            sum(correct) / images,
            validation.loss,
            validation.accuracy,
            self.learning_rate_at(self.step),
            round(self.epoch_seconds, 6),
            test.loss,
            test.accuracy,
            validation.balanced_accuracy,
            validation.macro_f1,
            test.balanced_accuracy,
            test.macro_f1,
        )
        self.epoch_seconds = 0.0
        self.history.epochs.append(row)
        if self.history.best(self.settings.monitor) is row:
            self.best = self.network.parameters.copy(), self.network.buffers.copy()
        self._notify("epoch_ended", row)
        self._check_patience()

    def _check_patience(self) -> None:
        """Also at the start: a process may have died between the epoch that used it up and its last words."""
        if 0 < self.settings.patience <= self.history.stale_epochs(self.settings.monitor):
            self.stop_reason = self.stop_reason or "patience"

    def _notify(self, event: str, *details: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self, *details)
