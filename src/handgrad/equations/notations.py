"""The notations that equations are printed in: plain text for a terminal, LaTeX, and MathML for browsers."""

from collections.abc import Sequence
from html import escape
from typing import ClassVar
from unicodedata import name

from handgrad.equations.tree import Glyph
from handgrad.equations.write import Writer, parted

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
