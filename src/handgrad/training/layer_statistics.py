"""Measures every layer now and then: on a few training images as they are, in evaluation mode, changing nothing."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.nn import ACTIVATIONS, Network
from handgrad.nn.layout import Slot, outputs
from handgrad.training.history import Activities, Activity, Epoch, Evaluation, Output, Size, Statistics
from handgrad.training.trainer import Callback, Trainer

Array = NDArray[Any]
SAMPLING = 14  # purpose, in the key of random numbers
MOST_IMAGES, LEAST_IMAGES, SHARE = 256, 16, 50
BINS = 40  # of a histogram


def layer_statistics(network: Network, images: Array, labels: Array, step: int) -> Statistics:
    """Measure one batch; `network.gradients` is overwritten, as by every step.

    Shapes  images (N, *input_shape); labels (N,) int
    """
    with np.errstate(all="ignore"):
        network.loss_and_gradients(images, labels, training=False)
        found = list(outputs(network, network.program(len(images)), len(images)))
        return Statistics(
            step,
            {number: _output(network.layers[number], found[number]) for number in network.changing},
            {slot.name: _size(slot, network) for slot in network.parameter_slots},
        )


def activities(network: Network, count: int, step: int) -> Activities:
    """Histogram and active units of each layer that changes its input, for the `count` images it has just measured."""
    found = list(outputs(network, network.program(count), count))
    kept = {number: (network.layers[number], found[number]) for number in network.changing}
    finite = {number: (layer, y) for number, (layer, y) in kept.items() if np.isfinite(y).all()}
    return Activities(step, {number: _activity(*each) for number, each in finite.items()}, count)


def symmetry(weights: Array) -> float:
    """How alike the units of a layer are: 1 for equal ones, about 1/n for n drawn independently.

    Shapes  weights (units, inputs)
    Math    |mean_j w_j|^2 / mean_j |w_j|^2, which is 1 - mean_j |w_j - mean_k w_k|^2 / mean_j |w_j|^2
    """
    mean = weights.mean(axis=0, dtype=np.float64)
    whole = np.square(weights, dtype=np.float64).sum() / len(weights)
    return _rounded(mean @ mean / whole) if whole else 1.0


class LayerRecorder(Callback):
    """Adds statistics to the history: at the start, at each epoch's end and at each evaluation in between.

    Where the settings say `log_units`, also how single units are.
    """

    def started(self, trainer: Trainer) -> None:
        """Before the first step; a resumed training has them already."""
        rows = trainer.split.train_rows
        count = min(len(rows), MOST_IMAGES, trainer.network.evaluation_rows, max(LEAST_IMAGES, len(rows) // SHARE))
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
        if trainer.settings.log_units:
            trainer.history.activities.append(activities(trainer.network, len(labels), trainer.step))


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


def _activity(layer: Any, y: Array) -> Activity:
    low, high = float(y.min()), float(y.max())
    high = high if high > low else low + 1.0
    places = np.minimum(((y - low) * (BINS / (high - low))).astype(np.int64), BINS - 1)
    active = ~_flat(layer, y).all(axis=tuple(range(2, y.ndim)))
    counts = np.bincount(places.ravel(), minlength=BINS)
    return Activity(low, high, tuple(counts.tolist()), tuple(active.sum(axis=0).tolist()))


def _flat(layer: Any, y: Array) -> Array:
    """Where next to no gradient comes through: within 1 % of an output range from its ends; without one, at zeros."""
    ends = getattr(layer, "output_range", None)
    if ends is None:
        return y == 0
    low, high = ends
    margin = 0.01 * (high - low)
    return (y < low + margin) | (y > high - margin)


def _size(slot: Slot, network: Network) -> Size:
    weight, gradient = (
        _rounded(np.sqrt(np.square(slot.view(vector), dtype=np.float64).mean()))
        for vector in (network.parameters, network.gradients)
    )
    if not slot.part.penalised:
        return Size(weight, gradient)
    part = slot.view(network.parameters)  # a row a unit: of a dense layer a column, of a convolution a filter
    return Size(weight, gradient, symmetry(part.T if part.ndim == 2 else part.reshape(len(part), -1)))


def _rounded(number: Any) -> float:
    """Six digits, as they are written down."""
    return float(f"{number:.6g}")
