"""How a tree becomes text for a terminal, LaTeX, or MathML: brackets by precedence, forms in a subclass for each."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from html import escape
from typing import ClassVar
from unicodedata import name

from handgrad.equations import tree
from handgrad.equations.tree import TABLES, Glyph, Table, glyph_of, updates

CHOICE, SUM, TERM, FACTOR, BASE = range(5)  # what binds how tightly: cases, a + b, the sum sign, a b, a symbol


class Writer(ABC):
    """One notation: signs, forms with a place for the text of each part, and methods for what no form says."""

    signs: ClassVar[Table]
    forms: ClassVar[Table]
    reductions: ClassVar[Table]
    stacked: ClassVar[bool] = True  # whether a fraction is written with a line, which makes brackets unnecessary

    def __init_subclass__(cls) -> None:
        """A notation's tables stand in the file under its name."""
        cls.signs, cls.forms, cls.reductions = (
            TABLES[f"{cls.__name__} {name}"] for name in ("signs", "forms", "reductions")
        )

    def line(self, equation: tree.Equation) -> tuple[str, str, list[str]]:
        """The left side, the sign between, and each step."""
        sign = self.signs["<-" if updates(equation) else "="]
        return self.write(equation.target), sign, [self.write(step) for step in equation.steps]

    def write(self, node: tree.Expression, level: int = CHOICE) -> str:
        """An expression, in brackets where it binds less tightly than `level`."""
        text = self._plain(node)
        return self.form("brackets", text) if self._binds(node) < level else text

    def _plain(self, node: tree.Expression) -> str:
        match node:
            case tree.Number():
                return self.number(node.value)
            case tree.Symbol():
                return self.glyph(node.glyph or glyph_of(node.name), ())
            case tree.Indexed():
                glyph = node.array.glyph or glyph_of(node.array.name)
                return self.glyph(glyph, [self.write(index) for index in node.indices])
            case tree.Negative():
                return self.row(self.signs["minus"], self.write(node.of, TERM))
            case tree.Binary():
                return self._binary(node)
            case tree.Comparison():
                return self.form("holds", self._comparison(node))
            case tree.Call():
                return self._call(node)
            case tree.Reduction():
                return self.reduction(
                    node.function, self.write(node.body, FACTOR), [self._index(i) for i in node.indices]
                )
            case tree.Cases():
                condition = self._condition(node.condition)
                return self.form("cases", self.write(node.then), condition, self.write(node.otherwise))
            case tree.Transpose():
                return self.form("transpose", self.write(node.of, BASE))
            case tree.Derivative():
                return self.form("derivative", self.write(node.of, FACTOR), self.write(node.by, BASE))
        raise TypeError(type(node).__name__)

    def _binds(self, node: tree.Expression) -> int:
        if isinstance(node, tree.Cases):
            return CHOICE
        if isinstance(node, tree.Negative) or (isinstance(node, tree.Binary) and node.operator in ("+", "-")):
            return SUM
        if isinstance(node, tree.Reduction):
            return TERM
        if isinstance(node, tree.Binary) and node.operator not in (("/", "**") if self.stacked else ("**",)):
            return FACTOR
        return BASE

    def _binary(self, node: tree.Binary) -> str:
        left, right = node.left, node.right
        match node.operator:
            case "+" | "-":
                return self.row(self.write(left, SUM), self.signs[node.operator], self.write(right, TERM))
            case "/":
                if self.stacked:
                    return self.form("fraction", self.write(left), self.write(right))
                return self.form("fraction", self.write(left, FACTOR), self.write(right, BASE))
            case "//":
                return self.form(
                    "floor", self.row(self.write(left, FACTOR), self.signs["slash"], self.write(right, BASE))
                )
            case "**":
                return self.form("power", self._base(left), self.write(right, CHOICE if self.stacked else BASE))
        sign = self._between(node)
        return self.row(self.write(left, FACTOR), sign, self.write(right, TERM if sign != self.signs["%"] else BASE))

    def _between(self, node: tree.Binary) -> str:
        """Nothing visible between factors, but a dot where digits or a slash would run together."""
        if node.operator == "%" or node.elementwise:
            return self.signs["%" if node.operator == "%" else "elementwise"]
        slashed = not self.stacked and any(
            isinstance(p, tree.Binary) and p.operator == "/" for p in (node.left, node.right)
        )
        digits = isinstance(_first(node.right), tree.Number)
        return self.signs["dot" if slashed or digits else "times"]

    def _base(self, node: tree.Expression) -> str:
        """What is raised to a power: a symbol that carries something above already goes into brackets."""
        symbol = node.array if isinstance(node, tree.Indexed) else node
        glyph = symbol.glyph if isinstance(symbol, tree.Symbol) else None
        crowned = glyph is not None and bool(glyph.above or glyph.gradient)
        bare = isinstance(symbol, tree.Number | tree.Symbol) and not crowned
        return self.write(node) if bare else self.form("brackets", self.write(node))

    def _comparison(self, node: tree.Comparison) -> str:
        parts = [self.write(node.operands[0], SUM)]
        for operator, operand in zip(node.operators, node.operands[1:], strict=True):
            parts += [self.signs[operator], self.write(operand, SUM)]
        return self.row(*parts)

    def _condition(self, node: tree.Expression) -> str:
        return self._comparison(node) if isinstance(node, tree.Comparison) else self.write(node)

    def _call(self, node: tree.Call) -> str:
        arguments = [self.write(argument) for argument in node.arguments]
        return (
            self.form(node.function, *arguments)
            if node.function in self.forms
            else self.function(node.function, arguments)
        )

    def _index(self, index: tree.Index) -> str:
        name = self.glyph(glyph_of(index.name), ())
        if index.bound is None:
            return name
        return self.row(name, self.signs["<"], self.write(index.bound, SUM))

    def form(self, name: str, *parts: str) -> str:
        """One construct from the texts of its parts."""
        return self.forms[name] % parts

    @abstractmethod
    def number(self, value: float) -> str: ...

    @abstractmethod
    def glyph(self, glyph: tree.Glyph, indices: Sequence[str]) -> str: ...

    @abstractmethod
    def row(self, *parts: str) -> str: ...

    @abstractmethod
    def function(self, name: str, arguments: Sequence[str]) -> str: ...

    @abstractmethod
    def reduction(self, function: str, body: str, indices: Sequence[str]) -> str: ...


