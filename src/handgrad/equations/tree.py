"""The tree of an equation, which the parser makes and the writers print, and the letters and accents of its symbols."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from handgrad.files import read_tables


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


Table = dict[str, str]

TABLES = read_tables("handgrad.equations", "notations.ini", " :")
LETTERS = TABLES["letters"]
SPECIAL = {
    "l1": Glyph("λ", below="1"),
    "clip_norm": Glyph("g", below="max"),
    "running_mean": Glyph("μ", accent="bar"),
    "running_variance": Glyph("v", accent="bar"),
}
NEIGHBOURS = {"_next": "t+1", "_before": "t−1"}


def glyph_of(name: str, known: Mapping[str, Glyph] | None = None) -> Glyph:
    """The glyph of a name: beta1 is β with a 1 below, Xhat has a hat, dW is the gradient by W where W is known."""
    known = known or {}
    if name in known:
        return known[name]
    if name in SPECIAL:
        return SPECIAL[name]
    if name[0] == "d" and name[1:] in known:
        return replace(known[name[1:]], gradient=True)
    for ending, below in NEIGHBOURS.items():
        if name.endswith(ending):
            return replace(glyph_of(name.removesuffix(ending), known), below=below)
    if name.endswith("hat") and name != "hat":
        return replace(glyph_of(name.removesuffix("hat"), known), accent="hat")
    letter = name.rstrip("0123456789")
    if letter and letter != name and (len(letter) == 1 or letter in LETTERS):
        return Glyph(LETTERS.get(letter, letter), below=name[len(letter) :])
    return Glyph(LETTERS.get(name, name))


def dressed(equations: Iterable[Equation], known: Mapping[str, Glyph], arrays: Iterable[str] = ()) -> list[Equation]:
    """The same equations with a glyph on every symbol, and the products that are element by element marked as such.

    `known` gives some glyphs, `arrays` the names of whole arrays; what is made from whole arrays is one too.
    """
    glyphs, whole = dict(known), set(arrays)
    done = []
    for equation in equations:
        if equation.name not in glyphs:
            glyphs[equation.name] = glyph_of(equation.name, glyphs)
        dress = _Dress(lambda name: glyph_of(name, glyphs), whole)
        if isinstance(equation.target, Symbol) and any(dress.is_array(step) for step in equation.steps):
            whole.add(equation.name)
        done.append(dress.equation(equation))
    return done


def at_steps(equations: Iterable[Equation], constants: Iterable[str]) -> list[Equation]:
    """Dressed as what happens at step t: what a line defines is of this step from there on, of the step before above.

    `constants`, and what is defined nowhere but t and the gradient g, stay without a step.
    """
    lines = list(equations)
    defined = {line.name for line in lines}
    fresh = {"g", "f", "learning_rate"} - defined - (set(constants) - {"learning_rate"})
    done = []
    for line in lines:
        here = frozenset(fresh)
        dress = _Dress(lambda name, here=here: _at_step(name, here, defined), set())  # type: ignore[misc]
        steps = tuple(dress.expression(step) for step in line.steps)
        fresh.add(line.name)
        target = Symbol(line.name, _at_step(line.name, fresh, defined))
        done.append(replace(line, target=target, steps=steps))
    return done


def _at_step(name: str, fresh: Iterable[str], defined: Iterable[str]) -> Glyph:
    glyph = glyph_of(name)
    if glyph.below in NEIGHBOURS.values():
        return glyph
    if name in fresh:
        return replace(glyph, below="t")
    return replace(glyph, below="t−1") if name in defined else glyph


def updates(equation: Equation) -> bool:
    """Whether a dressed equation changes what stands on its left, as running statistics are changed."""
    target = equation.target.array if isinstance(equation.target, Indexed) else equation.target
    return any(
        isinstance(node, Symbol) and node == target for step in equation.steps for node in walk(step)
    ) and equation.name in symbols(equation)


class _Dress:
    """Copies a tree with glyphs."""

    def __init__(self, glyph: Callable[[str], Glyph], arrays: set[str]) -> None:
        self.glyph, self.arrays = glyph, arrays

    def equation(self, equation: Equation) -> Equation:
        return changed(equation, self.expression)

    def expression(self, node: Expression) -> Expression:
        if isinstance(node, Symbol):
            return replace(node, glyph=self.glyph(node.name))
        dressed = changed(node, self.expression)
        if isinstance(node, Binary) and node.operator == "*":
            return replace(dressed, elementwise=self.is_array(node.left) and self.is_array(node.right))
        return dressed

    def is_array(self, node: Expression) -> bool:
        """Whether the value is a whole array; an element of one, and a sum, is a number."""
        if isinstance(node, Symbol):
            return node.name in self.arrays
        if isinstance(node, Indexed | Reduction):
            return False
        return any(self.is_array(part) for part in parts(node))
