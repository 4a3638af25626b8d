"""Equations as MathML Core, which browsers draw themselves: no script and no font is fetched."""

from collections.abc import Sequence
from html import escape
from typing import ClassVar

from handgrad.equations.tree import Glyph
from handgrad.equations.write import Writer, parted

COMMA = "<mo separator='true'>,</mo>"
ACCENTS = {"hat": "^", "bar": "¯"}
FUNCTIONS = {"log": "ln"}
REDUCTIONS = {"sum": "<mo class='sum'>∑</mo>", "largest": "<mo movablelimits='false'>max</mo>"}
REDUCTIONS |= {"argmax": "<mo movablelimits='false'>arg max</mo>"}


class MathML(Writer):
    """Elements without a namespace, to stand in an HTML page within <math>."""

    signs: ClassVar[dict[str, str]] = {
        "=": "<mo>=</mo>",
        "<-": "<mo>←</mo>",
        "minus": "<mo form='prefix'>−</mo>",
        "+": "<mo>+</mo>",
        "-": "<mo>−</mo>",
        "times": "<mspace width='0.17em'/>",
        "dot": "<mo>·</mo>",
        "elementwise": "<mo>⊙</mo>",
        "@": "<mspace width='0.17em'/>",
        "%": "<mo lspace='0.3em' rspace='0.3em'>mod</mo>",
        "slash": "<mo>/</mo>",
        "<": "<mo>&lt;</mo>",
        "<=": "<mo>≤</mo>",
        ">": "<mo>&gt;</mo>",
        ">=": "<mo>≥</mo>",
        "==": "<mo>=</mo>",
    }

    def number(self, value: float) -> str:
        digits, exponent = parted(value)
        if not exponent:
            return f"<mn>{digits}</mn>"
        power = f"<msup><mn>10</mn><mn>{exponent.replace('-', '−')}</mn></msup>"
        return power if digits == "1" else self.row(f"<mn>{digits}</mn>", self.signs["dot"], power)

    def glyph(self, glyph: Glyph, indices: Sequence[str]) -> str:
        text = f"<mi>{escape(glyph.letter)}</mi>"
        if glyph.accent:
            text = f"<mover accent='true'>{text}<mo stretchy='false'>{ACCENTS[glyph.accent]}</mo></mover>"
        places = ([_place(glyph.below)] if glyph.below else []) + list(indices)
        below = f"<mrow>{COMMA.join(places)}</mrow>" if places else ""
        above = f"<mtext>{escape(glyph.above)}</mtext>" if glyph.above else ""
        if below and above:
            text = f"<msubsup>{text}{below}{above}</msubsup>"
        elif below or above:
            tag = "msub" if below else "msup"
            text = f"<{tag}>{text}{below or above}</{tag}>"
        return self.derivative("<mi>L</mi>", text) if glyph.gradient else text

    def row(self, *parts: str) -> str:
        return f"<mrow>{''.join(parts)}</mrow>"

    def brackets(self, inner: str) -> str:
        return f"<mrow><mo>(</mo>{inner}<mo>)</mo></mrow>"

    def holds(self, condition: str) -> str:
        return f"<mrow><mo>[</mo>{condition}<mo>]</mo></mrow>"

    def fraction(self, above: str, below: str) -> str:
        return f"<mfrac>{above}{below}</mfrac>"

    def power(self, base: str, exponent: str) -> str:
        return f"<msup>{base}{exponent}</msup>"

    def floor(self, inner: str) -> str:
        return f"<mrow><mo>⌊</mo>{inner}<mo>⌋</mo></mrow>"

    def size(self, inner: str) -> str:
        return f"<mrow><mo>|</mo>{inner}<mo>|</mo></mrow>"

    def norm(self, inner: str) -> str:
        return f"<mrow><mo>‖</mo>{inner}<mo>‖</mo></mrow>"

    def root(self, inner: str) -> str:
        return f"<msqrt>{inner}</msqrt>"

    def function(self, name: str, arguments: Sequence[str]) -> str:
        if name == "exp":
            return f"<msup><mi>e</mi>{arguments[0]}</msup>"
        inner = COMMA.join(arguments)
        return f"<mrow><mi>{FUNCTIONS.get(name, name)}</mi><mo>&#x2061;</mo>{self.brackets(inner)}</mrow>"

    def reduction(self, kind: str, body: str, indices: Sequence[str]) -> str:
        below = COMMA.join(indices)
        return f"<mrow><munder>{REDUCTIONS[kind]}<mrow>{below}</mrow></munder>{body}</mrow>"

    def cases(self, then: str, condition: str, otherwise: str) -> str:
        first = f"<mtr><mtd>{then}</mtd><mtd><mtext>where </mtext>{condition}</mtd></mtr>"
        second = f"<mtr><mtd>{otherwise}</mtd><mtd><mtext>else</mtext></mtd></mtr>"
        return f"<mrow><mo>{{</mo><mtable class='cases'>{first}{second}</mtable></mrow>"

    def transpose(self, base: str) -> str:
        return f"<msup>{base}<mo>⊤</mo></msup>"

    def derivative(self, of: str, by: str) -> str:
        return f"<mfrac><mrow><mo>∂</mo>{of}</mrow><mrow><mo>∂</mo>{by}</mrow></mfrac>"


def _place(below: str) -> str:
    return (
        f"<mn>{below}</mn>" if below.isdigit() else f"<mtext>{below}</mtext>" if len(below) > 3 else f"<mi>{below}</mi>"
    )
