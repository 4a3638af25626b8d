"""What symbols look like: from the names in an equation's text to letters, accents, layers and steps."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from handgrad.equations import tree
from handgrad.files import read_tables

Table = dict[str, str]

TABLES = read_tables("handgrad.equations", "notations.ini", " :")
LETTERS = TABLES["letters"]
SPECIAL = {
    "l1": tree.Glyph("λ", below="1"),
    "clip_norm": tree.Glyph("g", below="max"),
    "running_mean": tree.Glyph("μ", accent="bar"),
    "running_variance": tree.Glyph("v", accent="bar"),
}
NEIGHBOURS = {"_next": "t+1", "_before": "t−1"}


def glyph_of(name: str, known: Mapping[str, tree.Glyph] | None = None) -> tree.Glyph:
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
        return tree.Glyph(LETTERS.get(letter, letter), below=name[len(letter) :])
    return tree.Glyph(LETTERS.get(name, name))


def dressed(
    equations: Iterable[tree.Equation], known: Mapping[str, tree.Glyph], arrays: Iterable[str] = ()
) -> list[tree.Equation]:
    """The same equations with a glyph on every symbol, and the products that are element by element marked as such.

    `known` gives some glyphs, `arrays` the names of whole arrays; what is made from whole arrays is one too.
    """
    glyphs, whole = dict(known), set(arrays)
    done = []
    for equation in equations:
        if equation.name not in glyphs:
            glyphs[equation.name] = glyph_of(equation.name, glyphs)
        dress = _Dress(lambda name: glyph_of(name, glyphs), whole)
        if isinstance(equation.target, tree.Symbol) and any(dress.is_array(step) for step in equation.steps):
            whole.add(equation.name)
        done.append(dress.equation(equation))
    return done


def at_steps(equations: Iterable[tree.Equation], constants: Iterable[str]) -> list[tree.Equation]:
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
        target = tree.Symbol(line.name, _at_step(line.name, fresh, defined))
        done.append(replace(line, target=target, steps=steps))
    return done


def _at_step(name: str, fresh: Iterable[str], defined: Iterable[str]) -> tree.Glyph:
    glyph = glyph_of(name)
    if glyph.below in NEIGHBOURS.values():
        return glyph
    if name in fresh:
        return replace(glyph, below="t")
    return replace(glyph, below="t−1") if name in defined else glyph


def updates(equation: tree.Equation) -> bool:
    """Whether a dressed equation changes what stands on its left, as running statistics are changed."""
    target = equation.target.array if isinstance(equation.target, tree.Indexed) else equation.target
    return any(
        isinstance(node, tree.Symbol) and node == target for step in equation.steps for node in tree.walk(step)
    ) and equation.name in tree.symbols(equation)


class _Dress:
    """Copies a tree with glyphs."""

    def __init__(self, glyph: Callable[[str], tree.Glyph], arrays: set[str]) -> None:
        self.glyph, self.arrays = glyph, arrays

    def equation(self, equation: tree.Equation) -> tree.Equation:
        return tree.changed(equation, self.expression)

    def expression(self, node: tree.Expression) -> tree.Expression:
        if isinstance(node, tree.Symbol):
            return replace(node, glyph=self.glyph(node.name))
        dressed = tree.changed(node, self.expression)
        if isinstance(node, tree.Binary) and node.operator == "*":
            return replace(dressed, elementwise=self.is_array(node.left) and self.is_array(node.right))
        return dressed

    def is_array(self, node: tree.Expression) -> bool:
        """Whether the value is a whole array; an element of one, and a sum, is a number."""
        if isinstance(node, tree.Symbol):
            return node.name in self.arrays
        if isinstance(node, tree.Indexed | tree.Reduction):
            return False
        return any(self.is_array(part) for part in tree.parts(node))
