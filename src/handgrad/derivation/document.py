"""A derivation as plain data, ready to be written in any notation."""

from math import isnan
from typing import NamedTuple

from handgrad.equations import Equation, Symbol

ENGINE_BOUND, NUMERIC_BOUND = 1e-11, 1e-7  # what equations may differ from the engine, and it from finite differences


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
    shown = "not possible" if isnan(error) else "exact" if error == 0 else f"{error:.0e}"
    return Verdict(f"{what}: {shown}{more}", None if isnan(error) else error <= bound)


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
