"""Equations as plain text, for a terminal."""

from collections.abc import Sequence
from typing import ClassVar

from handgrad.equations.tree import Glyph
from handgrad.equations.write import Writer, parted

ABOVE = str.maketrans("0123456789()+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁺⁻⁻")
BELOW = str.maketrans("0123456789t+-−max", "₀₁₂₃₄₅₆₇₈₉ₜ₊₋₋ₘₐₓ")
ACCENTS = {"hat": "\u0302", "bar": "\u0304", "": ""}
REDUCTIONS = {"sum": "Σ", "largest": "max", "argmax": "argmax"}


class Text(Writer):
    """Unicode on one line: X[n,j] for elements, ᵀ for transposes, a / b for fractions."""

    stacked: ClassVar[bool] = False
    signs: ClassVar[dict[str, str]] = {
        "=": "=",
        "<-": "←",
        "minus": "−",
        "+": "+",
        "-": "−",
        "times": "",
        "dot": "·",
        "elementwise": "⊙",
        "@": "",
        "%": "mod",
        "slash": "/",
        "<": "<",
        "<=": "≤",
        ">": ">",
        ">=": "≥",
        "==": "=",
    }

    def number(self, value: float) -> str:
        digits, exponent = parted(value)
        return f"{digits}e{exponent}" if exponent else digits

    def glyph(self, glyph: Glyph, indices: Sequence[str]) -> str:
        below = glyph.below.translate(BELOW)
        below = below if not set(below) & set(glyph.below) else f"_{glyph.below}"
        text = glyph.letter + ACCENTS[glyph.accent] + below + glyph.above.translate(ABOVE)
        text += f"[{','.join(indices)}]" if indices else ""
        return f"∂L/∂{text}" if glyph.gradient else text

    def row(self, *parts: str) -> str:
        parts = tuple(part for part in parts if part)
        return "−" + parts[1] if parts[0] == "−" else " ".join(parts)

    def brackets(self, inner: str) -> str:
        return f"({inner})"

    def holds(self, condition: str) -> str:
        return f"[{condition}]"

    def fraction(self, above: str, below: str) -> str:
        return f"{above}/{below}" if " " not in above + below else f"{above} / {below}"

    def power(self, base: str, exponent: str) -> str:
        raised = exponent.translate(ABOVE)
        return base + (raised if exponent.isdigit() else f"^{exponent}")

    def floor(self, inner: str) -> str:
        return f"⌊{inner}⌋"

    def size(self, inner: str) -> str:
        return f"|{inner}|"

    def norm(self, inner: str) -> str:
        return f"‖{inner}‖"

    def root(self, inner: str) -> str:
        return f"√({inner})"

    def function(self, name: str, arguments: Sequence[str]) -> str:
        return f"{'ln' if name == 'log' else name}({', '.join(arguments)})"

    def reduction(self, kind: str, body: str, indices: Sequence[str]) -> str:
        below = ",".join(index.replace(" ", "") for index in indices)
        return f"{REDUCTIONS[kind]}_{below if len(below) == 1 else f'{{{below}}}'} {body}"

    def cases(self, then: str, condition: str, otherwise: str) -> str:
        return f"{{{then} where {condition}, else {otherwise}}}"

    def transpose(self, base: str) -> str:
        return f"{base}ᵀ"

    def derivative(self, of: str, by: str) -> str:
        return f"∂{of}/∂{by}"
