"""Known mistakes of hand-written networks, as changes of the arithmetic, and which of them reproduces some numbers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from handgrad.verify.arithmetic import (
    ACTIVATIONS,
    LOSS_SLOPES,
    Array,
    Change,
    Loss,
    Net,
    Pass,
    Place,
    backward,
    forward,
    softmax,
)

LEARNING_RATE = 0.125  # with which somebody's update is run
NOTHING = 1e-12
MATCH = 1e-6  # relative; what one mistake reproduces is off by rounding alone


class Mistake(NamedTuple):
    """One mistake: its name, the sentence about it, the hook and the change; `where` its layers: all, or each one."""

    name: str
    words: str
    hook: str
    change: Callable[[Any, Place], Any]


def _other(name: str) -> Callable[[Any, Place], Array]:
    return lambda value, p: ACTIVATIONS[name].slope(p.run.sums[p.layer], ACTIVATIONS[name].value(p.run.sums[p.layer]))


def _mixed(name: str) -> Callable[[Any, Place], Array]:
    """The derivative of another function in the form that takes an output, at this function's output."""
    return lambda value, p: ACTIVATIONS[name].slope(p.run.sums[p.layer], p.run.inputs[p.layer + 1])


def _at(z: Callable[[Place], Array]) -> Callable[[Any, Place], Array]:
    """The derivative at another place than the sum of its own layer."""

    def change(value: Any, p: Place) -> Array:
        f, there = ACTIVATIONS[p.net.activation], z(p)
        return f.slope(there, f.value(there))

    return change


def _own(p: Place) -> Array:
    """The output of a layer's activation."""
    return p.run.inputs[p.layer + 1]


def _raised(p: Place) -> Array:
    """exp of the last sums, each image's largest one subtracted."""
    return np.asarray(np.exp(p.run.sums[-1] - p.run.sums[-1].max(1, keepdims=True)))


