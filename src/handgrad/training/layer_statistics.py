"""Measures every layer now and then: on a few training images as they are, in evaluation mode, changing nothing."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.nn import ACTIVATIONS, Network
from handgrad.nn.layout import outputs
from handgrad.training.history import Epoch, Evaluation, Output, Size, Statistics
from handgrad.training.trainer import Callback, Trainer

Array = NDArray[Any]
SAMPLING = 14  # purpose, in the key of random numbers
MOST_IMAGES, LEAST_IMAGES, SHARE = 256, 16, 50


def layer_statistics(network: Network, images: Array, labels: Array, step: int) -> Statistics:
    """Measure one batch; `network.gradients` is overwritten, as by every step.

    Shapes  images (N, *input_shape); labels (N,) int
    """
    with np.errstate(all="ignore"):
        network.loss_and_gradients(images, labels, training=False)
        everything = outputs(network, network.program(len(images)), len(images))
        found = zip(network.layers, network.plans, everything, strict=True)
        return Statistics(
            step,
            {number: _output(layer, y) for number, (layer, plan, y) in enumerate(found) if plan.kernels},
            {
                slot.name: Size(*(_rms(slot.view(vector)) for vector in (network.parameters, network.gradients)))
                for slot in network.parameter_slots
            },
        )


class LayerRecorder(Callback):
    """Adds statistics to the history: at the start, at each epoch's end and at each evaluation in between."""

    def started(self, trainer: Trainer) -> None:
        """Before the first step; a resumed training has them already."""
        rows = trainer.split.train_rows
        count = min(len(rows), int(np.clip(len(rows) // SHARE, LEAST_IMAGES, MOST_IMAGES)))
        draws = np.random.Philox(key=[trainer.settings.seed, SAMPLING]).random_raw(len(rows))
        self._rows = rows[np.sort(np.argsort(draws, kind="stable")[:count])]
        if trainer.step == 0:
            self._measure(trainer)

    def evaluated(self, trainer: Trainer, evaluation: Evaluation) -> None:
        """In the middle of an epoch, or at its end."""
        self._measure(trainer)

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """At an epoch's end, unless an evaluation fell on it."""
        past = trainer.history.statistics
        if not past or past[-1].step != trainer.step:
            self._measure(trainer)

    def _measure(self, trainer: Trainer) -> None:
        images, labels = trainer.split.x[self._rows], trainer.split.y[self._rows]
        trainer.history.statistics.append(layer_statistics(trainer.network, images, labels, trainer.step))


def _output(layer: Any, y: Array) -> Output:
    flat, dead = _flat(layer, y).mean(), dead_channels(layer, y).mean()
    return Output(*map(_rounded, (y.mean(dtype=np.float64), y.std(dtype=np.float64), flat, dead)))


def dead_channels(layer: Any, y: Array) -> Array:
    """Which units, or channels, of a layer's outputs pass next to no gradient for any image.  Shapes  -> (C,) bool"""
    return np.asarray(_flat(layer, y).all(axis=(0, *range(2, y.ndim))))


class DeadUnits(NamedTuple):
    """How many of a layer's units, or channels, gave next to no gradient for any of the images looked at."""

    layer: str
    dead: int
    units: int

    def __str__(self) -> str:
        return f"{self.layer} {self.dead} of {self.units}"


def dead_units(statistics: Sequence[Statistics], network: Network) -> list[DeadUnits]:
    """Of each activation, when it was last measured; nothing where no one measured it."""
    outputs_then = statistics[-1].outputs if statistics else {}
    blocking = tuple(each for each in ACTIVATIONS.values() if not each.passes_through)
    return [
        DeadUnits(f"{number} {type(layer).__name__}", round(outputs_then[number].dead * plan.output[0]), plan.output[0])
        for number, (layer, plan) in enumerate(zip(network.layers, network.plans, strict=True))
        if isinstance(layer, blocking) and number in outputs_then and np.isfinite(outputs_then[number].dead)
    ]


def _flat(layer: Any, y: Array) -> Array:
    """Where next to no gradient comes through: within 1 % of an output range from its ends; without one, at zeros."""
    ends = getattr(layer, "output_range", None)
    if ends is None:
        return y == 0
    low, high = ends
    margin = 0.01 * (high - low)
    return (y < low + margin) | (y > high - margin)


def _rms(values: Array) -> float:
    return _rounded(np.sqrt(np.square(values, dtype=np.float64).mean()))


def _rounded(number: Any) -> float:
    """Six digits, as they are written down."""
    return float(f"{number:.6g}")
