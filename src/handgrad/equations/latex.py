"""Equations as LaTeX, for amsmath."""

from collections.abc import Sequence
from typing import ClassVar

from handgrad.equations.tree import Glyph
from handgrad.equations.write import Writer, parted

COMMANDS = {
    "α": r"\alpha",
    "β": r"\beta",
    "γ": r"\gamma",
    "δ": r"\delta",
    "ε": r"\varepsilon",
    "η": r"\eta",
    "λ": r"\lambda",
    "μ": r"\mu",
    "π": r"\pi",
    "ρ": r"\rho",
    "σ": r"\sigma",
    "φ": r"\varphi",
    "Φ": r"\Phi",
    "ψ": r"\psi",
    "∇L": r"\nabla L",
}
FUNCTIONS = {"log": r"\ln", "tanh": r"\tanh", "cos": r"\cos", "min": r"\min", "max": r"\max"}
REDUCTIONS = {"sum": r"\sum", "largest": r"\max", "argmax": r"\operatorname*{arg\,max}"}


class Latex(Writer):
    """Commands of LaTeX and amsmath alone."""

    signs: ClassVar[dict[str, str]] = {
        "=": "=",
        "<-": r"\leftarrow",
        "minus": "-",
        "+": "+",
        "-": "-",
        "times": r"\,",
        "dot": r"\cdot",
        "elementwise": r"\odot",
        "@": r"\,",
        "%": r"\bmod",
        "slash": "/",
        "<": "<",
        "<=": r"\leq",
        ">": ">",
        ">=": r"\geq",
        "==": "=",
    }

    def number(self, value: float) -> str:
        digits, exponent = parted(value)
        if not exponent:
            return digits
        return rf"10^{{{exponent}}}" if digits == "1" else rf"{digits} \cdot 10^{{{exponent}}}"

    def glyph(self, glyph: Glyph, indices: Sequence[str]) -> str:
        letter = _letter(glyph.letter)
        letter = {"hat": rf"\hat{{{letter}}}", "bar": rf"\bar{{{letter}}}"}.get(glyph.accent, letter)
        below = ",".join(([_place(glyph.below)] if glyph.below else []) + list(indices))
        text = letter + (f"_{{{below}}}" if below else "") + (f"^{{{glyph.above}}}" if glyph.above else "")
        return rf"\frac{{\partial L}}{{\partial {text}}}" if glyph.gradient else text

    def row(self, *parts: str) -> str:
        return " ".join(parts)

    def brackets(self, inner: str) -> str:
        return rf"\left({inner}\right)"

    def holds(self, condition: str) -> str:
        return rf"\left[{condition}\right]"

    def fraction(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def power(self, base: str, exponent: str) -> str:
        return f"{base}^{{{exponent}}}"

    def floor(self, inner: str) -> str:
        return rf"\left\lfloor {inner} \right\rfloor"

    def size(self, inner: str) -> str:
        return rf"\left|{inner}\right|"

    def norm(self, inner: str) -> str:
        return rf"\left\|{inner}\right\|"

    def root(self, inner: str) -> str:
        return rf"\sqrt{{{inner}}}"

    def function(self, name: str, arguments: Sequence[str]) -> str:
        if name == "exp":
            return f"e^{{{arguments[0]}}}"
        return FUNCTIONS.get(name, rf"\operatorname{{{name}}}") + rf"\left({', '.join(arguments)}\right)"

    def reduction(self, kind: str, body: str, indices: Sequence[str]) -> str:
        return f"{REDUCTIONS[kind]}_{{{','.join(indices)}}} {body}"

    def cases(self, then: str, condition: str, otherwise: str) -> str:
        return rf"\begin{{cases}} {then} & \text{{where }} {condition} \\ {otherwise} & \text{{else}} \end{{cases}}"

    def transpose(self, base: str) -> str:
        return rf"{{{base}}}^{{\top}}"

    def derivative(self, of: str, by: str) -> str:
        return rf"\frac{{\partial {of}}}{{\partial {by}}}"


def _letter(letter: str) -> str:
    if letter in COMMANDS:
        return COMMANDS[letter]
    return letter if len(letter) == 1 else rf"\mathrm{{{letter.replace('_', chr(92) + '_')}}}"


def _place(below: str) -> str:
    below = below.replace("−", "-")
    return _letter(below) if below.isalpha() else below
