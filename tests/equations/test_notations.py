"""The three notations of one tree."""

import xml.etree.ElementTree as ElementTree

import pytest

from handgrad.equations import Glyph, Latex, MathML, Text, at_steps, dressed, in_numbers, parse

KNOWN = {name: Glyph(name, above="(1)") for name in "XYWb"} | {"dY": Glyph("δ", above="(1)")}


def written(writer, text, known=KNOWN, arrays=("X", "Y", "dX", "dY", "W")):
    """One equation in one notation."""
    (equation,) = dressed(parse(text), known, arrays)
    target, sign, steps = writer.line(equation)
    return " ".join([target, sign, " = ".join(steps)])


TEXTS = {
    "Y = X @ W + b": "Y⁽¹⁾ = X⁽¹⁾ W⁽¹⁾ + b⁽¹⁾",
    "dW = X.T @ dY": "∂L/∂W⁽¹⁾ = X⁽¹⁾ᵀ δ⁽¹⁾",
    "dX = dY * Y * (1 - Y)": "∂L/∂X⁽¹⁾ = δ⁽¹⁾ ⊙ Y⁽¹⁾ ⊙ (1 − Y⁽¹⁾)",
    "dX = dY * d(Y, X) = dY * (X > 0)": "∂L/∂X⁽¹⁾ = δ⁽¹⁾ ⊙ ∂Y⁽¹⁾/∂X⁽¹⁾ = δ⁽¹⁾ ⊙ [X⁽¹⁾ > 0]",
    "Y = where(X > 0, X, slope * X)": "Y⁽¹⁾ = {X⁽¹⁾ where X⁽¹⁾ > 0, else slope X⁽¹⁾}",
    "Y[n,j] = sum(X[n,i] * W[i,j], i) + b[j]": "Y⁽¹⁾[n,j] = Σ_i X⁽¹⁾[n,i] W⁽¹⁾[i,j] + b⁽¹⁾[j]",
    "y = (a - b2) - (c - d)": "y = a − b₂ − (c − d)",
    "y = a * (b2 + c) / (d * f)": "y = a (b₂ + c) / (d f)",
    "y = (sum(X[n], n) * a)^2": "y = ((Σ_n X⁽¹⁾[n]) a)²",
    "y = -(a + c) * f": "y = −(a + c) f",
    "y = a * 2^(-3/2)": "y = a · 2^(−3/2)",
    "y = 1e-6 * a / sqrt(c)": "y = 1e-6 a / √(c)",
    "y = a * (c / f)": "y = a · c/f",
    "Xhat[n] = X[n] - mu": "X̂⁽¹⁾[n] = X⁽¹⁾[n] − μ",
    "m[j] = (1 - rho) * m[j]": "m[j] ← (1 − ρ) m[j]",
    "y = abs(a - floor(c / 2))": "y = |a − ⌊c/2⌋|",
}


@pytest.mark.parametrize(("text", "expected"), TEXTS.items(), ids=TEXTS)
def test_text(text, expected):
    assert written(Text(), text) == expected


COMMANDS = {
    "Y = X @ W + b": r"Y^{(1)} = X^{(1)} \, W^{(1)} + b^{(1)}",
    "dW = X.T @ dY": r"\frac{\partial L}{\partial W^{(1)}} = {X^{(1)}}^{\top} \, \delta^{(1)}",
    "y = X[n,j]^2 / (a + 1)": r"y = \frac{\left(X_{n,j}^{(1)}\right)^{2}}{a + 1}",
    "y = exp(-x) * 1e-6": r"y = e^{- x} \cdot 10^{-6}",
    "y = where(x > 0, x, 0)": r"y = \begin{cases} x & \text{where } x > 0 \\ 0 & \text{else} \end{cases}",
}


@pytest.mark.parametrize(("text", "expected"), COMMANDS.items(), ids=COMMANDS)
def test_latex(text, expected):
    assert written(Latex(), text) == expected


@pytest.mark.parametrize("text", TEXTS)
def test_mathml_is_well_formed(text):
    root = ElementTree.fromstring(f"<math>{written(MathML(), text)}</math>")
    for element in root.iter():  # elements whose number of children the standard fixes
        fixed = {"mfrac": 2, "msup": 2, "msub": 2, "msubsup": 3, "munder": 2, "mover": 2}
        assert len(element) == fixed.get(element.tag, len(element)), ElementTree.tostring(element)


def test_mathml_escapes():
    assert "&lt;" in written(MathML(), "y = x < 2")


def test_steps_of_time():
    lines = at_steps(parse("v = momentum * v + g;  w = w - learning_rate * v_next * v"), {"momentum"})
    assert [Text().line(line)[2][0] for line in lines] == ["ρ vₜ₋₁ + gₜ", "wₜ₋₁ − ηₜ vₜ₊₁ vₜ"]
    assert Text().line(in_numbers(lines[0], {"momentum": 0.9}))[2] == ["0.9 vₜ₋₁ + gₜ"]