OUTPUT = "the gradient of the loss at the output"
SLOPE = "the derivative of the activation"
BACKWARD: tuple[Mistake, ...] = (
    Mistake("sign", "the sign is reversed", "output", lambda d, p: -d),
    Mistake("sign", "the sign is reversed from this layer on", "delta", lambda d, p: -d),
    Mistake("softmax twice", "softmax is applied once more to what already went through softmax", "output",
            lambda d, p: (softmax(p.run.out) - p.y) * p.factor),
    Mistake(
        "softmax twice",
        "the derivative of softmax is multiplied in once more, though y_pred - y already contains it",
        "output",
        lambda d, p: p.run.out * (d - (d * p.run.out).sum(1, keepdims=True)),
    ),
    Mistake("derivative at the output twice", f"{OUTPUT} is multiplied by p (1 - p) once more", "output",
            lambda d, p: d * p.run.out * (1 - p.run.out)),
    Mistake(
        "activation at the output",
        "the derivative of the hidden layers' activation is multiplied in at the output layer",
        "output",
        lambda d, p: d * _at(lambda q: q.run.sums[-1])(None, p),
    ),
    Mistake(
        "activation at the output",
        "the derivative of the hidden layers' activation, taken of the prediction, is multiplied in at the output",
        "output",
        lambda d, p: d * ACTIVATIONS[p.net.activation].slope(p.run.out, p.run.out),
    ),
    Mistake(
        "derivative of softmax missing",
        f"{OUTPUT} stops at the prediction: the derivative of the output's softmax or sigmoid is missing",
        "output",
        lambda d, p: LOSS_SLOPES[p.loss.name](p.run.out, p.y) * p.factor,
    ),
    Mistake("derivative of softmax incomplete", "of softmax's derivative only the diagonal p (1 - p) is taken",
            "output", lambda d, p: LOSS_SLOPES[p.loss.name](p.run.out, p.y) * p.factor * p.run.out * (1 - p.run.out)),
    Mistake(
        "gradient of another loss",
        "y_pred - y, the gradient of cross-entropy, stands where the loss is the squared error",
        "output",
        lambda d, p: (p.run.out - p.y) / len(p.y) if p.loss.name == "squared_error" else d,
    ),
    Mistake(
        "gradient of another loss",
        "the gradient is that of the squared error, where the loss is cross-entropy",
        "output",
        lambda d, p: p.run.out * (2 * (p.run.out - p.y) - (2 * (p.run.out - p.y) * p.run.out).sum(1, keepdims=True))
        / len(p.y),
    ),
    Mistake("labels as numbers", "the label's number is subtracted, not its one-hot row", "output",
            lambda d, p: (p.run.out - p.y.argmax(1)[:, None]) * p.factor),
    Mistake("labels missing", "the labels are never subtracted", "output", lambda d, p: p.run.out * p.factor),
    Mistake("true class only", "only the true class gets a gradient", "output", lambda d, p: d * p.y),
    Mistake("derivative missing", f"{SLOPE} is not multiplied in", "slope", lambda s, p: np.ones_like(s)),
    Mistake("derivative at the wrong place", f"{SLOPE} is taken at its output a, where its input z belongs", "slope",
            _at(_own)),
    Mistake("shared cache", f"{SLOPE} is taken at the last layer's values: one object's cache serves all layers",
            "slope", _at(lambda p: p.run.sums[-1])),
    Mistake("shared cache", f"{SLOPE} is taken at the last hidden layer's values: one cache serves all layers",
            "slope", _at(lambda p: p.run.sums[-2])),
    Mistake("derivative at the wrong place", f"{SLOPE} is taken at the values of the layer above", "slope",
            _at(lambda p: p.run.sums[p.layer + 1])),
    Mistake("derivative at the wrong place", f"{SLOPE} is taken at the values of the layer below", "slope",
            _at(lambda p: p.run.sums[p.layer - 1] if p.layer else p.run.inputs[0])),
    Mistake("derivative at the wrong place", f"{SLOPE} is taken at the layer's input", "slope",
            _at(lambda p: p.run.inputs[p.layer])),
    Mistake("derivative at the wrong place", "z itself is used as if it were the activation's output", "slope",
            lambda s, p: ACTIVATIONS[p.net.activation].slope(p.run.sums[p.layer], p.run.sums[p.layer])),
    Mistake("derivative of another function", f"{SLOPE} is that of sigmoid", "slope", _other("sigmoid")),
    Mistake("derivative of another function", f"{SLOPE} is that of tanh", "slope", _other("tanh")),
    Mistake("derivative of another function", f"{SLOPE} is that of ReLU", "slope", _other("relu")),
    Mistake("derivative of another function", f"{SLOPE} is that of sigmoid, taken of its output", "slope",
            _mixed("sigmoid")),
    Mistake("derivative of another function", f"{SLOPE} is that of tanh, taken of its output", "slope", _mixed("tanh")),
    Mistake("wrong derivative", f"{SLOPE} is 1 - a, which is another function", "slope",
            lambda s, p: 1 - _own(p)),
    Mistake("wrong derivative", "the activation's output is multiplied in, not its derivative", "slope",
            lambda s, p: _own(p)),
    Mistake("wrong derivative", f"{SLOPE} has a wrong sign inside", "slope",
            lambda s, p: 1 + _own(p) ** 2 if p.net.activation == "tanh" else _own(p) * (1 + _own(p))),
    Mistake("wrong derivative", f"{SLOPE} is a^2, which is another function", "slope", lambda s, p: _own(p) ** 2),
    Mistake("wrong derivative", f"{SLOPE} is 1 - its true value", "slope", lambda s, p: 1 - s),
    Mistake("wrong derivative", f"{SLOPE} has its sign reversed", "slope", lambda s, p: -s),
    Mistake("derivative twice", f"{SLOPE} is multiplied in twice", "slope", lambda s, p: s * s),
    Mistake("W transposed", "the gradient goes through W where it must go through its transpose (or the reverse)",
            "signal", lambda d, p: p.deltas[p.layer] @ p.net.weights[p.layer]),
    Mistake("W missing", "the gradient is handed down without going through W", "signal",
            lambda d, p: p.deltas[p.layer]),
    Mistake("wrong W", "the gradient goes through the weights of the layer below", "signal",
            lambda d, p: p.deltas[p.layer] @ p.net.weights[p.layer - 1].T),
    Mistake("wrong W", "the gradient goes through the weights of the layer above", "signal",
            lambda d, p: p.deltas[p.layer] @ p.net.weights[p.layer + 1].T),
    Mistake("W already updated", "the gradient goes through weights that were updated before", "signal",
            lambda d, p: p.deltas[p.layer]
            @ (p.net.weights[p.layer] - LEARNING_RATE * p.run.inputs[p.layer].T @ p.deltas[p.layer]).T),
    Mistake("dW transposed", "dW is the transpose of what it must be", "weight", lambda d, p: d.T),
    Mistake("wrong input in dW", "dW is formed with the sums z of the layer below, before its activation", "input",
            lambda a, p: p.run.sums[p.layer - 1] if p.layer else a),
    Mistake("wrong input in dW", "dW is formed with the network's input, not with the layer's", "input",
            lambda a, p: p.run.inputs[0]),
    Mistake("wrong input in dW", "dW is formed with the layer's own output", "input",
            lambda a, p: _own(p) if p.layer < p.last else p.run.out),
    Mistake("wrong input in dW", "dW is formed with the input of the layer above", "input",
            lambda a, p: p.run.inputs[min(p.layer + 1, p.last)]),
    Mistake("wrong input in dW", "dW is formed with the input of the layer below", "input",
            lambda a, p: p.run.inputs[max(p.layer - 1, 0)]),
    Mistake("shared cache", "dW is formed with the last layer's input: one cache serves all layers", "input",
            lambda a, p: p.run.inputs[-1]),
    Mistake("last image only", "only the last image of the batch counts in dW", "weight",
            lambda d, p: np.outer(p.run.inputs[p.layer][-1], p.deltas[p.layer][-1])),
    Mistake("last image only", "only the first image of the batch counts in dW", "weight",
            lambda d, p: np.outer(p.run.inputs[p.layer][0], p.deltas[p.layer][0])),
    Mistake("bias not summed", "db is the first image's delta: it is not summed over the batch", "bias",
            lambda d, p: p.deltas[p.layer][0]),
    Mistake("bias not summed", "db is the last image's delta: it is not summed over the batch", "bias",
            lambda d, p: p.deltas[p.layer][-1]),
    Mistake("bias not summed", "db keeps a row for each image: it is not summed over the batch", "bias",
            lambda d, p: p.deltas[p.layer]),
    Mistake("bias summed over all", "db is summed over the units as well: the axis is missing", "bias",
            lambda d, p: np.full_like(d, p.deltas[p.layer].sum())),
    Mistake("bias summed over all", "db is summed over the units as well, and divided", "bias",
            lambda d, p: np.full_like(d, p.deltas[p.layer].mean())),
    Mistake("bias summed over the wrong axis", "db is summed over the units, not over the batch", "bias",
            lambda d, p: p.deltas[p.layer].sum(1)),
    Mistake("1/N at each layer", "the gradient is divided by the batch at each layer once more", "signal",
            lambda d, p: d / len(p.y)),
    Mistake("absolute value", "the gradient has lost its signs", "delta", lambda d, p: np.abs(d)),
    Mistake("weight decay on biases", "the bias itself is added to its gradient", "bias",
            lambda d, p: d + p.net.biases[p.layer]),
    Mistake("clipped", "the gradient is cut off at 1", "weight", lambda d, p: np.clip(d, -1, 1)),
)  # fmt: skip

