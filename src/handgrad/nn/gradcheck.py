"""The gradient check: every derivative of a network against finite differences of its loss."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad import kernels
from handgrad.errors import UsageError
from handgrad.nn.layout import Slot
from handgrad.nn.network import Network

Array = NDArray[Any]
STEP = 1e-4
STENCIL = ((-2, 1 / 12), (-1, -8 / 12), (1, 8 / 12), (2, -1 / 12))  # five points: an error of order STEP**4


class Check(NamedTuple):
    """One parameter's verdict; `on_kink` elements were left out, a step from them crosses the kink of a ReLU.

    The error is NaN where no element could be checked.
    """

    name: str
    relative_error: float
    checked: int
    on_kink: int


def gradcheck(
    network: Network, batch: tuple[Array, ...], *, elements: int = 200, key: int = 1, training: bool = True
) -> list[Check]:
    """Compare each gradient of a batch (images, labels, perhaps weights) with finite differences, at `elements` places.

    Math    numeric = (L(w - 2h) - 8 L(w - h) + 8 L(w + h) - L(w + 2h)) / 12h
            relative error = |numeric - gradient| / (|numeric| + |gradient|), Euclidean norms over the parameter;
            a gradient that vanishes (a bias before batch normalisation) is measured against 1e-4 of the network's
    Raises  UsageError when the network is not float64, where rounding would drown the answer.
    Ref     Fornberg, Generation of finite difference formulas, Math. Comp. 51 (1988), table 1
    """
    if network.dtype != "float64":
        raise UsageError("the gradient check needs a network in float64 (--dtype float64): float32 rounds too much")
    buffers = network.buffers.copy()
    network.loss_and_gradients(*batch, training=training, key=key)
    gradients, whole = network.gradients.copy(), float(np.linalg.norm(network.gradients))
    generator, loss = np.random.default_rng(key), _loss_of(network, batch, training, key)
    try:
        found = []
        for slot in network.parameter_slots:
            places = _pick(generator, slot, elements)
            numeric = [_numeric(network, len(batch[0]), place, loss) for place in places]
            found.append(checked(slot.name, list(zip(numeric, gradients[places], strict=True)), whole))
        return found
    finally:
        network.buffers[:], network.gradients[:] = buffers, gradients


def _pick(generator: np.random.Generator, slot: Slot, elements: int) -> Array:
    size = slot.stop - slot.start
    return slot.start + (np.arange(size) if size <= elements else generator.choice(size, elements, replace=False))


def _loss_of(network: Network, batch: tuple[Array, ...], training: bool, key: int) -> Callable[[], float]:
    """The loss of the batch that stands in the network's program, for its parameters as they are by then."""
    images, labels, *weights = batch
    batches, program = network.batches(images, labels, None, len(images), *weights), network.program(len(images))
    labels = batches.labels.copy()

    def loss() -> float:
        kernels.driver.forward(program, labels.size, np.uint64(key), training)
        if batches.weights.size:
            return float(kernels.driver.weighted_loss(program, labels, batches.weights)[0])
        return float(kernels.driver.output_loss(program, labels)[0])

    return loss


def checked(name: str, pairs: Sequence[tuple[float | None, float]], whole: float) -> Check:
    """The verdict on derivatives (numeric, gradient), None where steps met a kink; `whole` is what all measure."""
    numbers = np.array([pair for pair in pairs if pair[0] is not None], float).reshape(-1, 2)
    difference, scale = np.linalg.norm(numbers[:, 0] - numbers[:, 1]), np.linalg.norm(numbers, axis=0).sum()
    error = float(difference) / max(float(scale), 1e-4 * whole, 1e-300) if len(numbers) else math.nan
    return Check(name, error, len(numbers), len(pairs) - len(numbers))


def _numeric(network: Network, rows: int, place: int, loss: Callable[[], float]) -> float | None:
    """The finite difference at one element, or None where the steps see different sides of a kink."""
    value, total, sides = network.parameters[place], 0.0, []
    for offset, weight in STENCIL:
        network.parameters[place] = value + offset * STEP
        total += weight * loss()
        sides.append(_sides(network, rows))
    network.parameters[place] = value
    return total / STEP if all(np.array_equal(sides[0], side) for side in sides[1:]) else None


def _sides(network: Network, rows: int) -> Array:
    """On which side of each kink the last batch was: the signs before layers that have one at zero, and choices."""
    program, found = network.program(rows), [np.empty(0)]
    for row, (_, plan, _, _) in zip(program.table, network.wiring.operations, strict=True):
        if not plan.smooth:
            found.append(program.activations[row["x_start"] :][: rows * row["x_size"]] > 0)
        if plan.saves_choices:
            found.append(program.saved[row["saved_start"] :][: row["saved_size"]].copy())
    return np.concatenate(found)
