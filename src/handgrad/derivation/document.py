"""A derivation as plain data, and the formats that it is written in: text, HTML with MathML, LaTeX and Markdown."""

import textwrap
from collections.abc import Iterator
from html import escape
from math import isnan
from pathlib import Path
from typing import NamedTuple

from handgrad.equations import Equation, Latex, MathML, Symbol, Text
from handgrad.text import latex_text, markdown_line

ENGINE_BOUND, NUMERIC_BOUND = 1e-11, 1e-7  # what equations may differ from the engine, and it from finite differences
WIDTH = 80
TEXT = Text()
TEXT_MARKS = {True: "✓", False: "✗ WRONG:", None: "–"}
MATH = MathML()
HTML_MARKS = {True: ("passed", "✓"), False: ("failed", "✗ wrong:"), None: ("open", "–")}
LATEX = Latex()
LATEX_MARKS = {True: "passed", False: "WRONG", None: "open"}
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


def to_text(derivation: Derivation) -> str:
    """Unicode in at most 80 columns."""
    return "\n".join(_text_document(derivation)) + "\n"


def _text_document(derivation: Derivation) -> Iterator[str]:
    yield from _text_wrapped(derivation.title)
    yield from (line for fact in derivation.facts for line in _text_wrapped(fact))
    yield ""
    yield from (line for convention in derivation.conventions for line in _text_wrapped("· " + convention, "  "))
    yield from ["", *_text_heading("Symbols")]
    yield from _text_meanings(derivation.meanings)
    for chapter in derivation.chapters:
        yield from ["", *_text_heading(chapter.title), *_text_wrapped(chapter.introduction)]
        for section in chapter.sections:
            yield from ["", *_text_wrapped(section.title), *_text_section(section)]


def _text_meanings(meanings: list[Meaning]) -> Iterator[str]:
    rows = [(TEXT.write(each.symbol), " × ".join(map(str, each.shape)), each) for each in meanings]
    first, second = (max(len(row[column]) for row in rows) + 2 for column in (0, 1))
    for symbol, shape, each in rows:
        words = each.meaning + (f" ({each.name})" if each.name else "")
        yield from _text_wrapped(f"{symbol:<{first}}{shape:<{second}}{words}", " " * (first + second))


def _text_section(section: Section) -> Iterator[str]:
    for equation in section.equations:
        yield from _text_equation(equation)
    if section.values:
        yield from _text_wrapped("  with " + ", ".join(_text_value(each) for each in section.values), "    ")
    for remark in section.remarks:
        yield from _text_wrapped("  " + remark, "  ")
    for check in section.checks:
        yield from _text_wrapped(f"  {TEXT_MARKS[check.passed]} {check.text}", "    ")


def _text_value(each: Value) -> str:
    symbol = TEXT.write(each.symbol)
    return f"{symbol} = {TEXT.number(each.value)}" + (f" ({each.name})" if each.name != symbol else "")


def _text_equation(equation: Equation) -> Iterator[str]:
    """Each step on a line of its own, the equals signs below one another."""
    target, sign, steps = TEXT.line(equation)
    start = f"    {target} {sign} "
    for place, step in enumerate(steps):
        head = start if not place else " " * (len(start) - 2) + "= "
        head = head if len(head) < WIDTH // 2 else "        = "
        yield from _text_wrapped(head + step, " " * (len(head) + 2))
    if equation.reason:
        yield from _text_wrapped("      " + equation.reason, "      ")


def _text_heading(title: str) -> list[str]:
    return [title, "─" * min(len(title), WIDTH)]


def _text_wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]


def style(name: str = "derivation") -> str:
    """What makes the fragment, or its page, look as it should."""
    return Path(__file__).with_name(f"{name}.css").read_text(encoding="utf-8")


def to_html(derivation: Derivation, level: int = 2) -> str:
    """A fragment to stand in a page, headings from `level` on; it wants `style`."""
    return "\n".join(_html_fragment(derivation, level)) + "\n"