FORWARD: tuple[Mistake, ...] = (
    Mistake("bias missing", "the bias is not added", "sum", lambda z, p: z - p.net.biases[p.layer]),
    Mistake("bias twice", "the bias is added twice", "sum", lambda z, p: z + p.net.biases[p.layer]),
    Mistake("bias subtracted", "the bias is subtracted", "sum", lambda z, p: z - 2 * p.net.biases[p.layer]),
    Mistake("W transposed", "the input is multiplied by the transpose of W", "sum",
            lambda z, p: p.run.inputs[p.layer] @ p.net.weights[p.layer].T + p.net.biases[p.layer]),
    Mistake("activation missing", "the activation is not applied", "value", lambda a, p: p.run.sums[p.layer]),
    Mistake("activation twice", "the activation is applied twice", "value",
            lambda a, p: ACTIVATIONS[p.net.activation].value(a)),
    Mistake("activation of -z", "the sign of z is reversed inside the activation", "value",
            lambda a, p: ACTIVATIONS[p.net.activation].value(-p.run.sums[p.layer])),
    Mistake("wrong function", "the activation is cosh or sinh, not tanh", "value",
            lambda a, p: np.sinh(p.run.sums[p.layer])),
    Mistake("wrong function", "the activation has tanh(z / 2)", "value", lambda a, p: np.tanh(p.run.sums[p.layer] / 2)),
    Mistake("wrong function", "the activation lacks its normalisation: exp(z) or 1 + exp(-z)", "value",
            lambda a, p: 1 + np.exp(-p.run.sums[p.layer])),
    Mistake("absolute value", "the activation is |z|", "value", lambda a, p: np.abs(p.run.sums[p.layer])),
    Mistake("clipped", "the activation is cut off at 1", "value", lambda a, p: np.clip(a, 0, 1)),
    Mistake("softmax over the wrong axis", "softmax sums over the images, not over the classes", "out",
            lambda a, p: softmax(p.run.sums[-1], 0)),
    Mistake("softmax over all", "softmax sums over the whole batch", "out",
            lambda a, p: np.exp(p.run.sums[-1]) / np.exp(p.run.sums[-1]).sum()),
    Mistake("softmax over the wrong axis", "softmax divides by sums over the images", "out",
            lambda a, p: _raised(p) / _raised(p).sum(0, keepdims=True)),
    Mistake("softmax not normalised", "softmax is not divided by its sum", "out", lambda a, p: np.exp(p.run.sums[-1])),
    Mistake("softmax not normalised", "softmax is not divided by its sum", "out",
            lambda a, p: _raised(p)),
    Mistake("softmax twice", "softmax is applied twice", "out", lambda a, p: softmax(softmax(p.run.sums[-1]))),
    Mistake("softmax of -z", "softmax is taken of -z", "out", lambda a, p: softmax(-p.run.sums[-1])),
    Mistake("activation at the output", "the hidden layers' activation is applied before softmax", "out",
            lambda a, p: softmax(ACTIVATIONS[p.net.activation].value(p.run.sums[-1]))),
    Mistake("activation at the output", "the hidden layers' activation is applied to the output", "out",
            lambda a, p: ACTIVATIONS[p.net.activation].value(p.run.sums[-1])),
    Mistake("wrong output", "the output is tanh", "out", lambda a, p: np.tanh(p.run.sums[-1])),
    Mistake("input divided", "the input is divided by 255 once more", "sum",
            lambda z, p: z if p.layer else (p.run.inputs[0] / 255) @ p.net.weights[0] + p.net.biases[0]),
)  # fmt: skip


