"""The tree of an equation: what the parser makes, the writers print, and the evaluation computes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any


@dataclass(frozen=True)
class Glyph:
    """How a symbol is printed: a letter (or a word), perhaps with an accent, a layer above and a place below it.

    With `gradient`, it is the derivative of the loss by that symbol.
    """

    letter: str
    accent: str = ""  # "hat" or "bar"
    above: str = ""
    below: str = ""
    gradient: bool = False


class Expression:
    """Any node that has a value."""


@dataclass(frozen=True)
class Number(Expression):
    """A number as it was written."""

    value: float


@dataclass(frozen=True)
class Symbol(Expression):
    """A variable; without a glyph it is printed as its name says."""

    name: str
    glyph: Glyph | None = None


@dataclass(frozen=True)
class Indexed(Expression):
    """An element of an array, 0 where an index lies outside of it."""

    array: Symbol
    indices: tuple[Expression, ...]


@dataclass(frozen=True)
class Negative(Expression):
    """Minus."""

    of: Expression


@dataclass(frozen=True)
class Binary(Expression):
    """One of + - * / ** @ // %; `elementwise` where * stands between two arrays."""

    operator: str
    left: Expression
    right: Expression
    elementwise: bool = False


@dataclass(frozen=True)
class Comparison(Expression):
    """1 where a chain such as 0 <= i < 2 holds, else 0."""

    operands: tuple[Expression, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True)
class Call(Expression):
    """A function of numbers, element by element."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Index:
    """What a sum runs over: from 0 below `bound`, or over the axis of the array that it is an index of."""

    name: str
    bound: Expression | None = None


@dataclass(frozen=True)
class Reduction(Expression):
    """`sum`, `largest` or `argmax` of `body` over indices; argmax counts them in reading order, the first winning."""

    function: str
    body: Expression
    indices: tuple[Index, ...]


@dataclass(frozen=True)
class Cases(Expression):
    """`then` where the condition holds, `otherwise` elsewhere."""

    condition: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True)
class Transpose(Expression):
    """Rows and columns exchanged."""

    of: Expression


@dataclass(frozen=True)
class Derivative(Expression):
    """A partial derivative that is named, not computed: a step of a derivation."""

    of: Expression
    by: Expression


@dataclass(frozen=True)
class Equation:
    """target = step = ... = step, each equal to the next; `reason` says in words why.

    The bounds stand for those indices of the target that no array of the equation gives a range.
    """

    target: Symbol | Indexed
    steps: tuple[Expression, ...]
    reason: str = ""
    bounds: tuple[Index, ...] = ()

    @property
    def name(self) -> str:
        return self.target.array.name if isinstance(self.target, Indexed) else self.target.name

    @property
    def indices(self) -> list[str]:
        """The indices of the target, none where it is a whole array."""
        indices = self.target.indices if isinstance(self.target, Indexed) else ()
        return [index.name for index in indices if isinstance(index, Symbol)]


def parts(node: object) -> tuple[Expression, ...]:
    """The expressions directly below a node, those inside indices and bounds included."""
    found: list[Expression] = []
    for value in vars(node).values():
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Expression):
                found.append(item)
            elif isinstance(item, Index) and item.bound is not None:
                found.append(item.bound)
    return tuple(found)


def changed(node: Any, change: Callable[[Expression], Expression]) -> Any:
    """A node or an equation with `change` made to every expression directly below it."""
    values: dict[str, Any] = {}
    for each in fields(node):
        value = getattr(node, each.name)
        if isinstance(value, Expression):
            values[each.name] = change(value)
        elif isinstance(value, tuple):
            values[each.name] = tuple(change(item) if isinstance(item, Expression) else item for item in value)
    return replace(node, **values)


def in_numbers(node: Any, values: Mapping[str, float]) -> Any:
    """The same with numbers in the place of some symbols."""
    if isinstance(node, Symbol):
        return Number(values[node.name]) if node.name in values else node
    return changed(node, lambda part: in_numbers(part, values))


def walk(node: object) -> list[Expression]:
    """Every expression of a tree, a node before its parts."""
    here = [node] if isinstance(node, Expression) else []
    return here + [found for part in parts(node) for found in walk(part)]


def symbols(node: object) -> set[str]:
    """The names of all variables that are not indices."""
    bound = {index.name for found in walk(node) if isinstance(found, Reduction) for index in found.indices}
    bound |= set(node.indices) if isinstance(node, Equation) else set()
    return {found.name for found in walk(node) if isinstance(found, Symbol)} - bound


@dataclass(frozen=True)
class Statement:
    """The equations of a layer bound to its input's shape, or of a loss.

    They are written with X and Y for the batch that comes in and goes out, first axis the images; dX and dY for the
    gradients of the loss by them; W, b for the parameters "weight" and "bias", others by their own names, their
    gradients with a d in front; N for the number of images. What a line defines, the lines below it may use.

    `values` gives further numbers by name, `saved` the name of an array of X's shape that the forward pass saved,
    such as a random mask. `input` is the shape in which X is indexed, where it is another than the layer before gave.
    """

    forward: str
    backward: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    saved: str = ""
    input: tuple[int, ...] | None = None
    remarks: tuple[str, ...] = ()
