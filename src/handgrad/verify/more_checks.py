"""Losses with a gradient of their own, dropout, and engines that differentiate numbers one by one."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.verify.arithmetic import LOSS_SLOPES, SCALES, softmax
from handgrad.verify.losses import WORDS, definition, speaks_of
from handgrad.verify.making import Member
from handgrad.verify.mistakes import distance
from handgrad.verify.outcome import RIGHT, WRONG, Check, factor_words
from handgrad.verify.sandbox import Handle, Session, TheirError

Array = NDArray[Any]
CLOSE = 2e-6
DROPPED = (300, 200)
DROPOUT = r"drop"
NEAR = 1e-7  # of slopes, which are found by differences
OPERATIONS: dict[str, Any] = {  # of single numbers: what is computed, where, and what else the method is given
    "__add__": (lambda x, y: x + y, (1.7, 0.6)),
    "__mul__": (lambda x, y: x * y, (1.7, 0.6)),
    "__sub__": (lambda x, y: x - y, (1.7, 0.6)),
    "__truediv__": (lambda x, y: x / y, (1.7, 0.6)),
    "__neg__": (lambda x: -x, (1.7,)),
    "__pow__": (lambda x: x**3, (1.7,), 3),
    "tanh": (math.tanh, (0.6,)),
    "exp": (math.exp, (0.6,)),
    "log": (math.log, (0.6,)),
    "sigmoid": (lambda x: 1 / (1 + math.exp(-x)), (0.6,)),
    "relu": (lambda x: max(x, 0.0), (-0.6,)),
    "relu ": (lambda x: max(x, 0.0), (0.6,)),
}


def loss_pair_checks(session: Session, members: Sequence[Member], generator: np.random.Generator) -> Iterator[Check]:
    """The gradient that a loss returns beside its value, or from its backward, against the derivative of that value."""
    y = np.eye(4)[generator.permutation(6) % 4]
    inputs = {"logits": generator.normal(size=(6, 4)), "probabilities": softmax(generator.normal(size=(6, 4)))}
    for m in members:
        if m.is_module or not (speaks_of(m.name) or "loss" in m.name.lower()):
            continue
        for what, labels in ((w, form) for w in inputs for form in (y, y.argmax(1))):
            pair = _loss_pair(session, m, inputs[what], labels)
            if pair and (check := _loss_check(m, *pair, inputs[what], y)):
                yield check
                break


def _loss_pair(session: Session, m: Member, x: Array, labels: Array) -> tuple[float, Array] | None:
    try:
        if not m.is_class:
            result = session.call(m.object, None, x, labels)
            if isinstance(result, tuple) and len(result) == 2 and np.shape(result[1]) == x.shape:
                return float(np.ravel(result[0])[0]), result[1]
            return None
        front = next((name for name in ("forward", "__call__", "loss", "compute") if name in m.methods), "")
        if not front or "backward" not in m.methods:
            return None
        made = session.make(m.object)
        first = [p["name"].lower() for p in m.methods[front]][:1]
        values = [labels, x] if first and re.search("true|target|label|^y$", first[0]) else [x, labels]
        value = session.call(made, front, *values)
        needs = [p for p in m.methods["backward"] if not p["optional"] and not p["star"]]
        slope = session.call(made, "backward", *values[: len(needs)])
        slope = slope[0] if isinstance(slope, tuple) and slope else slope
        if np.size(value) == 1 and np.shape(slope) == x.shape:
            return float(np.ravel(value)[0]), slope
    except (TheirError, TypeError, ValueError, IndexError):
        return None
    return None


def _loss_check(m: Member, value: float, slope: Array, x: Array, y: Array) -> Check | None:
    place = f"{m.file}:{m.lines.get('backward', m.line)}"
    for softened in (True, False):
        p = softmax(x) if softened else x
        loss = definition("", value, p, y)
        if loss:
            c = SCALES[loss.scale](*y.shape)
            with np.errstate(all="ignore"):
                dp = LOSS_SLOPES[loss.name](p, y)
            true = (p * (dp - (dp * p).sum(1, keepdims=True)) if softened else dp) * c
            short = None if softened or loss.name == "squared_error" else (p - y) * c
            return _loss_verdict(f"loss ({m.name})", loss.name, loss.scale, slope, (true, short), (p, y), place)
    return None


def _loss_verdict(label: str, name: str, scale: str, slope: Array, right: Any, inputs: Any, place: str) -> Check:
    (true, short), (p, y) = right, inputs
    words, factor = f"{WORDS[name]}, {scale}, and its gradient", SCALES[scale](*y.shape)
    if distance(slope, true) <= CLOSE:
        return Check(label, RIGHT, words, distance(slope, true), where=place)
    if short is not None and distance(slope, short) <= CLOSE:
        return Check(
            label, RIGHT, f"{words} with respect to what goes into softmax", distance(slope, short), where=place
        )
    wrong: Mapping[str, tuple[str, Array]] = {
        "softmax twice": ("softmax is applied once more in the gradient", (softmax(p) - y) * factor),
        "labels missing": ("the labels are not subtracted in the gradient", p * factor),
        "true class only": ("only the true class gets a gradient", true * y),
    }
    for mistake, (text, numbers) in wrong.items():
        if distance(slope, numbers) <= CLOSE:
            return Check(label, WRONG, text, distance(slope, true), label, mistake, distance(slope, numbers), place)
    for ours in (true, (p - y) * factor):
        ratio = float(np.vdot(ours, slope) / np.vdot(ours, ours))
        if distance(slope, ratio * ours) <= CLOSE:
            mistake, text = factor_words(ratio, *y.shape)
            return Check(label, WRONG, f"the gradient is {text}", distance(slope, true), label, mistake, 0.0, place)
    text = "the gradient is not the derivative of the value, and no known mistake reproduces it"
    return Check(label, WRONG, text, distance(slope, true), label, "unknown", None, place)


def dropout_checks(session: Session, members: Sequence[Member]) -> Iterator[Check]:
    """The mean of what dropout lets through, its mask on the way back, and that it is off in evaluation."""
    for m in members:
        if not re.search(DROPOUT, m.name.lower()) or m.is_module:
            continue
        trial = _dropout_class(session, m) if m.is_class else _dropout_function(session, m, members)
        if trial is None:
            continue
        out, off, dx, place = trial
        label, kept = f"dropout ({m.name})", float((out != 0).mean())
        level = float(out[out != 0].mean()) if kept else 0.0
        if abs(level * kept - 1) < 0.02 and (off is None or np.allclose(off, 1)):
            yield Check(
                label, RIGHT, f"keeps {kept:.2f} of the units, divides by that share, does nothing in evaluation"
            )
        elif abs(level - 1) < 1e-9 and off is not None and abs(float(off.mean()) - kept) < 0.02:
            yield Check(label, RIGHT, f"keeps {kept:.2f} of the units, and multiplies by that share in evaluation")
        elif abs(level - 1) < 1e-9:
            yield Check(label, WRONG, "what is kept is not divided by the share that is kept", abs(level * kept - 1),
                        label, "dropout not scaled", None, place)  # fmt: skip
        elif off is not None and not np.allclose(off, 1) and abs(level * kept - 1) < 0.02:
            yield Check(label, WRONG, "units are dropped in evaluation too", None, label, "dropout in evaluation",
                        None, place)  # fmt: skip
        else:
            yield Check(label, WRONG, f"keeps {kept:.2f} of the units and multiplies them by {level:.3g}", None, label,
                        "dropout not scaled", None, place)  # fmt: skip
        if dx is not None and not np.allclose(dx, out):
            name = "dropout not scaled" if np.array_equal(dx != 0, out != 0) else "mask missing"
            words = (
                "the gradient is not scaled as the output is"
                if name != "mask missing"
                else "another mask than forward's"
            )
            yield Check(label, WRONG, f"backward: {words}", distance(dx, out), label, name, None, place)


def _dropout_class(session: Session, m: Member) -> Any:
    front = next((name for name in ("forward", "__call__") if name in m.methods), "")
    ones = np.ones(DROPPED)
    try:
        made = session.make(m.object, [0.3] if m.parameters else [])
        named = next((p["name"] for p in m.methods[front][1:]), "")
        out = _mode(session, made, front, named, ones, True)
        dx = session.call(made, "backward", ones) if "backward" in m.methods else None
        off = None
        if named:
            off = _mode(session, made, front, named, ones, False)
        elif "eval" in m.methods:
            session.call(made, "eval")
            off = session.call(made, front, ones)
    except (TheirError, KeyError):
        return None
    return (out, off, dx, f"{m.file}:{m.line}") if isinstance(out, np.ndarray) else None


def _mode(session: Session, made: Handle, front: str, named: str, ones: Array, training: bool) -> Any:
    if not named:
        return session.call(made, front, ones)
    value: Any = (not training) if "eval" in named.lower() or "test" in named.lower() else training
    value = ("train" if training else "test") if named.lower() == "mode" else value
    return session.call(made, front, ones, **{named: value})


def _dropout_function(session: Session, m: Member, members: Sequence[Member]) -> Any:
    if "forward" not in m.name:
        return None
    ones, back = np.ones(DROPPED), next((b for b in members if b.name == m.name.replace("forward", "backward")), None)
    try:
        reply = session.ask("call", target=m.object, values=[ones, {"p": 0.7, "mode": "train", "seed": 1}], hold=True)
        out, held = reply["result"][0], reply["held"]
        off = session.call(m.object, None, ones, {"p": 0.7, "mode": "test"})[0]
        cache = session.ask("get", target=held, name=1, hold=True)
        dx = session.call(back.object, None, ones, cache) if back else None
    except (TheirError, TypeError, IndexError, KeyError):
        return None
    return out, off, dx, f"{m.file}:{m.line}"


def scalar_checks(session: Session, members: Sequence[Member]) -> Iterator[Check]:
    """A class of single numbers with gradients: each operation alone, one value used twice, and a longer expression."""
    for m in members:
        if not m.is_class or not {"backward", "__add__", "__mul__"} <= {*m.methods}:
            continue
        engine = _Engine(session, m)
        try:
            engine.value(1.5)
            names = engine.names
        except TheirError:
            continue
        if not names:
            continue
        yield from engine.checks()


class _Engine:
    """Numbers of somebody's class, made and combined in their process."""

    def __init__(self, session: Session, member: Member) -> None:
        self.session, self.member = session, member
        made = self.value(1.5)
        numbers = {
            name: self._get(made, name) for name in ("data", "value", "val", "v", "grad", "gradient", "g", "der")
        }
        data = next((name for name in ("data", "value", "val", "v") if numbers[name] == 1.5), "")
        slope = next((name for name in ("grad", "gradient", "g", "der") if numbers[name] == 0), "")
        self.names: tuple[str, ...] = (data, slope) if data and slope else ()

    def value(self, number: float) -> Handle:
        return self.session.make(self.member.object, [number])

    def _get(self, made: Handle, name: str) -> Any:
        try:
            return self.session.ask("get", target=made, name=name)
        except TheirError:
            return None

    def apply(self, target: Handle, method: str, *values: Any) -> Handle:
        return self.session.make(target, values, name=method)

    def slopes(self, out: Handle, inputs: Sequence[Handle]) -> tuple[float, list[float]]:
        self.session.call(out, "backward")
        data, slope = self.names
        found = [float(self._get(each, slope) or 0) for each in inputs]
        return float(self._get(out, data)), found

    def checks(self) -> Iterator[Check]:
        label = f"scalar engine ({self.member.name})"
        place = f"{self.member.file}:{self.member.line}"
        checks = {name: self._single(label, name, *row) for name, row in OPERATIONS.items() if self._has(name)}
        wrong = [check for check in checks.values() if check]
        yield from wrong
        yield from self._graphs(label, place, bool(wrong))
        if not wrong:
            tried = ", ".join(dict.fromkeys(name.strip() for name in checks))
            yield Check(label, RIGHT, f"value and gradient of {tried}", where=place)

    def _has(self, name: str) -> bool:
        return name.strip() in self.member.methods or name in ("__sub__", "__truediv__", "__neg__")

    def _single(self, label: str, name: str, function: Callable[..., float], points: Any, *more: int) -> Check | None:
        """One operation against its central differences, alone and with another one after it."""
        method, value, step = name.strip(), function(*points), 1e-6
        steps = step * np.eye(len(points))
        slopes = [(function(*(points + each)) - function(*(points - each))) / (2 * step) for each in steps]
        inputs = [self.value(point) for point in points]
        try:
            out, found = self.slopes(self.apply(inputs[0], method, *inputs[1:], *more), inputs)
        except TheirError:
            return None
        place = f"{self.member.file}:{self.member.lines.get(method, self.member.line)}"
        if abs(out - value) > 1e-9:
            return Check(label, WRONG, f"{method}: the value is {out:.6g}, not {value:.6g}", abs(out - value), method,
                         "wrong value", None, place)  # fmt: skip
        if not np.allclose(found, slopes, 0, NEAR):
            return self._fault(label, place, method, found, slopes)
        inputs = [self.value(point) for point in points]
        middle = self.apply(inputs[0], method, *inputs[1:], *more)
        _, found = self.slopes(self.apply(middle, "__mul__", self.value(3.0)), inputs)
        if np.allclose(found, slopes, 0, NEAR) and any(slopes):
            words = f"{method}: the gradient of what comes after it is not multiplied in"
            return Check(label, WRONG, words, 2.0, method,
                         "upstream gradient missing", 0.0, place)  # fmt: skip
        return None

    def _fault(self, label: str, place: str, method: str, found: Any, slopes: Any) -> Check:
        ways = {
            "sign": [-each for each in slopes],
            "wrong operand": list(reversed(slopes)),
            "derivative missing": [1.0] * len(slopes),
            "gradient missing": [0.0] * len(slopes),
        }
        name = next(
            (name for name, numbers in ways.items() if np.allclose(found, numbers, 0, NEAR)), "wrong derivative"
        )
        one = [k for k, (a, b) in enumerate(zip(found, slopes, strict=True)) if abs(a - b) > NEAR]
        which = "" if len(one) == len(slopes) else f" of its operand {one[0] + 1}"
        words = f"{method}: the gradient{which} is wrong ({name})"
        error = max(abs(a - b) for a, b in zip(found, slopes, strict=True))
        return Check(label, WRONG, words, error, method, name, None, place)

    def _graphs(self, label: str, place: str, quiet: bool) -> Iterator[Check]:
        """A value used twice adds up; each node passes its gradient on once, after it is complete."""
        x = self.value(3.0)
        _, found = self.slopes(self.apply(x, "__add__", x), [x])
        accumulates = abs(found[0] - 2) < 1e-9
        if not accumulates:
            yield Check(label, WRONG, f"x + x has gradient {found[0]:g}: a second use overwrites the first", None,
                        "accumulation", "gradient overwritten", None, place)  # fmt: skip
        x, y = self.value(2.0), self.value(-1.0)
        a = self.apply(x, "__mul__", y)
        b = self.apply(a, "__add__", x)
        c = self.apply(a, "__mul__", b)
        d = self.apply(c, "__add__", a)
        _, found = self.slopes(d, [x, y])
        # d = xy (xy + x) + xy: dd/dx = 2xy^2 + 2xy + y, dd/dy = 2x^2 y + x^2 + x
        true = [2 * 2 * 1 + 2 * 2 * -1 + -1, 2 * 4 * -1 + 4 + 2]
        if accumulates and not quiet and max(abs(p - q) for p, q in zip(found, true, strict=True)) > 1e-9:
            yield Check(label, WRONG, "a node hands its gradient on before all that use it have added theirs, or twice",
                        None, "backward", "order of nodes", None,
                        f"{self.member.file}:{self.member.lines.get('backward', 0)}")  # fmt: skip
        elif accumulates and not quiet:
            yield Check(label, RIGHT, "gradients add up, in an order from the end to the beginning", where=place)