class Explanation(NamedTuple):
    """Mistakes that reproduce numbers: (mistake, layer or None for all) each, and how far off they are.

    `scales` are factors by the gradient's name that are needed besides, where they are not 1.
    """

    mistakes: tuple[tuple[Mistake, int | None], ...]
    error: float
    scales: Mapping[str, float]

    @property
    def changes(self) -> list[Change]:
        """As the arithmetic takes them."""
        return [(mistake.hook, layer, mistake.change) for mistake, layer in self.mistakes]


def hypotheses(table: Sequence[Mistake], layers: int) -> Iterator[tuple[Mistake, int | None]]:
    """Each mistake in all layers, then in one."""
    for mistake in table:
        yield mistake, None
        if mistake.hook not in ("output", "out"):
            yield from ((mistake, layer) for layer in range(layers - 1, -1, -1))


def distance(theirs: Array, ours: Array) -> float:
    """Relative Euclidean distance; infinite where shapes do not fit or numbers are not finite."""
    if theirs.shape != ours.shape or not np.all(np.isfinite(theirs)):
        return np.inf
    return float(np.linalg.norm(theirs - ours) / max(float(np.linalg.norm(ours)), float(np.linalg.norm(theirs)), 1e-12))


def explain_forward(net: Net, x: Array, theirs: Array, bound: float = MATCH) -> Explanation | None:
    """The mistake that reproduces their output."""
    right = forward(net, x).out
    for mistake, layer in hypotheses(FORWARD, len(net.weights)):
        found = Explanation(((mistake, layer),), 0.0, {})
        with np.errstate(all="ignore"):
            try:
                out = forward(net, x, found.changes).out
            except ValueError:
                continue
        if distance(theirs, out) <= bound and distance(out, right) > bound:
            return found._replace(error=distance(theirs, out))
    return None


