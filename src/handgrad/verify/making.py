"""Making somebody's network: what their constructors are given, what arrays come back, and which are its weights."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.text import counting_order
from handgrad.verify.mistakes import LEARNING_RATE
from handgrad.verify.naming import ACTIVATION_NAMES, LOSS_NAMES, Plan, fill, tables
from handgrad.verify.sandbox import Flags, Handle, Session

Array = NDArray[Any]
DEEPEST = 8
MOST_MATRICES = 10


class Chain(NamedTuple):
    """Paths of weight matrices from the input on; `transposed` where they are (units, inputs)."""

    paths: tuple[str, ...]
    transposed: bool
    widths: tuple[int, ...]


def groups(paths: Sequence[str]) -> dict[str, list[str]]:
    """Paths that differ in numbers alone, sorted; a number that is the same in all of a group's is part of its name."""
    found: dict[str, list[str]] = {}
    for path in sorted(paths, key=counting_order):
        found.setdefault(re.sub(r"\d+", "#", path), []).append(path)
    return found


def chains(arrays: Mapping[str, Array], ends: tuple[int, int] | None = None) -> Iterator[Chain]:
    """Every group of matrices that could be a network's weights, the longest first; then any that fit together.

    `ends` are the widths of input and output, where they are known.
    """
    matrices = {path: array.shape for path, array in arrays.items() if array.ndim == 2 and min(array.shape) > 0}
    found = []
    for members in groups(list(matrices)).values():
        for order in (members, members[::-1]):
            for transposed in (False, True):
                shapes = [matrices[path][::-1] if transposed else matrices[path] for path in order]
                if all(one[1] == two[0] for one, two in pairwise(shapes)):
                    found.append(Chain(tuple(order), transposed, (shapes[0][0], *(shape[1] for shape in shapes))))
            if len(members) == 1:
                break
    found.sort(key=lambda chain: -len(chain.paths))
    whole = [chain for chain in found if not ends or (chain.widths[0], chain.widths[-1]) == ends]
    yield from whole
    if ends:
        for transposed in (False, True):
            yield from _paths(matrices, ends, transposed, [])
        inner = [
            chain
            for transposed in (False, True)
            for each in sorted(set(matrices.values()))[:MOST_MATRICES]
            for other in sorted(set(matrices.values()))[:MOST_MATRICES]
            for chain in _paths(matrices, (each[transposed], other[not transposed]), transposed, [])
        ]
        found += inner if len(matrices) <= MOST_MATRICES else []
        found.sort(key=lambda chain: -len(chain.paths))
    yield from (chain for chain in found if chain not in whole)


def _paths(
    matrices: Mapping[str, tuple[int, ...]], ends: tuple[int, int], transposed: bool, start: list[str]
) -> Iterator[Chain]:
    """Every way through matrices of several names from the input to the output."""
    oriented = {path: shape[::-1] if transposed else shape for path, shape in matrices.items()}
    width = oriented[start[-1]][1] if start else ends[0]
    if start and width == ends[1]:
        yield Chain(tuple(start), transposed, (ends[0], *(oriented[path][1] for path in start)))
    if len(start) < DEEPEST:
        for path, shape in oriented.items():
            if shape[0] == width and path not in start:
                yield from _paths(matrices, ends, transposed, [*start, path])


def vectors(arrays: Mapping[str, Array], widths: Sequence[int]) -> Iterator[tuple[str, ...]]:
    """Every group of vectors, also as a row or a column, of these lengths in this order."""
    sizes = {path: a.size for path, a in arrays.items() if a.ndim <= 2 and (a.ndim < 2 or 1 in a.shape) and a.size}
    for members in groups(list(sizes)).values():
        for order in (members, members[::-1]):
            if [sizes[path] for path in order] == list(widths):
                yield tuple(order)
    candidates = [[path for path, size in sizes.items() if size == width] for width in widths]
    if all(candidates) and np.prod([len(each) for each in candidates]) <= 64:
        yield from _distinct(candidates, ())


