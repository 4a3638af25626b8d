"""Somebody's loss: which function it is, and which of the usual definitions it follows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.verify.arithmetic import SCALES, SUMS, Loss, softmax
from handgrad.verify.gradients import Batch, role_is_free
from handgrad.verify.making import label_forms
from handgrad.verify.naming import Plan, does, plans
from handgrad.verify.sandbox import Handle, TheirError
from handgrad.verify.subject import Subject, Target

Array = NDArray[Any]
CLOSE = 2e-6  # many add 1e-8 inside the logarithm

NAMES = {
    "cross_entropy": ("cross", "entropy", "ce", "nll", "categorical", "log_loss", "logloss", "softmax"),
    "squared_error": ("mse", "squared", "quadratic", "l2", "mean_sq", "square"),
}
WORDS = {"cross_entropy": "cross-entropy", "squared_error": "squared error"}
WORDS["binary_cross_entropy"] = "binary cross-entropy"

# What a loss is when a mistake is in it, from predictions p, labels y and the usual sum.
WRONG_LOSSES: Mapping[str, tuple[tuple[str, str, Callable[[Array, Array], float]], ...]] = {
    "cross_entropy": (
        ("sign", "the minus sign is missing", lambda p, y: float((y * np.log(p)).sum())),
        ("wrong logarithm", "the logarithm has base 2", lambda p, y: float(-(y * np.log2(p)).sum())),
        ("wrong logarithm", "the logarithm has base 10", lambda p, y: float(-(y * np.log10(p)).sum())),
        ("logarithm missing", "there is no logarithm", lambda p, y: float(-(y * p).sum())),
        ("softmax twice", "softmax is applied to probabilities", lambda p, y: float(-(y * np.log(softmax(p))).sum())),
        ("labels missing", "all classes count, not the true one", lambda p, y: float(-np.log(p).sum())),
        ("wrong classes", "the other classes count: 1 - y", lambda p, y: float(-((1 - y) * np.log(p)).sum())),
    ),
    "squared_error": (
        ("not squared", "the difference is not squared", lambda p, y: float((p - y).sum())),
        ("not squared", "the absolute difference is taken", lambda p, y: float(np.abs(p - y).sum())),
        ("sign", "the sign is reversed", lambda p, y: -float(((p - y) ** 2).sum())),
    ),
}


class TheirLoss(NamedTuple):
    """A loss of theirs: where it is, the definition it follows, or the mistake in it."""

    name: str
    where: str
    loss: Loss | None
    mistake: tuple[str, str] | None = None
    value: float = 0.0
    call: tuple[Target, Plan] | None = None  # where it is a method of the network


def losses_of(subject: Subject, batch: Batch) -> list[TheirLoss]:
    """Every function of theirs that makes one number of labels and predictions."""
    found = []
    for name, where, value, call in values_of(subject, batch):
        outs = {"": batch.run.out}
        if subject.output == "identity":
            outs = {"softmax": softmax(batch.run.out), "identity": batch.run.out}
        defined = ((definition(name, value, p, batch.y), output) for output, p in outs.items())
        loss = next((found._replace(output=output) for found, output in defined if found), None)
        mistakes = (_mistake(name, value, p, batch.y) for p in outs.values())
        wrong = None if loss else next((mistake for mistake in mistakes if mistake), None)
        if loss or wrong or speaks_of(name):
            found.append(TheirLoss(name, where, loss, wrong, value, None if call[0][0] else call))
    return found


def speaks_of(name: str) -> str:
    """Which loss a name means, if any."""
    lower = name.lower()
    return next((loss for loss, words in NAMES.items() if any(word in lower for word in words)), "")


def definition(name: str, value: float, p: Array, y: Array) -> Loss | None:
    """Which usual definition gives this value; where the name speaks of a loss, only those of it."""
    wanted = speaks_of(name)
    for loss in [wanted] if wanted else SUMS:
        with np.errstate(all="ignore"):
            whole = SUMS[loss](p, y)
        for scale, factor in SCALES.items():
            if np.isfinite(whole) and abs(value - whole * factor(*y.shape)) <= CLOSE * abs(value) + 1e-9:
                return Loss(loss, scale)
    return None


def _mistake(name: str, value: float, p: Array, y: Array) -> tuple[str, str] | None:
    for loss in [speaks_of(name)] if speaks_of(name) else WRONG_LOSSES:
        for mistake, words, compute in WRONG_LOSSES.get(loss, ()):
            with np.errstate(all="ignore"):
                whole = compute(p, y)
            if any(abs(value - whole * factor(*y.shape)) <= CLOSE * abs(value) for factor in SCALES.values()):
                return mistake, words
    return None


def values_of(subject: Subject, batch: Batch) -> Iterator[tuple[str, str, float, tuple[Target, Plan]]]:
    """Name, place and value of everything that could be a loss, and how it is called."""
    subject.put(batch.net)
    out, result = subject.forward(batch.x, hold=True)
    for target, method, name, parameters, where in _candidates(subject):
        form = np.ascontiguousarray(out.T if subject.column else out)
        offered = {"labels": label_forms(batch.y, subject.column), "predictions": [form], "cache": [result["held"]]}
        known = {k: v for k, v in subject.weights_by_name().items() if role_is_free(k)}
        values = subject.values(batch.x, {**offered, "unknown": [form, offered["labels"][0]]}, known)
        tried: set[float] = set()
        for plan in list(plans(parameters, values, ("weight_decay",)))[:8]:
            roles = {argument.role for argument in plan}
            if not (roles & {"labels", "", "unknown"}):
                continue
            try:
                value = subject.call((target, method, name), plan, values)["result"]
            except TheirError:
                continue
            value = value[0] if isinstance(value, tuple) and value else value
            if (
                isinstance(value, float | int | np.ndarray)
                and np.size(value) == 1
                and float(np.ravel(value)[0]) not in tried
            ):
                tried.add(float(np.ravel(value)[0]))
                yield name, where, float(np.ravel(value)[0]), ((target, method, name), plan)
                break


def _candidates(subject: Subject) -> Iterator[tuple[Handle | None, str | None, str, Sequence[Any], str]]:
    for method, parameters in subject.maker.methods.items():
        if does("loss", method) and not does("backward", method) and method != "__init__":
            yield None, method, method, parameters, f"{subject.maker.file}:{subject.maker.lines.get(method, 0)}"
    for m in subject.members:
        derivative = any(word in m.name.lower() for word in ("grad", "deriv", "back", "prime", "delta", "dloss"))
        if m.is_module or not does("loss", m.name) or derivative:
            continue
        if not m.is_class:
            yield m.object, None, m.name, m.parameters, f"{m.file}:{m.line}"
            continue
        methods = [n for n in ("forward", "loss", "__call__", "compute", "calculate", "compute_loss") if n in m.methods]
        if methods:
            try:
                made = subject.session.make(m.object)
            except TheirError:
                continue
            for method in methods[:2]:
                yield made, method, m.name, m.methods[method], f"{m.file}:{m.lines.get(method, m.line)}"
