"""What symbols look like: from the names in an equation's text to letters, accents, layers and steps."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from handgrad.equations.tree import (
    Binary,
    Equation,
    Expression,
    Glyph,
    Indexed,
    Reduction,
    Symbol,
    changed,
    parts,
    symbols,
    walk,
)

LETTERS = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "eta": "η",
    "lambda_": "λ",
    "mu": "μ",
    "pi": "π",
    "rho": "ρ",
    "sigma": "σ",
    "phi": "φ",
    "Phi": "Φ",
    "psi": "ψ",
    "learning_rate": "η",
    "momentum": "ρ",
    "momentum_decay": "ψ",
    "weight_decay": "λ",
    "weight": "W",
    "bias": "b",
}
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
