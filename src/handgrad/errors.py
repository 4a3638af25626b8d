"""Errors, each with the exit code of the command line; the bounds of hyper-parameters; what diagnostics report."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from numbers import Real
from typing import Any, NamedTuple

ERROR, WARNING, NOTE = "error", "warning", "note"
# Flags in a message, each in brackets behind what it is about, or as a word; those of a whole command stay.
FLAGS = re.compile(r"(?P<command>\bhandgrad [a-z]+ .*|`[^`]*`)| \(--[^)]*\)|(?<!\S)--(?=[a-z])")

LINES = re.compile(r"\s*\n\s*")  # of a value that a message shows


class HandgradError(Exception):
    """A mistake or a mishap that the message explains in one line; shown without a traceback."""

    exit_code = 2
    names_flags = False  # set by the command line; who calls from Python has no flags
    opening = "error: "  # of its line; nothing where no mistake was made, as when somebody stopped a training
    at_once = False  # the process is to end without tidying up: a library's thread, which nothing stops, is at work

    @property
    def text(self) -> str:
        """The message in one line, with the flags of settings: sent to the process that may be the command line's."""
        return LINES.sub(" ", super().__str__())

    def __str__(self) -> str:
        """The message; without the flags where the command line is not in use."""
        return self.text if self.names_flags else FLAGS.sub(lambda match: match["command"] or "", self.text)


class UsageError(HandgradError):
    """A flag, a setting, a configuration or an argument that makes no sense."""


class DivergedError(HandgradError):
    """Training produced a number that is not finite."""

    exit_code = 3


class FileSystemError(HandgradError):
    """A file or a folder that cannot be found, read or written, or a download that failed."""

    exit_code = 4


class CorruptDataError(HandgradError):
    """A file whose content is not what it should be: data, a checkpoint, a model."""

    exit_code = 5


class IncompleteSweepError(HandgradError):
    """A sweep ended without some of its trials."""

    exit_code = 6


@contextmanager
def collecting(faults: list[HandgradError]) -> Iterator[None]:
    """Put an error of the block into `faults` in place of raising it: there may be more to report."""
    try:
        yield
    except HandgradError as fault:
        faults.append(fault)


def raise_together(faults: Sequence[HandgradError], most: int = 10) -> None:
    """Raise all that is wrong as one error of the first one's class, in one line; nothing when nothing is wrong."""
    if faults:
        more = [f"and {len(faults) - most} more"] if len(faults) > most else []
        raise type(faults[0])("; ".join([*map(str, faults[:most]), *more]))


def bounded(default: Any, interval: str) -> Any:
    """A dataclass field whose value must lie in `interval`, such as "(0, inf)" or "[0, 1)"; see `Bounded`."""
    return dataclasses.field(default=default, metadata={"interval": interval})


@lru_cache(maxsize=1024)
def within(value: float, interval: str) -> bool:
    """Whether `value` lies in `interval`; round brackets exclude the end, square ones include it; NaN lies in none."""
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = value >= low if interval[0] == "[" else value > low
    below = value <= high if interval[-1] == "]" else value < high
    return above and below


def in_words(interval: str) -> str:
    """How an error names `interval`: "positive", "not negative", "a finite number", or the interval itself."""
    named = {"(0, inf)": "positive", "[0, inf)": "zero or positive", "(-inf, inf)": "a finite number"}
    return named.get(interval, f"in {interval}")


class Bounded:
    """A dataclass that checks each of its `bounded` fields when it is made.

    Raises  UsageError naming the field, its value, its interval and its flag.
    """

    def __post_init__(self) -> None:
        fields: Any = self
        for field in dataclasses.fields(fields):
            interval, value = field.metadata.get("interval"), getattr(self, field.name)
            if interval is None:
                continue
            number = isinstance(value, Real) and not isinstance(value, bool)
            if not number or not within(float(value), interval):
                written = repr(value) if isinstance(value, str) else value
                raise UsageError(f"{field.name} must be {in_words(interval)}, got {written!s:.60} (--{field.name})")
            if field.type is int and value != int(value):
                raise UsageError(f"{field.name} must be a whole number, got {value} (--{field.name})")


class Diagnostic(NamedTuple):
    """One line to the user: `what` was found and the `fix`.

    `severity` is "error" (what runs would answer another question than was asked), "warning" or "note".
    """

    severity: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.what}. {self.fix}" if self.fix else self.what