def _distinct(candidates: Sequence[Sequence[str]], start: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if len(start) == len(candidates):
        yield start
        return
    for path in candidates[len(start)]:
        if path not in start:
            yield from _distinct(candidates, (*start, path))


class Member(NamedTuple):
    """A class, a function or a module of the folder."""

    name: str
    module: str
    file: str
    line: int
    is_class: bool
    parameters: Sequence[Mapping[str, Any]]
    methods: Mapping[str, Sequence[Mapping[str, Any]]]
    returns: Any
    lines: Mapping[str, int]
    factors: Mapping[str, Sequence[str]]
    object: Handle
    is_module: bool


def members_of(session: Session) -> list[Member]:
    """What the folder defines."""
    found = []
    for row in session.ask("describe"):
        filled = {"file": "", "line": 0, "parameters": [], "methods": {}, "returns": [], "lines": {}, "factors": {}}
        row = {"is_module": False, **filled, **row}
        found.append(Member(**{name: row[name] for name in Member._fields}))
    return found


@dataclass(frozen=True)
class Wanted:
    """What a network is to be: widths from input to output, activation, loss, weight decay."""

    widths: tuple[int, ...] = (7, 5, 6, 4)
    activation: str = "relu"
    loss: str = "cross_entropy"
    weight_decay: float = 0.0
    dropout: float = 0.0


def one_hot(numbers: Array, classes: int) -> Array:
    """Labels that go round, as rows of a one and zeros; of a single output, zeros and ones."""
    if classes == 1:
        return np.asarray(numbers % 2, float)[:, None]
    return np.asarray(np.eye(classes)[numbers % classes])


def label_forms(y: Array, column: bool) -> list[Any]:
    """Labels as one-hot rows (or columns) and as numbers, in the order of likeliness."""
    labels = y.argmax(1) if y.shape[1] > 1 else y[:, 0].astype(int)
    if column:
        return [np.ascontiguousarray(y.T), labels.reshape(1, -1), labels, y]
    return [y, labels, labels.reshape(-1, 1)]


def make(session: Session, maker: Member, plan: Plan, wanted: Wanted, members: Sequence[Member]) -> Handle:
    """Call a constructor, or a function that makes weights; a module is there already.  Raises  TheirError."""
    if maker.is_module:
        return maker.object
    by_place, by_name = fill(plan, making_values(wanted, members))
    return session.make(maker.object, by_place, by_name)


def making_values(wanted: Wanted, members: Sequence[Member]) -> Any:
    """What a parameter of a constructor can be given."""
    widths, hidden = list(wanted.widths), list(wanted.widths[1:-1])
    names = list(ACTIVATION_NAMES.get(wanted.activation, (wanted.activation,)))
    like = [m.object for m in members if m.name.lower() == wanted.activation and not m.is_module]
    offered: dict[str, Sequence[Any]] = {
        "flags": [Flags(tuple(_flags(wanted, way).items())) for way in range(3)],
        "sizes": [widths, hidden],
        "parameters": [widths],
        "input_size": widths[:1],
        "output_size": widths[-1:],
        "hidden": [hidden, hidden[0], hidden[-1]],
        "depth": [len(hidden), len(widths) - 1],
        "activation": [names[0], [names[0]] * len(hidden), [*[names[0]] * len(hidden), "softmax"], *names[1:], *like],
        "output_activation": ["softmax"],
        "loss": LOSS_NAMES[wanted.loss],
        "optimizer": ["sgd"],
        "weight_init": ["xavier", "random", "he"],
        "learning_rate": [LEARNING_RATE],
        "weight_decay": [wanted.weight_decay],
        "dropout": [wanted.dropout],
        "batch_norm": [False],
        "seed": [1],
        "generator": [1],
        "batch_size": [8],
        "epochs": [1],
        "momentum": [0.9],
        "beta": [0.9],
        "beta1": [0.9],
        "beta2": [0.999],
        "epsilon": [1e-8],
    }

    def values(role: str, name: str) -> Sequence[Any]:
        digits = "".join(letter for letter in name if letter.isdigit())
        if role in ("hidden", "") and digits and name.lower().startswith("h"):
            return hidden[int(digits) - 1 : int(digits)] or hidden[:1]
        return offered.get(role, () if role else [widths])

    return values


def _flags(wanted: Wanted, way: int) -> dict[str, Any]:
    """Settings under all names of a command line: hidden sizes as a list, as a number, as a list beside a count."""
    hidden = list(wanted.widths[1:-1])
    values: dict[str, Any] = {
        "input_size": wanted.widths[0],
        "output_size": wanted.widths[-1],
        "hidden": hidden if way != 1 else hidden[0],
        "depth": len(hidden),
        "layers": hidden if way == 0 else len(hidden),
        "sizes": list(wanted.widths),
        "activation": wanted.activation,
        "output_activation": "softmax",
        "loss": {"cross_entropy": "cross_entropy", "squared_error": "mse"}[wanted.loss],
        "optimizer": "sgd",
        "weight_init": "xavier",
        "learning_rate": LEARNING_RATE,
        "weight_decay": wanted.weight_decay,
        "batch_size": 8,
        "epochs": 1,
        "momentum": 0.9,
        "beta": 0.9,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "dataset": "mnist",
        "seed": 1,
        "dropout": 0.0,
        "batch_norm": False,
        "wandb": None,
        "places": "model.npy",
    }
    return {name: values[role] for role, names in tables()["flags"].items() for name in names}


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Array]]:
    """Every array in lists, tuples and dictionaries, by its place."""
    if isinstance(value, np.ndarray):
        yield path, value
    elif isinstance(value, float) and path:
        yield path, np.array(value)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, (*path, str(key)))
    elif isinstance(value, list | tuple):
        if value and all(isinstance(each, float | int) for each in value):
            yield path, np.array(value, float)
        for k, each in enumerate(value):
            yield from leaves(each, (*path, str(k)))


def at(value: Any, path: tuple[str, ...]) -> Array:
    """The array at a place in lists, tuples and dictionaries."""
    for step in path:
        value = value[step] if isinstance(value, dict) else value[int(step)]
    return np.asarray(value)


def last_name(path: str) -> str:
    """The last name in a path of attributes and items."""
    found = re.findall(r"[A-Za-z_]\w*", path)
    return found[-1] if found else ""
