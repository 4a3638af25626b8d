"""A fully connected network in plain NumPy, forward and backward, into which one can build a mistake.

`changes` are (hook, layer, function): the function is given the value at that place and the `Place`, and its result
takes the value's place; layer None stands for every layer. Without changes it is what handgrad's engine computes.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, expit

Array = NDArray[Any]


def softmax(z: Array, axis: int = -1) -> Array:
    """Shapes  z (N, K) -> (N, K)"""
    e = np.exp(z - z.max(axis, keepdims=True))
    return np.asarray(e / e.sum(axis, keepdims=True))


def _gelu_slope(z: Array, a: Array) -> Array:
    return np.asarray(0.5 * (1 + erf(z / 2**0.5)) + z * np.exp(-z * z / 2) / (2 * np.pi) ** 0.5)


class Activation(NamedTuple):
    """An activation and its derivative, from its input z and its output a."""

    value: Callable[[Array], Array]
    slope: Callable[[Array, Array], Array]


def _leaky(alpha: float) -> Activation:
    return Activation(lambda z: np.where(z > 0, z, alpha * z), lambda z, a: np.where(z > 0, 1.0, alpha))


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(lambda z: np.maximum(z, 0), lambda z, a: (z > 0).astype(float)),
    "sigmoid": Activation(expit, lambda z, a: a * (1 - a)),
    "tanh": Activation(np.tanh, lambda z, a: 1 - a * a),
    "identity": Activation(lambda z: z, lambda z, a: np.ones_like(z)),
    **{f"leaky_relu({alpha:g})": _leaky(alpha) for alpha in (0.01, 0.1, 0.2, 0.3, 0.05)},
    "elu": Activation(lambda z: np.where(z > 0, z, np.expm1(z)), lambda z, a: np.where(z > 0, 1, a + 1)),
    "gelu": Activation(lambda z: z * 0.5 * (1 + erf(z / 2**0.5)), _gelu_slope),
    "silu": Activation(lambda z: z * expit(z), lambda z, a: expit(z) * (1 + z * (1 - expit(z)))),
    "softplus": Activation(lambda z: np.logaddexp(0, z), lambda z, a: expit(z)),
}


class Net(NamedTuple):
    """Shapes  weights (inputs, units) and biases (units,) of each layer; `output` is what follows the last sum."""

    weights: Sequence[Array]
    biases: Sequence[Array]
    activation: str
    output: str


class Loss(NamedTuple):
    """A loss: its name, by what its sum over images and classes is multiplied, and what it makes of logits first."""

    name: str
    scale: str
    output: str = ""


SCALES: dict[str, Callable[[int, int], float]] = {
    "the mean over the batch": lambda n, k: 1 / n,
    "the sum": lambda n, k: 1.0,
    "the mean over batch and classes": lambda n, k: 1 / (n * k),
    "half the mean over the batch": lambda n, k: 0.5 / n,
    "half the sum": lambda n, k: 0.5,
    "half the mean over batch and classes": lambda n, k: 0.5 / (n * k),
}
OUTPUT_NAMES = ("softmax", "identity", "sigmoid")
SMALL = 1e-300
SUMS: dict[str, Callable[[Array, Array], float]] = {
    "cross_entropy": lambda p, y: float(-(y * np.log(p + SMALL)).sum()),
    "squared_error": lambda p, y: float(((p - y) ** 2).sum()),
    "binary_cross_entropy": lambda p, y: float(
        -(y * np.log(p + SMALL) + (1 - y) * np.log(np.maximum(1 - p, 0) + SMALL)).sum()
    ),
}
LOSS_SLOPES: dict[str, Callable[[Array, Array], Array]] = {
    "cross_entropy": lambda p, y: -y / p,
    "squared_error": lambda p, y: 2 * (p - y),
    "binary_cross_entropy": lambda p, y: (p - y) / (p * (1 - p)),
}


class Pass(NamedTuple):
    """What a forward pass leaves: the input of each layer, its sums, and the output."""

    inputs: list[Array]
    sums: list[Array]
    out: Array


class Place(NamedTuple):
    """Where a change acts: the layer, and everything that is known there."""

    layer: int
    net: Net
    run: Pass
    y: Array
    loss: Loss
    deltas: dict[int, Array]

    @property
    def last(self) -> int:
        """The number of the last layer."""
        return len(self.net.weights) - 1

    @property
    def factor(self) -> float:
        """By what the loss multiplies its sum."""
        return SCALES[self.loss.scale](*self.y.shape)


Change = tuple[str, int | None, Callable[[Any, Place], Any]]


def _applied(changes: Sequence[Change], hook: str, value: Any, place: Place) -> Any:
    for name, layer, function in changes:
        if name == hook and layer in (None, place.layer):
            value = function(value, place)
    return value


def forward(net: Net, x: Array, changes: Sequence[Change] = ()) -> Pass:
    """z = a W + b in each layer, a = f(z) but in the last one."""
    run = Pass([], [], x)
    a = x
    for k, (w, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        place = Place(k, net, Pass([*run.inputs, a], run.sums, a), x, Loss("", ""), {})
        z = _applied(changes, "sum", a @ w + b, place)
        run.inputs.append(a)
        run.sums.append(z)
        f = ACTIVATIONS[net.activation].value if k < place.last else outputs(net.output)
        a = _applied(changes, "value" if k < place.last else "out", f(z), Place(k, net, run, x, Loss("", ""), {}))
    return Pass(run.inputs, run.sums, a)


def outputs(name: str) -> Callable[[Array], Array]:
    """What follows the last sum."""
    return softmax if name == "softmax" else ACTIVATIONS[name].value


def loss_value(net: Net, run: Pass, y: Array, loss: Loss) -> float:
    """The loss of a forward pass; `y` has ones at the labels."""
    return SUMS[loss.name](run.out, y) * SCALES[loss.scale](*y.shape)


def output_delta(net: Net, run: Pass, y: Array, loss: Loss) -> Array:
    """The gradient of the loss with respect to the last layer's sums."""
    factor, p = SCALES[loss.scale](*y.shape), run.out
    if (net.output, loss.name) in (("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy")):
        return np.asarray((p - y) * factor)
    dp = LOSS_SLOPES[loss.name](p, y) * factor
    if net.output == "softmax":
        return np.asarray(p * (dp - (dp * p).sum(1, keepdims=True)))
    return np.asarray(dp * ACTIVATIONS[net.output].slope(run.sums[-1], p))


