"""The whole derivation of a network: what is in it, in which order, and in every notation."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

import numpy as np
import pytest
from matplotlib.mathtext import MathTextParser
from tests.ingredients import nn, optim

from handgrad.derivation import FORMATS, Learning, derive, to_html, to_html_page, to_latex, to_markdown, to_text
from handgrad.derivation.verify import names_of
from handgrad.equations import Text
from handgrad.nn import Network, SquaredError
from handgrad.nn.layer import Activation
from handgrad.optim import GradientTransforms

COURSE = [nn.Flatten(), nn.Dense(5), nn.Sigmoid(), nn.Dense(4), nn.Sigmoid(), nn.Dense(6), nn.Sigmoid(), nn.Dense(3)]
IMAGES = [
    nn.Conv2D(3),
    nn.BatchNorm(),
    nn.ReLU(),
    nn.MaxPool2D(),
    nn.Conv2D(2),
    nn.AveragePool2D(),
    nn.Flatten(),
    nn.Dropout(),
    nn.Dense(3),
]
MOMENTUM = Learning(optim.Momentum(0.01), GradientTransforms(weight_decay=0.005), optim.StepDecay(), 64, 8000)


def network_of(layers, shape=(8, 8), loss=None):
    return Network(layers, shape, seed=1, loss=loss)


def batch_of(network, rows=3):
    generator = np.random.default_rng(4)
    return generator.integers(0, 256, (rows, *network.input_shape), np.uint8), generator.integers(0, 3, rows)


def derived(layers, learning=MOMENTUM, shape=(8, 8), loss=None):
    network = network_of(layers, shape, loss)
    return derive(network, batch_of(network), learning)


@pytest.fixture(scope="module")
def course():
    """Three hidden sigmoid layers, an L2 penalty, momentum, a step schedule."""
    return derived(COURSE)


@pytest.fixture(scope="module")
def images():
    """A convolutional network, its loss the squared error, with everything between gradient and optimizer."""
    learning = Learning(
        optim.AdamW(),
        GradientTransforms(clip_norm=1.0, l1=0.1, weight_decay=0.01),
        optim.OneCycle(warmup_steps=5),
        32,
        100,
    )
    return derived(IMAGES, learning, loss=SquaredError())


def lines_of(derivation, chapter, section):
    """The equations of one section as text."""
    (found,) = [
        part
        for each in derivation.chapters
        if each.title.startswith(chapter)
        for part in each.sections
        if part.title.startswith(section)
    ]
    return [f"{target} {sign} {' = '.join(steps)}" for target, sign, steps in map(Text().line, found.equations)]


def test_the_course_question(course):
    """The answer that a student would hand in, worked by hand."""
    assert lines_of(course, "Forward", "Layer 1")[-1] == "Z⁽¹⁾ = A⁽⁰⁾ W⁽¹⁾ + b⁽¹⁾"
    assert lines_of(course, "Forward", "Layer 4")[-1] == "A⁽²⁾ = 1 / (1 + exp(−Z⁽²⁾))"
    assert lines_of(course, "Loss", "Gradient")[-1] == "δ⁽⁴⁾ = 1/N · (P − Y)"
    assert lines_of(course, "Backward", "Layer 6")[-1].endswith("= ∂L/∂A⁽³⁾ ⊙ A⁽³⁾ ⊙ (1 − A⁽³⁾)")
    backward = lines_of(course, "Backward", "Layer 3")
    assert "∂L/∂W⁽²⁾ = A⁽¹⁾ᵀ δ⁽²⁾" in backward
    assert "∂L/∂A⁽¹⁾ = δ⁽²⁾ W⁽²⁾ᵀ" in backward
    assert "g_W⁽²⁾ = ∂L/∂W⁽²⁾ + λ W⁽²⁾" in backward
    assert not [line for line in backward if line.startswith("g_b")]
    assert lines_of(course, "Update", "Rule") == ["vₜ = ρ vₜ₋₁ + gₜ", "wₜ = wₜ₋₁ − ηₜ vₜ"]
    assert lines_of(course, "Update", "In numbers")[0] == "vₜ = 0.9 vₜ₋₁ + gₜ"
    assert lines_of(course, "Schedule", "Learning rate")[1:] == ["a = q^⌊s/D⌋", "ηₜ = a η₀"]


def test_the_order_is_that_of_a_derivation(course):
    assert [chapter.title.split(":")[0] for chapter in course.chapters] == [
        "Forward pass", "Loss", "Backward pass", "Clipping and penalties", "Update", "Schedule",
    ]  # fmt: skip
    forward, _, backward, *_ = ([s.title for s in chapter.sections] for chapter in course.chapters)
    places = [int(re.match(r"Layer (\d)", title)[1]) for title in forward]
    assert places == list(range(8))
    assert [int(re.match(r"Layer (\d)", title)[1]) for title in backward] == places[::-1]


def test_every_symbol_has_its_real_shape(course):
    found = {Text().write(each.symbol): (each.shape, each.name) for each in course.meanings}
    assert found["W⁽¹⁾"] == ((64, 5), "1.weight")
    assert found["b⁽⁴⁾"] == ((3,), "7.bias")
    assert found["A⁽⁰⁾"] == (("N", 64), "")
    assert found["δ⁽³⁾"] == (("N", 6), "")
    used = set(re.findall(r"[A-Zδβγb]⁽\d⁾", to_text(course)))
    assert used <= found.keys()


def test_every_layer_is_checked(course, images):
    for derivation in (course, images):
        assert derivation.failed == []
        (backward,) = [chapter for chapter in derivation.chapters if chapter.title == "Backward pass"]
        for section in backward.sections:
            if section.equations:
                assert [check for check in section.checks if "numerical" in check.text and check.passed], section
                assert [check for check in section.checks if "engine" in check.text and check.passed], section


def test_a_wrong_derivative_is_shown_as_wrong(monkeypatch):
    monkeypatch.setattr(nn.Sigmoid, "rule", (nn.Sigmoid.rule[0], "dX = dY * Y * (1 + Y)"))
    derivation = derived(COURSE)
    assert len(derivation.failed) == 3
    assert all("Sigmoid: equations against engine" in failure for failure in derivation.failed)
    assert "✗ WRONG: equations against engine" in to_text(derivation)
    assert 'class="check failed"' in to_html(derivation)


def test_the_network_stays_as_it_was():
    network = network_of(IMAGES)
    before = network.parameters.copy(), network.buffers.copy()
    derive(network, batch_of(network), MOMENTUM)
    assert np.array_equal(before[0], network.parameters)
    assert np.array_equal(before[1], network.buffers)


def test_a_layer_from_outside():
    @dataclass(frozen=True)
    class Mute(Activation):
        """An activation from outside that states nothing."""

        kernels = nn.Sigmoid.kernels

    @dataclass(frozen=True)
    class Voiced(Mute):
        """One that states its equations, with a number of its own."""

        rule = "S = 1 / (1 + exp(-X));  Y = S", "dX = dY * d(Y, X) = dY * S * (1 - S)"

    silent = derived([nn.Flatten(), nn.Dense(4), Mute(), nn.Dense(3)])
    assert to_text(silent).count("states no equations") == 2
    assert silent.failed == []
    voiced = derived([nn.Flatten(), nn.Dense(4), Voiced(), nn.Dense(3)])
    assert lines_of(voiced, "Backward", "Layer 2") == ["δ⁽¹⁾ = ∂L/∂A⁽¹⁾ ⊙ ∂A⁽¹⁾/∂Z⁽¹⁾ = ∂L/∂A⁽¹⁾ ⊙ S ⊙ (1 − S)"]
    assert voiced.failed == []


def test_parts_in_words_or_without_equations(monkeypatch):
    monkeypatch.setattr(optim.SGD, "rule", "downhill, a little")
    monkeypatch.setattr(optim.Constant, "rule", "")
    monkeypatch.setattr(SquaredError, "statement", lambda self: None)
    derivation = derived(
        [nn.Flatten(), nn.Dense(3)],
        Learning(optim.SGD(), GradientTransforms(), optim.Constant(), 1, 10),
        loss=SquaredError(),
    )
    text = to_text(derivation)
    assert "downhill, a little" in text
    assert "This schedule states no equations" in text
    assert "Clipping" not in text


NAMES = {
    "dense and activations": (COURSE, "X A⁽⁰⁾ Z⁽¹⁾ A⁽¹⁾ Z⁽²⁾ A⁽²⁾ Z⁽³⁾ A⁽³⁾ Z⁽⁴⁾"),
    "images": (IMAGES, "A⁽⁰⁾ Z⁽¹⁾ U⁽¹⁾ V⁽¹⁾ A⁽¹⁾ Z⁽²⁾ U⁽²⁾ V⁽²⁾ A⁽²⁾ Z⁽³⁾"),
    "deep linear": ([nn.Flatten(), nn.Dense(4), nn.Dense(3)], "X A⁽⁰⁾ Z⁽¹⁾ Z⁽²⁾"),
    "before all weights": ([nn.Dropout(), nn.ReLU(), nn.Flatten(), nn.Dense(3)], "X U⁽⁰⁾ V⁽⁰⁾ A⁽⁰⁾ Z⁽¹⁾"),
    "long": (
        [nn.Flatten(), nn.Dense(3), *[nn.ReLU()] * 9],
        "X A⁽⁰⁾ Z⁽¹⁾ U⁽¹⁾ V⁽¹⁾ H⁽¹⁾ G⁽¹⁾ R⁽¹⁾ E⁽¹⁾ U₂⁽¹⁾ V₂⁽¹⁾ A⁽¹⁾",
    ),
    "no dense layer": ([nn.Conv2D(3), nn.GlobalAveragePool()], "A⁽⁰⁾ Z⁽¹⁾ A⁽¹⁾"),
}


@pytest.mark.parametrize(("layers", "expected"), NAMES.values(), ids=NAMES.keys())
def test_names(layers, expected):
    names = names_of(network_of(layers))
    assert " ".join(Text().glyph(glyph, ()) for glyph in names.arrays) == expected
    assert len(set(names.arrays)) == len(names.arrays)
    derivation = derived(layers)
    assert derivation.failed == []


def test_two_of_a_name_under_one_number():
    names = names_of(network_of([nn.Conv2D(2), nn.BatchNorm(), nn.ReLU(), nn.BatchNorm(), nn.Flatten(), nn.Dense(3)]))
    assert [Text().glyph(each["gamma"], ()) for each in names.parameters if "gamma" in each] == ["γ⁽¹⁾", "γ₂⁽¹⁾"]


def test_text_fits_80_columns(course, images):
    for derivation in (course, images):
        assert max(map(len, to_text(derivation).splitlines())) <= 80


def test_html_is_whole_and_alone(images):
    page = to_html_page(images)
    root = ElementTree.fromstring(page.replace("<!DOCTYPE html>\n", "").replace('<meta charset="utf-8">', ""))
    assert root.find("head/title").text == images.title
    tags = {element.tag for element in root.iter()}
    assert "math" in tags
    assert not tags & {"script", "link", "img", "iframe", "object"}
    assert not re.findall(r"https?:|url\(|@import|\son\w+=", page)
    assert len(root.findall(".//section")) == sum(len(chapter.sections) for chapter in images.chapters)


def test_what_a_name_holds_is_text_and_no_markup(course):
    hostile = course._replace(title="<script>1</script> $x_1$ \\input{x}", facts=("a & b # 50 % {",))
    assert "<script" not in to_html_page(hostile)
    document = to_latex(hostile)
    assert "\\input{x}" not in document
    assert r"a \& b \# 50 \% \{" in document


@pytest.mark.parametrize("write", [to_latex, to_markdown])
def test_latex_is_balanced(images, course, write):
    for derivation in (images, course):
        document = write(derivation)
        bare = re.sub(r"\\\\|\\[{}$]", "", document)
        depths = np.cumsum([{"{": 1, "}": -1}.get(sign, 0) for sign in bare])
        assert depths.min() >= 0
        assert depths[-1] == 0
        assert document.count(r"\left") - document.count(r"\leftarrow") == document.count(r"\right")
        begun = re.findall(r"\\begin\{(\w+\*?)\}", document)
        assert sorted(begun) == sorted(re.findall(r"\\end\{(\w+\*?)\}", document))


def test_latex_is_plain_ascii_but_for_known_letters(images, course):
    """pdflatex knows no other letters: everything else must have been written as a command."""
    for derivation in (images, course):
        assert sorted({sign for sign in to_latex(derivation) if not sign.isascii()}) == []


UNKNOWN_TO_MATHTEXT = (r"\begin{cases}", r"\operatorname*", r"\bmod")


@pytest.mark.slow
def test_formulas_are_read_by_another_reader_of_latex(images, course):
    """Matplotlib's, which knows no environments."""
    documents = re.sub(r"\(\d\)", "(1)", to_latex(images) + to_latex(course))
    bodies = re.findall(r"\\begin\{align\*\}\n(.*?)\n\\end\{align\*\}", documents, re.DOTALL)
    steps = {step for body in bodies for step in body.split(" \\\\\n")}
    readable = [step for step in steps if not any(word in step for word in UNKNOWN_TO_MATHTEXT)]
    assert len(readable) > 60
    parser = MathTextParser("path")
    for step in readable:
        parser.parse(f"${step.replace('&', '').replace(chr(92) + 'top', 'T')}$")


def test_formats_are_all_there(course):
    assert set(FORMATS) == {"text", "html", "md", "tex"}
    assert all(write(course).endswith("\n") for write in FORMATS.values())


def test_an_optimizer_whose_rule_is_incomplete_is_found_out(monkeypatch):
    monkeypatch.setattr(optim.Momentum, "rule", "w = w - learning_rate * (momentum * v + g)")
    failed = derived([nn.Flatten(), nn.Dense(3)]).failed
    assert len(failed) == 1
    assert "rules against engine" in failed[0]
