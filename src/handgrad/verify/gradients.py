"""Somebody's gradients: how their backward pass is called, and which of its numbers belong to which weights."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.verify.arithmetic import Loss, Net, Pass, backward, output_delta
from handgrad.verify.arithmetic import forward as compute
from handgrad.verify.making import groups, label_forms, leaves, one_hot
from handgrad.verify.mistakes import LEARNING_RATE, distance
from handgrad.verify.naming import Plan, plans
from handgrad.verify.sandbox import TheirError
from handgrad.verify.subject import Subject, Target

Array = NDArray[Any]
OPTIONAL, MOST_CALLS = ("learning_rate", "predictions", "weight_decay"), 24
CLEARLY = 0.02  # a less likely call must fit better by so much
WRONG_PLACE = 0.9  # gradients as far off as random ones: those of another method are looked at as well


class Batch(NamedTuple):
    """Weights, a batch of images, labels as one-hot rows, and what our forward pass makes of them."""

    net: Net
    x: Array
    y: Array
    run: Pass

    def true(self, loss: Loss) -> dict[str, Array]:
        """The right gradients."""
        return backward(self.net, self.run, self.y, loss)


@dataclass(frozen=True)
class Found:
    """Where the gradients are: for each name, "W0", "b0", ..., the source and the path in it.

    `source` is "returned", "stored" or "update" (the change of the weights); `reverse`: the last layer's come first.
    """

    target: Target
    plan: Plan
    source: str = ""
    paths: Mapping[str, Any] = None  # type: ignore[assignment]
    reverse: bool = False
    transposed: bool = False
    lists: bool = False  # gradients without names of their own, whose order is their only name


def draw(subject: Subject, generator: np.random.Generator, rows: int = 8) -> Batch:
    """A batch that nobody knows before."""
    net = subject.net(generator)
    x = generator.normal(size=(rows, subject.chain.widths[0]))
    y = one_hot(generator.permutation(rows), subject.chain.widths[-1])
    return Batch(net, x, y, compute(net, x))


def call_backward(
    subject: Subject, target: Any, plan: Plan, batch: Batch, loss: Loss, unfinished: bool = False
) -> dict[str, dict[Any, Array]]:
    """All numbers that a backward pass leaves, by source and place; also those of an `unfinished` one.

    Raises  TheirError, where it is not one that may end so.
    """
    subject.put(batch.net)
    subject.reset()
    values = backward_values(subject, batch, loss)
    if not any(argument.role in ("labels", "") for argument in plan):
        for each in subject.losses:
            subject.call(*each, values)
    before = subject.session.ask("walk", target=subject.root)
    try:
        result = subject.call(target, plan, values)
    except TheirError:
        if not unfinished:
            raise
        result = {"result": None, "changed": []}
    after = subject.session.ask("walk", target=subject.root)
    weights = {*subject.chain.paths, *subject.biases}
    stored = {path: array for path, array in after.items() if path not in weights}
    fresh = {path for path in stored if path not in before or not _same(before[path], stored[path])}
    update = {
        path: (before[path] - after[path]) / LEARNING_RATE
        for path in weights
        if path in after and before[path].shape == after[path].shape
    }
    update = update if any(np.any(array) for array in update.values()) else {}
    returned = dict(leaves(result["result"]))
    marks = {"changed": dict.fromkeys(result["changed"], np.ones(1)), "fresh": dict.fromkeys(fresh, np.ones(1))}
    return {"returned": returned, "stored": stored, "update": update, **marks}


def backward_values(subject: Subject, batch: Batch, loss: Loss) -> Any:
    """What a parameter of the backward pass can be given; the forward pass runs first, as they expect."""
    out, result = subject.forward(batch.x, hold=True)
    column, held, raw = subject.column, result["held"], result["result"]
    known = subject.weights_by_name()
    parts: list[Any] = [held]
    if isinstance(raw, tuple):
        items = [subject.session.ask("get", target=held, name=k, hold=True) for k in range(len(raw))]
        known |= {name: item for name, item in zip(subject.names, items, strict=False) if name}
        parts = [item for k, item in enumerate(items) if (str(k),) != subject.where[:1]] + [held]
    if isinstance(raw, dict):
        known |= {key: subject.session.ask("get", target=held, name=key, hold=True) for key in raw}
    prediction = np.ascontiguousarray(out.T if column else out)
    dout = upstream(subject, batch, loss)
    forms = label_forms(batch.y, column)
    known = {name: value for name, value in known.items() if role_is_free(name)}
    offered = {
        "labels": forms,
        "predictions": [prediction],
        "cache": parts,
        "upstream": [np.ascontiguousarray(dout.T if column else dout)],
        "unknown": [forms[0], prediction, batch.x.T if column else batch.x],
    }
    return subject.values(batch.x, offered, known)


def role_is_free(name: str) -> bool:
    """Whether a name stands for what was computed, and not for what comes from outside."""
    return name.lower() not in ("x", "y", "lr", "learning_rate", "labels", "inputs")


def upstream(subject: Subject, batch: Batch, loss: Loss) -> Array:
    """The gradient of the loss with respect to what their forward pass returns."""
    if subject.output == "identity":
        net = batch.net._replace(output="softmax" if loss.name == "cross_entropy" else "identity")
        return output_delta(net, compute(net, batch.x), batch.y, loss)
    return np.asarray((batch.run.out - batch.y) / len(batch.y))


def _same(one: Array, two: Array) -> bool:
    return one.shape == two.shape and np.array_equal(one, two, equal_nan=True)


def find_backward(
    subject: Subject, batch: Batch, loss: Loss, unfinished: bool = False
) -> tuple[Found | None, list[str]]:
    """The backward pass whose gradients fit best, and the errors of those that could not be called."""
    true, errors = batch.true(loss), []
    best: tuple[float, Found] | None = None
    for target, parameters, _ in subject.functions("backward"):
        if target == subject.called:
            continue
        values = backward_values(subject, batch, loss)
        for plan in itertools.islice(plans(parameters, values, OPTIONAL), MOST_CALLS):
            try:
                numbers = call_backward(subject, target, plan, batch, loss, unfinished)
            except TheirError as failure:
                errors.append(f"{target[2]}: {failure}")
                continue
            for found in _assignments(subject, Found(target, plan), numbers):
                error = _score(take(subject, found, numbers, batch), true)
                if best is None or error < best[0] - CLEARLY:
                    best = (error, found)
            if best and best[0] <= subject.bound:
                return best[1], errors
        if best and best[0] < WRONG_PLACE:
            break
    return (best[1] if best else None), errors


def _score(theirs: Mapping[str, Array], true: Mapping[str, Array]) -> float:
    """How far gradients are off in direction: 1 for each that does not fit at all, and a little for factors."""
    total = 0.0
    for name, array in theirs.items():
        ours, plain = true[name], min(1.0, distance(array, true[name]))
        if array.shape == ours.shape and np.all(np.isfinite(array)):
            factor = float(np.vdot(ours, array)) / max(float(np.vdot(ours, ours)), 1e-300)
            plain = min(plain, distance(array, factor * ours) + 1e-3 * plain) if factor else plain
        total += plain
    return total / max(1, len(theirs))


def _assignments(subject: Subject, found: Found, numbers: Mapping[str, Mapping[Any, Array]]) -> Iterator[Found]:
    """Every way in which the numbers could be the gradients of all weights, the likeliest first."""
    widths = subject.chain.widths
    shapes = [(a, b) for a, b in pairwise(widths)]
    if numbers["update"]:
        paths = {f"W{k}": path for k, path in enumerate(subject.chain.paths)}
        paths |= {f"b{k}": path for k, path in enumerate(subject.biases)}
        yield replace(found, source="update", paths=paths, transposed=subject.chain.transposed)
    for source in ("returned", "stored"):
        fresh = numbers["fresh"] if source == "stored" else numbers[source]
        arrays = {place: array for place, array in numbers[source].items() if np.size(array) and place in fresh}
        for weights, reverse, transposed, lists in _matrices(arrays, shapes):
            biases = list(_biases(arrays, widths[1:], weights, reverse)) if subject.biases else [()]
            for vectors in biases[:4] or [()]:
                paths = {f"W{k}": place for k, place in enumerate(weights)}
                paths |= {f"b{k}": place for k, place in enumerate(vectors)}
                yield replace(found, source=source, paths=paths, reverse=reverse, transposed=transposed, lists=lists)


def gradients_of(subject: Subject, found: Found, batch: Batch, loss: Loss, unfinished: bool = False) -> Any:
    """Their gradients of a batch by name, and by the way which arguments were changed.  Raises  TheirError."""
    numbers = call_backward(subject, found.target, found.plan, batch, loss, unfinished)
    return take(subject, found, numbers, batch)


def _texts(arrays: Mapping[Any, Array]) -> dict[str, Any]:
    """Places as texts in which numbers differ from words."""
    return {place if isinstance(place, str) else "/".join(place): place for place in arrays}


def _matrices(
    arrays: Mapping[Any, Array], shapes: Sequence[tuple[int, int]]
) -> Iterator[tuple[list[Any], bool, bool, bool]]:
    fitting = {*shapes, *(shape[::-1] for shape in shapes)}
    texts = _texts({place: array for place, array in arrays.items() if array.shape in fitting})
    for members in _sequences(list(texts), len(shapes)):
        found = [arrays[texts[member]].shape for member in members]
        for reverse in (False, True):
            for transposed in (False, True):
                wanted = [shape[::-1] if transposed else shape for shape in shapes]
                if found == (wanted[::-1] if reverse else wanted):
                    order = members[::-1] if reverse else members
                    yield [texts[member] for member in order], reverse, transposed, not _named(members)


def _named(members: Sequence[str]) -> bool:
    """Whether the layer's number is part of a name, as in dW1, and not of a place in a list."""
    last = re.split(r"[/.]", members[0])[-1]
    return re.search(r"[A-Za-z]_?\d|\]\.|\]\['[A-Za-z]", members[0] if "." in members[0] else last) is not None