def to_html_page(derivation: Derivation) -> str:
    """A page of its own."""
    title = escape(derivation.title)
    head = f'<meta charset="utf-8">\n<title>{title}</title>\n<style>\n{style("page")}\n{style()}</style>'
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n'
        f"<h1>{title}</h1>\n{to_html(derivation)}</body>\n</html>\n"
    )


def _html_fragment(derivation: Derivation, level: int) -> Iterator[str]:
    yield '<div class="derivation">'
    for fact in map(escape, derivation.facts):
        yield f"<p><code>{fact}</code></p>" if fact.startswith("handgrad ") else f"<p>{fact}</p>"
    yield f"<ul>{''.join(f'<li>{escape(each)}</li>' for each in derivation.conventions)}</ul>"
    yield f'<h{level}>Symbols</h{level}>\n<table class="symbols">'
    yield "<tr><th>symbol</th><th>shape</th><th>meaning</th><th>in files</th></tr>"
    yield from map(_html_meaning, derivation.meanings)
    yield "</table>"
    for chapter in derivation.chapters:
        yield f"<h{level}>{escape(chapter.title)}</h{level}>\n<p>{escape(chapter.introduction)}</p>"
        for section in chapter.sections:
            yield from ("<section>", *_html_section(section, level + 1), "</section>")
    yield "</div>"


def _html_meaning(each: Meaning) -> str:
    shape = " × ".join(f"<i>{size}</i>" if size == "N" else str(size) for size in each.shape)
    name = f"<code>{escape(each.name)}</code>" if each.name else ""
    symbol = f"<math>{MATH.write(each.symbol)}</math>"
    return f"<tr><td>{symbol}</td><td>{shape}</td><td>{escape(each.meaning)}</td><td>{name}</td></tr>"


def _html_section(section: Section, level: int) -> Iterator[str]:
    if section.title:
        yield f"<h{level}>{escape(section.title)}</h{level}>"
    for equation in section.equations:
        yield _html_equation(equation)
    if section.values:
        yield f'<p class="with">with {", ".join(_html_value(each) for each in section.values)}</p>'
    yield from (f'<p class="remark">{escape(remark)}</p>' for remark in section.remarks)
    for check in section.checks:
        css_class, mark = HTML_MARKS[check.passed]
        yield f'<p class="check {css_class}"><b>{mark}</b> {escape(check.text)}</p>'


def _html_equation(equation: Equation) -> str:
    target, sign, steps = MATH.line(equation)
    first = [target, *[""] * (len(steps) - 1)]
    rows = "".join(
        f"<mtr><mtd>{left}</mtd><mtd>{sign}</mtd><mtd>{step}</mtd></mtr>"
        for left, step in zip(first, steps, strict=True)
    )
    math = f'<math display="block"><mtable class="steps" displaystyle="true">{rows}</mtable></math>'
    why = f'\n<p class="why">{escape(equation.reason)}</p>' if equation.reason else ""
    return f'<div class="equation">{math}</div>{why}'


def _html_value(each: Value) -> str:
    math = f"<math>{MATH.row(MATH.write(each.symbol), MATH.signs['='], MATH.number(each.value))}</math>"
    return math + (f" ({escape(each.name)})" if MATH.write(each.symbol) != f"<mi>{each.name}</mi>" else "")


def to_latex(derivation: Derivation) -> str:
    """A whole document, to be compiled with any LaTeX; amsmath is all that it needs."""
    title = f"\\section*{{{latex_text(derivation.title)}}}\n"
    return PREAMBLE + title + latex_chapters(derivation) + "\n\\end{document}\n"


def latex_chapters(derivation: Derivation) -> str:
    """The body of `to_latex` without its title, to stand in another document."""
    return "\n".join(_latex_chapters(derivation))


def to_markdown(derivation: Derivation) -> str:
    """Markdown whose formulas stand between $ signs, as GitHub, Jupyter and pandoc take them."""
    return f"# {markdown_line(derivation.title)}\n\n{markdown_chapters(derivation, 2)}"


