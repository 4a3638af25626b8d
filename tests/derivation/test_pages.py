"""The pages of docs/derivations: one for each row of a registry, with the equations that its class states today."""

import importlib.util
from pathlib import Path

import pytest

from handgrad.nn import ACTIVATIONS, LAYERS, LOSSES
from handgrad.optim import OPTIMIZERS

PAGES = Path(__file__).parents[2] / "docs" / "derivations"
spec = importlib.util.spec_from_file_location("derivation_pages", PAGES / "build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)


def section(text, title):
    """The words below a heading."""
    _, found, rest = text.partition(f"## {title}\n")
    assert found, f"no section {title!r}"
    return rest.partition("\n## ")[0].strip()


@pytest.mark.parametrize("name", build.ROWS)
def test_page(name):
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert text == build.page(name, text), "run python docs/derivations/build.py"
    assert text.count("$$") >= 4
    assert f"[{name}]({name}.md)" in (PAGES / "README.md").read_text(encoding="utf-8")
    assert section(text, "In words")
    if name in {**LAYERS, **ACTIVATIONS, **LOSSES}:
        assert section(text, "What is saved for the backward pass")
    if name in OPTIMIZERS:
        assert section(text, "What is kept between steps")


@pytest.mark.parametrize("name", ["tanh"])
def test_a_page_follows_its_class(name, monkeypatch):
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    monkeypatch.setattr(build.ROWS[name], "rule", ("Y = tanh(X)", "dX = dY * (1 + Y * Y)"))
    changed = build.page(name, text)
    assert r"\left(1 + Y \odot Y\right)" in changed
    assert r"\left(1 + Y \odot Y\right)" not in text


@pytest.mark.parametrize("name", ["dense"])
def test_an_element_is_written_out_with_its_numbers(name):
    """X = [[1, -2], [3, 0.5]], W = [[1, 2], [-1, 0.5]], b = [0.5, -1]: Y[0,1] = 1 * 2 + (-2) * 0.5 - 1 = 0."""
    _, example = build.derivation(name)
    assert r"Y_{0,1} = 1 \cdot 2 + \left(- 2\right) \cdot 0.5 + \left(- 1\right) = 0" in example
    assert r"Y = \begin{bmatrix} 3.5 & 0 \\ 3 & 5.25 \end{bmatrix}" in example