def _first(node: tree.Expression) -> tree.Expression:
    """The leftmost thing that is written of an expression."""
    while isinstance(node, tree.Binary) and node.operator not in ("/", "//", "+", "-"):
        node = node.left
    return node


def parted(value: float) -> tuple[str, str]:
    """A number's digits, and its power of ten where it is written with one: ("1", "-6")."""
    digits, _, exponent = f"{value:.10g}".partition("e")
    return digits, str(int(exponent)) if exponent else ""


ABOVE = str.maketrans("0123456789()+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁺⁻⁻")
BELOW = str.maketrans("0123456789t+-−max", "₀₁₂₃₄₅₆₇₈₉ₜ₊₋₋ₘₐₓ")
COMMANDS = {letter: f"\\{name(letter).split()[-1].lower()}" for letter in "αβγδημπρσψ"}
COMMANDS |= {"ε": r"\varepsilon", "λ": r"\lambda", "φ": r"\varphi", "Φ": r"\Phi", "∇L": r"\nabla L"}
COMMA = "<mo>,</mo>"


class Text(Writer):
    """Unicode on one line: X[n,j] for elements, ᵀ for transposes, a / b for fractions."""

    stacked: ClassVar[bool] = False
    accents: ClassVar[dict[str, str]] = {"hat": "\u0302", "bar": "\u0304", "": ""}

    def form(self, name: str, *parts: str) -> str:
        """A fraction of sums has space around its slash, a digit above is small."""
        if name == "fraction" and " " in parts[0] + parts[1]:
            return " / ".join(parts)
        if name == "power" and parts[1].isdigit():
            return parts[0] + parts[1].translate(ABOVE)
        return super().form(name, *parts)

    def number(self, value: float) -> str:
        digits, exponent = parted(value)
        return f"{digits}e{exponent}" if exponent else digits

    def glyph(self, glyph: Glyph, indices: Sequence[str]) -> str:
        below = glyph.below.translate(BELOW)
        below = below if not set(below) & set(glyph.below) else f"_{glyph.below}"
        text = glyph.letter + self.accents[glyph.accent] + below + glyph.above.translate(ABOVE)
        text += f"[{','.join(indices)}]" if indices else ""
        return f"∂L/∂{text}" if glyph.gradient else text

    def row(self, *parts: str) -> str:
        parts = tuple(part for part in parts if part)
        return "−" + parts[1] if parts[0] == "−" else " ".join(parts)

    def function(self, name: str, arguments: Sequence[str]) -> str:
        return f"{'ln' if name == 'log' else name}({', '.join(arguments)})"

    def reduction(self, function: str, body: str, indices: Sequence[str]) -> str:
        below = ",".join(index.replace(" ", "") for index in indices)
        return f"{self.reductions[function]}_{below if len(below) == 1 else f'{{{below}}}'} {body}"


