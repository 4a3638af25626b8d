"""The notations that equations are printed in: plain text for a terminal, LaTeX, and MathML for browsers."""

from collections.abc import Sequence
from html import escape
from typing import ClassVar

from handgrad.equations.tree import Glyph
from handgrad.equations.write import Writer, parted

ABOVE = str.maketrans("0123456789()+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁺⁻⁻")
BELOW = str.maketrans("0123456789t+-−max", "₀₁₂₃₄₅₆₇₈₉ₜ₊₋₋ₘₐₓ")
TEXT_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "": ""}
TEXT_REDUCTIONS = {"sum": "Σ", "largest": "max", "argmax": "argmax"}
LATEX_COMMANDS = {
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
LATEX_FUNCTIONS = {"log": r"\ln", "tanh": r"\tanh", "cos": r"\cos", "min": r"\min", "max": r"\max"}
LATEX_REDUCTIONS = {"sum": r"\sum", "largest": r"\max", "argmax": r"\operatorname*{arg\,max}"}
MATHML_COMMA = "<mo separator='true'>,</mo>"
MATHML_ACCENTS = {"hat": "^", "bar": "¯"}
MATHML_FUNCTIONS = {"log": "ln"}
MATHML_REDUCTIONS = {"sum": "<mo class='sum'>∑</mo>", "largest": "<mo movablelimits='false'>max</mo>"}


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
        text = glyph.letter + TEXT_ACCENTS[glyph.accent] + below + glyph.above.translate(ABOVE)
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

    def reduction(self, function: str, body: str, indices: Sequence[str]) -> str:
        below = ",".join(index.replace(" ", "") for index in indices)
        return f"{TEXT_REDUCTIONS[function]}_{below if len(below) == 1 else f'{{{below}}}'} {body}"

    def cases(self, then: str, condition: str, otherwise: str) -> str:
        return f"{{{then} where {condition}, else {otherwise}}}"

    def transpose(self, base: str) -> str:
        return f"{base}ᵀ"

    def derivative(self, of: str, by: str) -> str:
        return f"∂{of}/∂{by}"


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
        letter = _latex_letter(glyph.letter)
        letter = {"hat": rf"\hat{{{letter}}}", "bar": rf"\bar{{{letter}}}"}.get(glyph.accent, letter)
        below = ",".join(([_latex_place(glyph.below)] if glyph.below else []) + list(indices))
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
        return LATEX_FUNCTIONS.get(name, rf"\operatorname{{{name}}}") + rf"\left({', '.join(arguments)}\right)"

    def reduction(self, function: str, body: str, indices: Sequence[str]) -> str:
        return f"{LATEX_REDUCTIONS[function]}_{{{','.join(indices)}}} {body}"

    def cases(self, then: str, condition: str, otherwise: str) -> str:
        return rf"\begin{{cases}} {then} & \text{{where }} {condition} \\ {otherwise} & \text{{else}} \end{{cases}}"

    def transpose(self, base: str) -> str:
        return rf"{{{base}}}^{{\top}}"

    def derivative(self, of: str, by: str) -> str:
        return rf"\frac{{\partial {of}}}{{\partial {by}}}"


def _latex_letter(letter: str) -> str:
    if letter in LATEX_COMMANDS:
        return LATEX_COMMANDS[letter]
    return letter if len(letter) == 1 else rf"\mathrm{{{letter.replace('_', chr(92) + '_')}}}"


def _latex_place(below: str) -> str:
    below = below.replace("−", "-")
    return _latex_letter(below) if below.isalpha() else below


MATHML_REDUCTIONS |= {"argmax": "<mo movablelimits='false'>arg max</mo>"}


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
            text = f"<mover accent='true'>{text}<mo stretchy='false'>{MATHML_ACCENTS[glyph.accent]}</mo></mover>"
        places = ([_mathml_place(glyph.below)] if glyph.below else []) + list(indices)
        below = f"<mrow>{MATHML_COMMA.join(places)}</mrow>" if places else ""
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
        inner = MATHML_COMMA.join(arguments)
        return f"<mrow><mi>{MATHML_FUNCTIONS.get(name, name)}</mi><mo>&#x2061;</mo>{self.brackets(inner)}</mrow>"

    def reduction(self, function: str, body: str, indices: Sequence[str]) -> str:
        below = MATHML_COMMA.join(indices)
        return f"<mrow><munder>{MATHML_REDUCTIONS[function]}<mrow>{below}</mrow></munder>{body}</mrow>"

    def cases(self, then: str, condition: str, otherwise: str) -> str:
        first = f"<mtr><mtd>{then}</mtd><mtd><mtext>where </mtext>{condition}</mtd></mtr>"
        second = f"<mtr><mtd>{otherwise}</mtd><mtd><mtext>else</mtext></mtd></mtr>"
        return f"<mrow><mo>{{</mo><mtable class='cases'>{first}{second}</mtable></mrow>"

    def transpose(self, base: str) -> str:
        return f"<msup>{base}<mo>⊤</mo></msup>"

    def derivative(self, of: str, by: str) -> str:
        return f"<mfrac><mrow><mo>∂</mo>{of}</mrow><mrow><mo>∂</mo>{by}</mrow></mfrac>"


def _mathml_place(below: str) -> str:
    return (
        f"<mn>{below}</mn>" if below.isdigit() else f"<mtext>{below}</mtext>" if len(below) > 3 else f"<mi>{below}</mi>"
    )
