"""What optimizers subtract from a weight, step by step; and what they subtract when a known mistake is in them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
State = dict[str, Any]
Step = Callable[[Array, int, State, Mapping[str, float]], Array]


class Rule(NamedTuple):
    """One way to do it: what is subtracted for gradient g in step t; a `mistake` has a name."""

    words: str
    step: Step
    mistake: str = ""


def _mean(state: State, name: str, beta: float, value: Array, share: float | None = None) -> Array:
    state[name] = beta * state.get(name, 0.0) + (1 - beta if share is None else share) * value
    return np.asarray(state[name])


def _momentum(share: bool = False, sign: float = 1.0) -> Step:
    def step(g: Array, t: int, s: State, h: Mapping[str, float]) -> Array:
        return h["lr"] * _mean(s, "v", sign * h["momentum"], g, None if share else 1.0)

    return step


def _nag(share: bool = False) -> Step:
    def step(g: Array, t: int, s: State, h: Mapping[str, float]) -> Array:
        v = _mean(s, "v", h["momentum"], g, None if share else 1.0)
        return h["lr"] * ((1 - h["momentum"] if share else 1) * g + h["momentum"] * v)

    return step


def _root(v: Array, h: Mapping[str, float], how: str) -> Array:
    if how == "inside":
        return np.sqrt(v + h["epsilon"])
    return np.asarray(v + h["epsilon"]) if how == "no root" else np.sqrt(v) + h["epsilon"]


def _rmsprop(how: str = "outside", share: float | None = None, power: int = 2, kept: bool = True) -> Step:
    def step(g: Array, t: int, s: State, h: Mapping[str, float]) -> Array:
        beta = h["beta"] if kept else 0.0
        v = _mean(s, "v", beta if share is None else 1.0, g**power, share)
        return h["lr"] * g / _root(v, h, how)

    return step


def _adam(
    first: bool = True, second: bool = True, how: str = "outside", clock: str = "t", power: int = 2, nesterov: str = "",
    swapped: bool = False, share: float | None = None,
) -> Step:  # fmt: skip
    def step(g: Array, t: int, s: State, h: Mapping[str, float]) -> Array:
        b1, b2 = (h["beta2"], h["beta1"]) if swapped else (h["beta1"], h["beta2"])
        time = {"t": t, "t = 1": 1, "t + 1": t + 1, "each": 2 * t - 1 + s["place"]}[clock]
        m, v = _mean(s, "m", b1, g, share), _mean(s, "v", b2, g**power, share)
        c1, c2 = 1 - b1**time if first else 1.0, 1 - b2**time if second else 1.0
        ahead = m / c1
        if nesterov == "dozat":
            ahead = b1 * m / (1 - b1 ** (time + 1) if first else 1.0) + (1 - b1) * g / c1
        elif nesterov == "same":
            ahead = b1 * m / c1 + (1 - b1) * g / c1
        elif nesterov == "schedule":
            mu, after = (b1 * (1 - 0.5 * 0.96 ** (0.004 * k)) for k in (t, t + 1))
            s["product"] = s.get("product", 1.0) * mu
            ahead = after * m / (1 - s["product"] * after) + (1 - mu) * g / (1 - s["product"])
        elif nesterov == "no correction of g":
            ahead = b1 * m / c1 + (1 - b1) * g
        return np.asarray(h["lr"] * ahead / _root(v / c2, h, how))

    return step


def _sgd(g: Array, t: int, s: State, h: Mapping[str, float]) -> Array:
    return h["lr"] * g


def _biased(nesterov: str) -> list[Rule]:
    """The mistakes of Adam, in it and in NAdam."""
    ways: list[tuple[str, dict[str, Any], str]] = [
        ("neither mean is corrected for starting at 0", {"first": False, "second": False}, "missing bias correction"),
        ("the mean of g is not corrected for starting at 0", {"first": False}, "missing bias correction"),
        ("the mean of g^2 is not corrected for starting at 0", {"second": False}, "missing bias correction"),
        ("epsilon is added under the root", {"how": "inside"}, "epsilon inside the root"),
        ("the root of the second mean is missing", {"how": "no root"}, "root missing"),
        ("the step counter stays at 1", {"clock": "t = 1"}, "step counter"),
        ("the step counter starts at 2", {"clock": "t + 1"}, "step counter"),
        ("the step counter goes up for each parameter, not for each step", {"clock": "each"}, "step counter"),
        ("the second mean is of g, not of g^2", {"power": 1}, "g not squared"),
        ("beta1 and beta2 are exchanged", {"swapped": True}, "betas exchanged"),
        ("the factors 1 - beta are missing in both means", {"share": 1.0}, "1 - beta missing"),
    ]
    return [Rule(words, _adam(nesterov=nesterov, **how), mistake) for words, how, mistake in ways]


SGD = Rule("w - lr g", _sgd)
REVERSED = Rule("the sign is reversed: it goes uphill", lambda g, t, s, h: -h["lr"] * g, "sign")
RULES: dict[str, Sequence[Rule]] = {
    "sgd": (SGD, REVERSED),
    "momentum": (
        Rule("v = beta v + g", _momentum()),
        Rule("v = beta v + (1 - beta) g", _momentum(True)),
        Rule("the velocity is not kept: plain descent", _sgd, "velocity not kept"),
        Rule("the velocity changes its sign in each step", _momentum(sign=-1.0), "sign"),
        Rule("it is Nesterov's momentum", _nag(), "another optimizer"),
    ),
    "nag": (
        Rule("v = beta v + g, then g + beta v", _nag()),
        Rule("v = beta v + (1 - beta) g, then (1 - beta) g + beta v", _nag(True)),
        Rule("the look-ahead is missing: it is plain momentum", _momentum(), "look-ahead of NAG"),
        Rule("the look-ahead is missing: it is plain momentum with 1 - beta", _momentum(True), "look-ahead of NAG"),
        Rule("the velocity is not kept: plain descent", _sgd, "velocity not kept"),
    ),
    "rmsprop": (
        Rule("s = beta s + (1 - beta) g^2", _rmsprop()),
        Rule("epsilon is added under the root", _rmsprop("inside"), "epsilon inside the root"),
        Rule("the root is missing", _rmsprop("no root"), "root missing"),
        Rule("g^2 is added up for ever, as in Adagrad", _rmsprop(share=1.0), "another optimizer"),
        Rule("the mean is of g, not of g^2", _rmsprop(power=1), "g not squared"),
        Rule("the mean is not kept", _rmsprop(kept=False), "velocity not kept"),
    ),
    "adam": (
        Rule("both means corrected", _adam()),
        *_biased(""),
        Rule("it is NAdam", _adam(nesterov="same"), "another optimizer"),
    ),
    "nadam": (
        Rule("Dozat's, without a schedule", _adam(nesterov="dozat")),
        Rule("beta1 m / (1 - beta1^t) + (1 - beta1) g / (1 - beta1^t)", _adam(nesterov="same")),
        Rule("with the schedule of momentum, as PyTorch", _adam(nesterov="schedule")),
        Rule("the look-ahead is missing: it is Adam", _adam(), "look-ahead of NAG"),
        Rule("g is not corrected in the look-ahead", _adam(nesterov="no correction of g"), "missing bias correction"),
        *_biased("same"),
        *_biased("dozat"),
    ),
}
NAMES = {
    "nadam": "nadam|nesterov_?adam",
    "adam": "(?<!n)adam(?!w|ax|_?grad)",
    "rmsprop": "rms",
    "nag": "nag|nesterov",
    "momentum": "moment",
    "sgd": "sgd|gradient_?descent|stochastic|^gd$|vanilla",
}


def trajectory(
    rule: Rule, start: Sequence[Array], slopes: Sequence[Sequence[Array]], h: Mapping[str, float]
) -> list[Any]:
    """The weights after each step, for every parameter."""
    states: list[State] = [{"place": k} for k in range(len(start))]
    weights, found = list(start), []
    with np.errstate(all="ignore"):
        for t, step in enumerate(slopes, 1):
            weights = [w - rule.step(g, t, s, h) for w, g, s in zip(weights, step, states, strict=True)]
            found.append(weights)
    return found
