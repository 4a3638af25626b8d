"""The update rules once more, written for obviousness: what a step should have done, under one assumption or another.

They are compared with what an optimizer did, so that a difference gets a name; nothing trains with them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.optim import GradientTransforms, Optimizer

Array = NDArray[Any]


class Seen(NamedTuple):
    """An update as it was observed: weights before and after, gradient, state before; all float64.

    `rates` are the learning rates that may have been meant: "now", "late" (the step before's), "early" (the next
    one's), "unscheduled". `segments` are (start, stop, penalised) of each parameter.
    """

    step: int
    before: Array
    after: Array
    gradient: Array
    states: Array
    memory: Array
    rates: Mapping[str, float]
    segments: Array


@dataclass(frozen=True)
class Assumption:
    """How the update is believed to be made; the defaults are the hand-written engine's own way."""

    optimizer: Any
    transforms: GradientTransforms
    decoupled: bool
    epsilon: str = "outside"
    corrected: bool = True
    rate: str = "now"
    everywhere: bool = False
    clipped: str = "together"


def assumed(optimizer: Optimizer, transforms: GradientTransforms) -> Assumption:
    """The hand-written engine's own way."""
    return Assumption(optimizer, transforms, optimizer.decoupled)


def predicted(seen: Seen, assumption: Assumption) -> Array:
    """The weights after the step, had it been made as assumed."""
    transforms, rate = assumption.transforms, seen.rates[assumption.rate]
    decaying = np.zeros(seen.before.size)
    weights_only = np.zeros(seen.before.size)
    for start, stop, penalised in seen.segments:
        decaying[start:stop] = penalised or assumption.everywhere
        weights_only[start:stop] = penalised
    w, g = seen.before.copy(), CLIPPED[assumption.clipped](seen, transforms.clip_norm)
    g = g + transforms.l1 * np.sign(w) * weights_only
    if assumption.decoupled:
        w = w * (1 - rate * transforms.weight_decay * decaying)
    else:
        g = g + transforms.weight_decay * w * decaying
    return np.asarray(w - rate * DIRECTIONS[assumption.optimizer.torch.name](g, seen, assumption))


def _shortened(gradient: Array, limit: float) -> Array:
    return gradient * min(1.0, limit / (np.linalg.norm(gradient) + 1e-6)) if limit else gradient


def _each_shortened(seen: Seen, limit: float) -> Array:
    return np.concatenate([_shortened(seen.gradient[start:stop], limit) for start, stop, _ in seen.segments])


CLIPPED: dict[str, Callable[[Seen, float], Array]] = {
    "together": lambda seen, limit: _shortened(seen.gradient, limit),
    "each": _each_shortened,
    "never": lambda seen, limit: seen.gradient,
}


def _root(square: Array, correction: float, assumption: Assumption) -> Array:
    epsilon = assumption.optimizer.epsilon
    if assumption.epsilon == "inside":
        return np.asarray(np.sqrt(square / correction + epsilon))
    if assumption.epsilon == "before":
        return np.asarray((np.sqrt(square) + epsilon) / np.sqrt(correction))
    return np.asarray(np.sqrt(square / correction) + epsilon)


def _sgd(g: Array, seen: Seen, assumption: Assumption) -> Array:
    """Plain, with a velocity, or with Nesterov's look ahead of it."""
    momentum = getattr(assumption.optimizer, "momentum", 0.0)
    velocity = momentum * seen.states[0] + g if len(seen.states) else g
    return np.asarray(g + momentum * velocity if getattr(assumption.optimizer, "looks_ahead", False) else velocity)


def _rmsprop(g: Array, seen: Seen, assumption: Assumption) -> Array:
    beta = assumption.optimizer.beta
    return np.asarray(g / _root(beta * seen.states[0] + (1 - beta) * g**2, 1.0, assumption))


def _adagrad(g: Array, seen: Seen, assumption: Assumption) -> Array:
    return np.asarray(g / _root(seen.states[0] + g**2, 1.0, assumption))


def _moments(g: Array, seen: Seen, optimizer: Any) -> tuple[Array, Array]:
    m = optimizer.beta1 * seen.states[0] + (1 - optimizer.beta1) * g
    v = optimizer.beta2 * seen.states[1] + (1 - optimizer.beta2) * g**2
    return m, v


def _adam(g: Array, seen: Seen, assumption: Assumption) -> Array:
    optimizer = assumption.optimizer
    m, v = _moments(g, seen, optimizer)
    if not assumption.corrected:
        return np.asarray(m / _root(v, 1.0, assumption))
    return np.asarray(m / (1 - optimizer.beta1**seen.step) / _root(v, 1 - optimizer.beta2**seen.step, assumption))


def _nadam(g: Array, seen: Seen, assumption: Assumption) -> Array:
    optimizer, t = assumption.optimizer, seen.step
    m, v = _moments(g, seen, optimizer)
    now, after = (optimizer.beta1 * (1 - 0.5 * 0.96 ** (s * optimizer.momentum_decay)) for s in (t, t + 1))
    product = seen.memory[0] * now
    ahead = (1 - now) * g / (1 - product) + after * m / (1 - product * after)
    return np.asarray(ahead / _root(v, 1 - optimizer.beta2**t, assumption))


# By the class of PyTorch's that the optimizer is compared with; of another class, no cause is known.
DIRECTIONS: dict[str, Callable[[Array, Seen, Assumption], Array]] = {
    "torch.optim.SGD": _sgd,
    "torch.optim.RMSprop": _rmsprop,
    "torch.optim.Adagrad": _adagrad,
    "torch.optim.Adam": _adam,
    "torch.optim.AdamW": _adam,
    "torch.optim.NAdam": _nadam,
}