def _sequences(texts: Sequence[str], length: int) -> Iterator[list[str]]:
    """Groups of so many places that differ in one number; then all places in their order."""
    for members in groups(texts).values():
        if len(members) == length:
            yield members
    if len(texts) == length:
        yield sorted(texts, key=lambda text: [int(p) if p.isdigit() else 0 for p in text.split("/")])
        yield list(texts)
    if length == 1:
        yield from ([text] for text in texts)


def _biases(
    arrays: Mapping[Any, Array], sizes: Sequence[int], weights: Sequence[Any], reverse: bool
) -> Iterator[tuple[Any, ...]]:
    """Places of as many vectors, in the order of the weights'; also such as were not summed, or summed too far."""
    taken = set(weights)
    texts = _texts({place: array for place, array in arrays.items() if place not in taken and array.ndim <= 2})
    exact = {text for text, place in texts.items() if arrays[place].ndim < 2 or 1 in arrays[place].shape}
    for names in (exact, set(texts)):
        for members in _sequences([text for text in texts if text in names], len(sizes)):
            order = members[::-1] if reverse else members
            found = [arrays[texts[member]] for member in order]
            if (
                all(a.size == size for a, size in zip(found, sizes, strict=True))
                or names is not exact
                or all(a.size == 1 for a in found)
                or len({a.size for a in found}) == 1
            ):
                yield tuple(texts[member] for member in order)


def take(subject: Subject, found: Found, numbers: Mapping[str, Mapping[Any, Array]], batch: Batch) -> dict[str, Array]:
    """Their gradients by name, as we lay them out; one of another size as it is, a scalar spread over the units."""
    gradients = {}
    for name, place in found.paths.items():
        array = np.asarray(numbers[found.source].get(place, np.full(1, np.nan)), float)
        k = int(name[1:])
        if name[0] == "W":
            gradients[name] = array.T if found.transposed else array
        else:
            size = subject.chain.widths[k + 1]
            whole = array.reshape(-1) if array.size == size else np.full(size, array) if array.size == 1 else array
            rows = len(batch.x)
            gradients[name] = whole.T if whole.ndim == 2 and whole.shape == (size, rows) != (rows, size) else whole
    return gradients