def _scales(theirs: Mapping[str, Array], ours: Mapping[str, Array]) -> tuple[dict[str, float], float]:
    """The factor of each gradient that fits best, and how far off it is then."""
    scales, worst = {}, 0.0
    for name, array in theirs.items():
        other = ours[name]
        if array.shape != other.shape or not np.all(np.isfinite(array)):
            return {}, np.inf
        if max(float(np.linalg.norm(array)), float(np.linalg.norm(other))) < NOTHING:
            continue  # rounding alone: it has no factor
        square = float(np.vdot(other, other))
        factor = float(np.vdot(other, array)) / square if square else 1.0
        scales[name] = factor
        size = max(np.linalg.norm(array), 1e-12 + abs(factor) * np.linalg.norm(other))
        worst = max(worst, float(np.linalg.norm(array - factor * other) / size))
    return scales, worst


def explain_backward(
    case: tuple[Net, Pass, Array, Loss], theirs: Mapping[str, Array], bound: float = MATCH
) -> Explanation | None:
    """The fewest mistakes that reproduce their gradients: factors alone, one mistake, one and factors, two."""
    layers = len(case[0].weights)
    singles: list[tuple[Any, Any]] = [((), backward(*case))]
    for each in hypotheses(BACKWARD, layers):
        singles.append(((each,), _wrong(case, (each,))))
    fits = []
    for place, (mistakes, ours) in enumerate(singles):
        if ours is None:
            continue
        scales, error = _scales(theirs, ours)
        if error <= bound:
            odd = {name: factor for name, factor in scales.items() if abs(factor - 1) > 10 * bound}
            patterns = len({round(factor, 6) for factor in odd.values()}) + (0 < len(odd) < len(theirs))
            fits.append((patterns + 1.5 * len(mistakes), place, Explanation(mistakes, error, odd)))
    if fits:
        return min(fits, key=lambda fit: fit[:2])[2]
    return _two(case, theirs, bound, [mistakes[0] for mistakes, ours in singles[1:] if ours is not None])


def _two(case: Any, theirs: Mapping[str, Array], bound: float, singles: Sequence[Any]) -> Explanation | None:
    """Two mistakes: the first explains the gradients from the output down to some layer, the second the rest."""
    last = len(case[0].weights) - 1
    best = []
    for each in singles:
        ours = _wrong(case, (each,))
        fitting = sum(distance(theirs[name], ours[name]) <= bound for name in theirs) if ours else 0
        if fitting:
            best.append((-fitting, each))
    best.sort(key=lambda item: item[0])
    for _, first in best[:12]:
        for second in singles:
            ours = _wrong(case, (first, second))
            if ours and max(distance(theirs[name], ours[name]) for name in theirs) <= bound:
                pair = sorted((first, second), key=lambda item: -(last if item[1] is None else item[1]))
                return Explanation(tuple(pair), bound, {})
    return None


def _wrong(case: tuple[Net, Pass, Array, Loss], mistakes: Any) -> dict[str, Array] | None:
    changes = [(mistake.hook, layer, mistake.change) for mistake, layer in mistakes]
    with np.errstate(all="ignore"):
        try:
            return backward(*case, changes)
        except (ValueError, IndexError):
            return None