class Latex(Writer):
    """Commands of LaTeX and amsmath alone."""

    accents: ClassVar[dict[str, str]] = {"hat": r"\hat{%s}", "bar": r"\bar{%s}", "": "%s"}
    functions: ClassVar[dict[str, str]] = {
        "log": r"\ln",
        **{name: f"\\{name}" for name in ("tanh", "cos", "min", "max")},
        "atan": r"\arctan",
    }

    def number(self, value: float) -> str:
        digits, exponent = parted(value)
        if not exponent:
            return digits
        return rf"10^{{{exponent}}}" if digits == "1" else rf"{digits} \cdot 10^{{{exponent}}}"

    def glyph(self, glyph: Glyph, indices: Sequence[str]) -> str:
        below = glyph.below.replace("−", "-")
        below = ",".join(filter(None, [_letter(below) if below.isalpha() else below, *indices]))
        text = self.accents[glyph.accent] % _letter(glyph.letter)
        text += (f"_{{{below}}}" if below else "") + (f"^{{{glyph.above}}}" if glyph.above else "")
        return self.form("derivative", "L", text) if glyph.gradient else text

    def row(self, *parts: str) -> str:
        return " ".join(parts)

    def function(self, name: str, arguments: Sequence[str]) -> str:
        return self.functions.get(name, rf"\operatorname{{{name}}}") + self.form("brackets", ", ".join(arguments))

    def reduction(self, function: str, body: str, indices: Sequence[str]) -> str:
        return f"{self.reductions[function]}_{{{','.join(indices)}}} {body}"


class MathML(Writer):
    """Elements of MathML Core without a namespace, to stand in an HTML page within <math>: no font is fetched."""

    accents: ClassVar[dict[str, str]] = {"hat": "^", "bar": "¯"}

    def number(self, value: float) -> str:
        digits, exponent = parted(value)
        if not exponent:
            return f"<mn>{digits}</mn>"
        power = f"<msup><mn>10</mn><mn>{exponent.replace('-', '−')}</mn></msup>"
        return power if digits == "1" else self.row(f"<mn>{digits}</mn>", self.signs["dot"], power)

    def glyph(self, glyph: Glyph, indices: Sequence[str]) -> str:
        text = f"<mi>{escape(glyph.letter)}</mi>"
        if glyph.accent:
            text = f"<mover accent='true'>{text}<mo stretchy='false'>{self.accents[glyph.accent]}</mo></mover>"
        tag = "mn" if glyph.below.isdigit() else "mtext" if len(glyph.below) > 3 else "mi"
        places = ([f"<{tag}>{glyph.below}</{tag}>"] if glyph.below else []) + list(indices)
        below = COMMA.join(places)
        if below.count("</") > 1:
            below = f"<mrow>{below}</mrow>"
        above = f"<mtext>{escape(glyph.above)}</mtext>" if glyph.above else ""
        if below or above:
            tag = "msubsup" if below and above else "msub" if below else "msup"
            text = f"<{tag}>{text}{below}{above}</{tag}>"
        return self.form("derivative", "<mi>L</mi>", text) if glyph.gradient else text

    def row(self, *parts: str) -> str:
        return f"<mrow>{''.join(parts)}</mrow>"

    def function(self, name: str, arguments: Sequence[str]) -> str:
        inner = self.form("brackets", COMMA.join(arguments))
        return f"<mrow><mi>{'ln' if name == 'log' else name}</mi><mo>&#x2061;</mo>{inner}</mrow>"

    def reduction(self, function: str, body: str, indices: Sequence[str]) -> str:
        return f"<mrow><munder>{self.reductions[function]}<mrow>{COMMA.join(indices)}</mrow></munder>{body}</mrow>"


def _letter(letter: str) -> str:
    if letter in COMMANDS:
        return COMMANDS[letter]
    return letter if len(letter) == 1 else rf"\mathrm{{{letter.replace('_', chr(92) + '_')}}}"