def backward(net: Net, run: Pass, y: Array, loss: Loss, changes: Sequence[Change] = ()) -> dict[str, Array]:
    """The gradients "W0", "b0", ... and "x", that of the input.

    Math    delta = dL/dz;  dW = a^T delta;  db = sum_n delta;  delta of the layer below = (delta W^T) f'(z)
    """
    deltas: dict[int, Array] = {}
    found: dict[str, Array] = {}
    last = len(net.weights) - 1
    delta = output_delta(net, run, y, loss)
    for k in range(last, -1, -1):
        place = Place(k, net, run, y, loss, deltas)
        delta = _applied(changes, "output", delta, place) if k == last else delta
        delta = _applied(changes, "delta", delta, place)
        deltas[k] = delta
        a = _applied(changes, "input", run.inputs[k], place)
        found[f"W{k}"] = _applied(changes, "weight", a.T @ delta, place)
        found[f"b{k}"] = _applied(changes, "bias", delta.sum(0), place)
        if not k:
            found["x"] = delta @ net.weights[0].T
            break
        dx = _applied(changes, "signal", delta @ net.weights[k].T, place)
        slope = ACTIVATIONS[net.activation].slope(run.sums[k - 1], run.inputs[k])
        below = Place(k - 1, net, run, y, loss, deltas)
        delta = dx * _applied(changes, "slope", slope, below)
    return found
