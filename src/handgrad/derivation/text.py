"""A derivation for the terminal."""

import textwrap
from collections.abc import Iterator

from handgrad.derivation.document import Chapter, Derivation, Meaning, Section, Value
from handgrad.equations import Equation, Text

WIDTH = 80
TEXT = Text()
MARKS = {True: "✓", False: "✗ WRONG:", None: "–"}


def to_text(derivation: Derivation) -> str:
    """Unicode in at most 80 columns."""
    return "\n".join(_document(derivation)) + "\n"


def _document(derivation: Derivation) -> Iterator[str]:
    yield from _wrapped(derivation.title)
    yield from (line for fact in derivation.facts for line in _wrapped(fact))
    yield ""
    yield from (line for convention in derivation.conventions for line in _wrapped("· " + convention, "  "))
    yield from ["", *_heading("Symbols")]
    yield from _meanings(derivation.meanings)
    for chapter in derivation.chapters:
        yield from _chapter(chapter)


def _meanings(meanings: list[Meaning]) -> Iterator[str]:
    rows = [(TEXT.write(each.symbol), " × ".join(map(str, each.shape)), each) for each in meanings]
    first, second = (max(len(row[column]) for row in rows) + 2 for column in (0, 1))
    for symbol, shape, each in rows:
        words = each.meaning + (f" ({each.name})" if each.name else "")
        yield from _wrapped(f"{symbol:<{first}}{shape:<{second}}{words}", " " * (first + second))


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield from ["", *_heading(chapter.title)]
    yield from _wrapped(chapter.introduction)
    for section in chapter.sections:
        yield from ["", *_wrapped(section.title)]
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    for equation in section.equations:
        yield from _equation(equation)
    if section.values:
        yield from _wrapped("  with " + ", ".join(_value(each) for each in section.values), "    ")
    for remark in section.remarks:
        yield from _wrapped("  " + remark, "  ")
    for check in section.checks:
        yield from _wrapped(f"  {MARKS[check.passed]} {check.text}", "    ")


def _value(each: Value) -> str:
    symbol = TEXT.write(each.symbol)
    return f"{symbol} = {TEXT.number(each.value)}" + (f" ({each.name})" if each.name != symbol else "")


def _equation(equation: Equation) -> Iterator[str]:
    """Each step on a line of its own, the equals signs below one another."""
    target, sign, steps = TEXT.line(equation)
    start = f"    {target} {sign} "
    for place, step in enumerate(steps):
        head = start if not place else " " * (len(start) - 2) + "= "
        head = head if len(head) < WIDTH // 2 else "        = "
        yield from _wrapped(head + step, " " * (len(head) + 2))
    if equation.reason:
        yield from _wrapped("      " + equation.reason, "      ")


def _heading(title: str) -> list[str]:
    return [title, "─" * min(len(title), WIDTH)]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]
