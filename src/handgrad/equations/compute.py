"""The value of an equation, computed with NumPy from the very tree that is printed."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from handgrad.equations import tree
from handgrad.errors import UsageError

Array = NDArray[Any]
AT_ONCE = 1 << 20  # products that are held in memory at a time

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.true_divide,
    "**": np.power,
    "@": np.matmul,
    "//": np.floor_divide,
    "%": np.mod,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in ("exp", "log", "sqrt", "tanh", "cos", "abs", "sign", "floor")},
    "atan": np.arctan,
    "erf": lambda x: scipy.special.erf(x),  # noqa: PLW0108  loaded when it is first wanted
    "norm": np.linalg.norm,
    "min": np.minimum,
    "max": np.maximum,
}
REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": lambda body: body.sum(-1),
    "largest": lambda body: body.max(-1),
    "argmax": lambda body: body.argmax(-1),
}
CONSTANTS = {"pi": math.pi}


@dataclass
class Scope:
    """What the symbols stand for; `ranges` says how far each index goes, `indices` holds those that are set now.

    Every condition that is met on the way is put down in `choices`: where they differ between two points, there is a
    kink between them.
    """

    arrays: Mapping[str, Any]
    ranges: dict[str, int] = field(default_factory=dict)
    indices: dict[str, Array] = field(default_factory=dict)
    choices: list[Array] = field(default_factory=list)


def evaluate(
    equation: tree.Equation, arrays: Mapping[str, Any], places: Array | None = None, choices: list[Array] | None = None
) -> list[Any]:
    """The value of each step that names no derivative, one after another.

    Shapes  -> the target's own; with `places` (P,), flat places in the target, (P,)
    Raises  UsageError for a symbol or an index that is nowhere given.
    """
    scope = Scope(arrays, target_ranges(equation, arrays), choices=[] if choices is None else choices)
    steps = [step for step in equation.steps if not any(isinstance(node, tree.Derivative) for node in tree.walk(step))]
    with np.errstate(all="ignore"):
        if isinstance(equation.target, tree.Symbol):
            return [value(step, scope) if places is None else np.ravel(value(step, scope))[places] for step in steps]
        return [_elements(equation, step, scope, places) for step in steps]


def target_shape(
    equation: tree.Equation, arrays: Mapping[str, Any], ranges: dict[str, int] | None = None
) -> tuple[int, ...]:
    """The shape of what an equation with indices defines; `ranges` as `target_ranges` gives them, where known."""
    ranges = target_ranges(equation, arrays) if ranges is None else ranges
    if missing := [name for name in equation.indices if name not in ranges]:
        raise UsageError(f"no array says how far the index {missing[0]} of {equation.name} goes")
    return tuple(ranges[name] for name in equation.indices)


def products(equation: tree.Equation, arrays: Mapping[str, Any], ranges: dict[str, int] | None = None) -> int:
    """How many terms the sums behind one element have, at most."""
    ranges = target_ranges(equation, arrays) if ranges is None else ranges
    sums = [node for step in equation.steps for node in tree.walk(step) if isinstance(node, tree.Reduction)]
    return max([math.prod(_extents(node.indices, Scope(arrays, ranges))) for node in sums], default=1)


def target_ranges(equation: tree.Equation, arrays: Mapping[str, Any]) -> dict[str, int]:
    """How far each index goes: as far as the axis that it stands for alone, or below its bound."""
    ranges: dict[str, int] = {}
    for node in tree.walk(equation):
        if not isinstance(node, tree.Indexed) or node.array.name not in arrays:
            continue
        for size, index in zip(np.shape(arrays[node.array.name]), node.indices, strict=False):
            if isinstance(index, tree.Symbol) and ranges.setdefault(index.name, size) != size:
                raise UsageError(f"the index {index.name} goes to {ranges[index.name]} and to {size} in one equation")
    for bounded in equation.bounds:
        ranges[bounded.name] = int(value(bounded.bound or tree.Number(0), Scope(arrays)))
    return ranges


def _elements(equation: tree.Equation, step: tree.Expression, scope: Scope, places: Array | None) -> Array:
    shape = target_shape(equation, scope.arrays, scope.ranges)
    wanted = np.arange(math.prod(shape)) if places is None else places
    size = max(1, AT_ONCE // products(equation, scope.arrays, scope.ranges))
    parts = []
    for start in range(0, len(wanted), size):
        chunk = wanted[start : start + size]
        scope.indices = dict(zip(equation.indices, np.unravel_index(chunk, shape), strict=True))
        parts.append(np.broadcast_to(value(step, scope), chunk.shape))
    together = np.concatenate(parts) if parts else np.empty(0)
    return together.reshape(shape) if places is None else together


def value(node: tree.Expression, scope: Scope) -> Any:
    """The value of an expression.  Raises  UsageError for a symbol that is not given."""
    match node:
        case tree.Number():
            return node.value
        case tree.Symbol():
            return _symbol(node.name, scope)
        case tree.Indexed():
            return _element(node, scope)
        case tree.Negative():
            return np.negative(value(node.of, scope))
        case tree.Binary():
            return OPERATIONS[node.operator](value(node.left, scope), value(node.right, scope))
        case tree.Comparison():
            return _comparison(node, scope)
        case tree.Call():
            return _call(node, scope)
        case tree.Reduction():
            return _reduction(node, scope)
        case tree.Cases():
            return np.where(*(value(part, scope) for part in (node.condition, node.then, node.otherwise)))
        case tree.Transpose():
            return np.transpose(value(node.of, scope))
    raise UsageError(f"{type(node).__name__} has no value")


def _symbol(name: str, scope: Scope) -> Any:
    for known in (scope.indices, scope.arrays, CONSTANTS):
        if name in known:
            return known[name]
    raise UsageError(f"an equation uses {name}, which nothing defines")


def _element(node: tree.Indexed, scope: Scope) -> Array:
    array = np.asarray(_symbol(node.array.name, scope))
    if array.ndim != len(node.indices):
        raise UsageError(f"{node.array.name} has {array.ndim} axes, but {len(node.indices)} indices in an equation")
    wanted = np.broadcast_arrays(*(np.asarray(value(index, scope)) for index in node.indices))
    if all(isinstance(index, tree.Symbol) and index.name in scope.indices for index in node.indices):
        return array[wanted]
    inside = np.ones(wanted[0].shape, bool)
    for index, size in zip(wanted, array.shape, strict=True):
        inside &= (index >= 0) & (index < size)
    return np.where(inside, array[tuple(np.where(inside, index, 0) for index in wanted)], 0)


def _comparison(node: tree.Comparison, scope: Scope) -> Array:
    operands = [value(operand, scope) for operand in node.operands]
    pairs = zip(operands, operands[1:], node.operators, strict=False)
    holds = np.logical_and.reduce([OPERATIONS[operator](left, right) for left, right, operator in pairs])
    scope.choices.append(holds)
    return np.asarray(holds, np.int64)


def _call(node: tree.Call, scope: Scope) -> Any:
    arguments = [value(argument, scope) for argument in node.arguments]
    if node.function in ("min", "max"):
        scope.choices.append(np.less(*arguments))
    if node.function in ("abs", "sign"):
        scope.choices.append(np.less(arguments[0], 0))
    return FUNCTIONS[node.function](*arguments)


def _reduction(node: tree.Reduction, scope: Scope) -> Any:
    extents = _extents(node.indices, scope)
    outer = scope.indices
    places = np.unravel_index(np.arange(math.prod(extents)), extents)
    names = [index.name for index in node.indices]
    scope.indices = {name: index[..., None] for name, index in outer.items()} | dict(zip(names, places, strict=True))
    body = np.asarray(value(node.body, scope))
    scope.indices = outer
    if body.shape[-1:] != (math.prod(extents),):
        body = np.broadcast_to(body, (*body.shape[:-1], math.prod(extents)))
    if node.function != "sum":
        scope.choices.append(body.argmax(-1))
    return REDUCTIONS[node.function](body)


def _extents(indices: tuple[tree.Index, ...], scope: Scope) -> list[int]:
    for index in indices:
        if index.bound is None and index.name not in scope.ranges:
            raise UsageError(f"no array says how far the index {index.name} goes in an equation")
    return [scope.ranges[index.name] if index.bound is None else int(value(index.bound, scope)) for index in indices]


def follow(lines: Iterable[tree.Equation], known: dict[str, Any]) -> None:
    """Compute line after line what each defines, for those below it."""
    for line in lines:
        known[line.name] = evaluate(line, known)[-1]


def numbers_of(thing: Any) -> dict[str, Any]:
    """The fields of an optimizer, a schedule or gradient transforms as numbers, under the names in their equations."""
    return {each.name: float(getattr(thing, each.name)) for each in fields(thing)}
