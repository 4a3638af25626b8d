"""A derivation as plain data, and the formats that it is written in: text, HTML with MathML, LaTeX and Markdown."""

import textwrap
from collections.abc import Iterator
from functools import cache
from html import escape
from math import isnan
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from handgrad.equations import Equation, Latex, MathML, Symbol, Text, Writer
from handgrad.text import latex_text, markdown_line

ENGINE_BOUND, NUMERIC_BOUND = 1e-11, 1e-7  # what equations may differ from the engine, and it from finite differences
WIDTH = 80
TEXT, MATH, LATEX = Text(), MathML(), Latex()
PREAMBLE = r"""\documentclass[a4paper,10pt]{article}
\usepackage[T1]{fontenc}
\usepackage[margin=22mm]{geometry}
\usepackage{amsmath}
\allowdisplaybreaks
\setlength{\parindent}{0pt}
\begin{document}
"""


class Meaning(NamedTuple):
    """One symbol explained: its shape as an expression of sizes, what it is, and its name in files of handgrad."""

    symbol: Symbol
    shape: tuple[int | str, ...]
    meaning: str
    name: str = ""


class Value(NamedTuple):
    """A symbol's number and what handgrad calls it."""

    symbol: Symbol
    value: float
    name: str


class Verdict(NamedTuple):
    """A check in words; `passed` is None where it could not be made."""

    text: str
    passed: bool | None


def verdict(what: str, error: float, bound: float, more: str = "") -> Verdict:
    """An error that passes up to `bound`; NaN where none could be measured."""
    measured = "not possible" if isnan(error) else "exact" if error == 0 else f"{error:.0e}"
    return Verdict(f"{what}: {measured}{more}", None if isnan(error) else error <= bound)


class Section(NamedTuple):
    """What one layer contributes to a chapter: equations with glyphs on them, numbers they use, remarks, checks."""

    title: str
    equations: list[Equation]
    values: list[Value] = []  # noqa: RUF012
    remarks: tuple[str, ...] = ()
    checks: tuple[Verdict, ...] = ()


class Chapter(NamedTuple):
    """A part of the derivation, in the order in which it is written by hand."""

    title: str
    introduction: str
    sections: list[Section]


class Derivation(NamedTuple):
    """All of it: what network this is, what every symbol means, and the chapters."""

    title: str
    facts: tuple[str, ...]
    conventions: tuple[str, ...]
    meanings: list[Meaning]
    chapters: list[Chapter]

    @property
    def failed(self) -> list[str]:
        """The checks that did not pass, each with its section."""
        sections = [section for chapter in self.chapters for section in chapter.sections]
        return [f"{s.title}: {check.text}" for s in sections for check in s.checks if check.passed is False]


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("handgrad.derivation"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals |= {"marks": {True: "passed", False: "WRONG", None: "open"}, "style": style}
    made.filters |= {"html": escape, "tex": latex_text, "line": markdown_line, "wrapped": _wrapped, "rows": _rows}
    made.filters |= {"steps": _steps, "aligned": _aligned, "shape": _shape}
    return made


def _rendered(template: str, derivation: Derivation, writer: Writer, level: int = 2) -> str:
    how = {"writer": writer, "value": _text_value if writer is TEXT else _latex_value, "level": level}
    return _environment().get_template(template).render(how, derivation=derivation)


def to_text(derivation: Derivation) -> str:
    """Unicode in at most 80 columns."""
    return _rendered("text.j2", derivation, TEXT)


def to_html(derivation: Derivation, level: int = 2) -> str:
    """A fragment to stand in a page, headings from `level` on; it wants `style`."""
    return _rendered("html.j2", derivation, MATH, level)


def to_html_page(derivation: Derivation) -> str:
    """A page of its own."""
    return _rendered("page.j2", derivation, MATH)


def to_latex(derivation: Derivation) -> str:
    """A whole document, to be compiled with any LaTeX; amsmath is all that it needs."""
    title = f"\\section*{{{latex_text(derivation.title)}}}\n"
    return PREAMBLE + title + latex_chapters(derivation) + "\n\\end{document}\n"


def latex_chapters(derivation: Derivation) -> str:
    """The body of `to_latex` without its title, to stand in another document."""
    return _rendered("tex.j2", derivation, LATEX).removesuffix("\n")


def to_markdown(derivation: Derivation) -> str:
    """Markdown whose formulas stand between $ signs, as GitHub, Jupyter and pandoc take them."""
    return f"# {markdown_line(derivation.title)}\n\n{markdown_chapters(derivation, 2)}"


def markdown_chapters(derivation: Derivation, level: int) -> str:
    """`to_markdown` without its title, the headings from `level` on, to stand in another document."""
    return _rendered("md.j2", derivation, LATEX, level)


def markdown_section(section: Section) -> list[str]:
    """The equations of a section, the numbers that they use, remarks and checks, as lines of Markdown."""
    return _environment().get_template("section.j2").render(section=section, value=_latex_value).splitlines()


def style(name: str = "derivation") -> str:
    """What makes the fragment, or its page, look as it should."""
    return Path(__file__).with_name(f"{name}.css").read_text(encoding="utf-8")


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _rows(meanings: list[Meaning]) -> Iterator[str]:
    """Symbols, shapes and words below each other."""
    rows = [(TEXT.write(each.symbol), " × ".join(map(str, each.shape)), each) for each in meanings]
    first, second = (max(len(row[column]) for row in rows) + 2 for column in (0, 1))
    for symbol, shape, each in rows:
        words = each.meaning + (f" ({each.name})" if each.name else "")
        yield _wrapped(f"{symbol:<{first}}{shape:<{second}}{words}", " " * (first + second))


def _steps(equation: Equation) -> str:
    """Each step on a line of its own, the equals signs below one another."""
    target, sign, steps = TEXT.line(equation)
    start, lines = f"    {target} {sign} ", []
    for place, step in enumerate(steps):
        head = start if not place else " " * (len(start) - 2) + "= "
        head = head if len(head) < WIDTH // 2 else "        = "
        lines.append(_wrapped(head + step, " " * (len(head) + 2)))
    return "\n".join([*lines, *([_wrapped("      " + equation.reason, "      ")] if equation.reason else [])])


def _text_value(each: Value) -> str:
    symbol = TEXT.write(each.symbol)
    return f"{symbol} = {TEXT.number(each.value)}" + (f" ({each.name})" if each.name != symbol else "")


def _latex_value(each: Value) -> str:
    symbol = LATEX.write(each.symbol)
    name = "" if each.name in symbol else f" ({latex_text(each.name)})"
    return f"${symbol} = {LATEX.number(each.value)}${name}"


def _aligned(equation: Equation) -> str:
    target, sign, steps = LATEX.line(equation)
    return f"{target} &{sign} " + f" \\\\\n&{sign} ".join(steps)


def _shape(shape: tuple[int | str, ...]) -> str:
    sizes = r" \times ".join(map(str, shape))
    return f"${sizes}$" if shape else ""