def markdown_chapters(derivation: Derivation, level: int) -> str:
    """`to_markdown` without its title, the headings from `level` on, to stand in another document."""
    return "\n".join(_latex_markdown(derivation, level)) + "\n"


def _latex_chapters(derivation: Derivation) -> Iterator[str]:
    yield from (latex_text(fact) + "\n" for fact in derivation.facts)
    yield "\\begin{itemize}"
    yield from (f"\\item {latex_text(each)}" for each in derivation.conventions)
    yield "\\end{itemize}"
    yield "\\subsection*{Symbols}"
    for each in derivation.meanings:
        symbol, shape = f"\\makebox[16mm][l]{{${LATEX.write(each.symbol)}$}}", _latex_shape(each.shape)
        name = f" (\\texttt{{{latex_text(each.name)}}})" if each.name else ""
        yield f"{symbol}\\makebox[36mm][l]{{{shape}}}{latex_text(each.meaning)}{name}\\par"
    for chapter in derivation.chapters:
        yield f"\\subsection*{{{latex_text(chapter.title)}}}\n{latex_text(chapter.introduction)}"
        for section in chapter.sections:
            yield f"\\subsubsection*{{{latex_text(section.title)}}}"
            yield from _latex_section(section)


def _latex_section(section: Section) -> Iterator[str]:
    for equation in section.equations:
        yield f"\\begin{{align*}}\n{_latex_aligned(equation)}\n\\end{{align*}}"
        if equation.reason:
            yield f"({latex_text(equation.reason)})"
    if section.values:
        yield "with " + ", ".join(_latex_value(each) for each in section.values) + "\n"
    yield from (latex_text(remark) + "\n" for remark in section.remarks)
    for check in section.checks:
        yield f"\\par\\textsl{{{LATEX_MARKS[check.passed]}: {latex_text(check.text)}}}\n"


def _latex_aligned(equation: Equation) -> str:
    target, sign, steps = LATEX.line(equation)
    return f"{target} &{sign} " + f" \\\\\n&{sign} ".join(steps)


def _latex_value(each: Value) -> str:
    symbol = LATEX.write(each.symbol)
    name = "" if each.name in symbol else f" ({latex_text(each.name)})"
    return f"${symbol} = {LATEX.number(each.value)}${name}"


def _latex_shape(shape: tuple[int | str, ...]) -> str:
    sizes = r" \times ".join(map(str, shape))
    return f"${sizes}$" if shape else ""


def _latex_markdown(derivation: Derivation, level: int) -> Iterator[str]:
    yield from (
        f"`{fact}`\n" if fact.startswith("handgrad ") else f"{markdown_line(fact)}\n" for fact in derivation.facts
    )
    yield from (f"- {each.replace('[', chr(92) + '[')}" for each in derivation.conventions)
    yield f"\n{'#' * level} Symbols\n\n| symbol | shape | meaning | in files |\n|---|---|---|---|"
    for each in derivation.meanings:
        name = f"`{each.name}`" if each.name else ""
        yield f"| ${LATEX.write(each.symbol)}$ | {_latex_shape(each.shape)} | {each.meaning} | {name} |"
    for chapter in derivation.chapters:
        yield f"\n{'#' * level} {chapter.title}\n\n{chapter.introduction}"
        for section in chapter.sections:
            yield f"\n{'#' * (level + 1)} {section.title}\n" if section.title else ""
            yield from markdown_section(section)


def markdown_section(section: Section) -> Iterator[str]:
    """The equations of a section, the numbers that they use, remarks and checks, in Markdown."""
    for equation in section.equations:
        yield f"$$\n\\begin{{aligned}}\n{_latex_aligned(equation)}\n\\end{{aligned}}\n$$\n"
        if equation.reason:
            yield f"({equation.reason})\n"
    if section.values:
        yield "with " + ", ".join(_latex_value(each).replace("\\_", "_") for each in section.values) + "\n"
    yield from (f"{remark}\n" for remark in section.remarks)
    yield from (f"- {LATEX_MARKS[check.passed]}: {check.text}" for check in section.checks)
