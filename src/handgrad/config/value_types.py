"""The types of values that settings have: how each may be written, in Python, in YAML or on a command line.

Every type turns what was written into one canonical value, or raises a ValueError in the words that follow the
setting's name in an error ("must be positive, got -1").
"""

import math
import os
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from pydantic_core import core_schema

from handgrad import strict_yaml
from handgrad.config.lookup import quoted, value_aliases, value_name
from handgrad.data import read_fold
from handgrad.errors import UsageError, in_words, within

BRACKETS = "[({"
HYPHENATED = re.compile(r"\d+(?:[-x:;]\d+)+")  # 784-128-10
UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}  # control characters, bytes that were no text, line ends
NONE_WORDS = {"none", "null", "~", ""}
BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


@dataclass(frozen=True)
class ValueType:
    """What a subclass's `read` accepts; with `several`, a flag takes more than one word."""

    several = False
    metavar = "TEXT"
    optional: bool = field(default=False, kw_only=True)

    def __call__(self, value: Any) -> Any:
        """The canonical value; None where the setting is optional and was left empty."""
        if self.optional and is_none(value):
            return None
        return self.read(value)

    def read(self, value: Any) -> Any:
        """The canonical value."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        """Pydantic takes the value type as the whole validation of its field."""
        return core_schema.no_info_plain_validator_function(self)


class AnyValue(ValueType):
    """Whatever a file holds, lists as lists: somebody's program decides what it means."""

    def read(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: self.read(item) for name, item in value.items()}
        return [self.read(item) for item in value] if isinstance(value, list | tuple) else value


def yes_or_no(value: Any) -> bool | None:
    """A word such as true or off, or a flag without any, as a bool; None for a number or another word."""
    text = (as_text(value) or "").lower()
    return value if isinstance(value, bool) else BOOLEANS.get(text) if number(text) is None else None


def is_none(value: Any) -> bool:
    """Whether it is nothing, or a word for it."""
    text = as_text(value)
    return value is None or (text is not None and text.lower() in NONE_WORDS)


def number(value: Any) -> float | None:
    """The float of a number, or of a text that is one, else None."""
    if isinstance(value, bool) or not isinstance(value, Real | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True)
class Number(ValueType):
    """A real number in an interval such as "(0, inf)"."""

    metavar = "X"
    interval: str = "(-inf, inf)"

    def read(self, value: Any) -> float:
        """A float in the interval; NaN is in none."""
        real = number(value)
        if real is None:
            raise ValueError(f"must be a number, got {quoted(value)}")
        if not math.isfinite(real):
            raise ValueError(f"must be a finite number, got {real}")
        if not within(real, self.interval):
            raise ValueError(f"must be {in_words(self.interval)}, got {real}")
        return real


@dataclass(frozen=True)
class Whole(ValueType):
    """A whole number from `low` to `high`; 1e3 and 10.0 are whole."""

    metavar = "N"
    low: int = 0
    high: int = 10**9

    def read(self, value: Any) -> int:
        """An int in the range."""
        whole = _whole(value)
        if whole is None:
            raise ValueError(f"must be a whole number, got {quoted(value)}")
        if not self.low <= whole <= self.high:
            raise ValueError(f"must be {self.low} to {self.high}, got {whole if abs(whole) < 1e20 else f'{whole:.3g}'}")
        return whole


@dataclass(frozen=True)
class Threads(Whole):
    """A number of threads; "auto" is 0, which stands for as many as pay."""

    high: int = 1024

    def read(self, value: Any) -> int:
        """An int in the range."""
        if (as_text(value) or "").lower() == "auto":
            return 0
        try:
            return super().read(value)
        except ValueError as error:
            raise ValueError(f"{error}; or write auto") from error


def _whole(value: Any) -> int | None:
    if isinstance(value, str):
        with suppress(ValueError):
            return int(value)
    real = number(value)
    if real is None or not real.is_integer():
        return None
    return value if type(value) is int else int(real)


@dataclass(frozen=True)
class Switch(ValueType):
    """True or false."""

    metavar = ""

    def read(self, value: Any) -> bool:
        """A bool."""
        read = BOOLEANS.get(value.strip().lower()) if isinstance(value, str) else None
        if isinstance(value, Real) and value in (0, 1):
            read = bool(value)
        if read is None:
            raise ValueError(f"must be true or false, got {quoted(value)}")
        return read


@dataclass(frozen=True)
class Text(ValueType):
    """A text that is not empty; `canonical` maps its aliases to one text."""

    canonical: Callable[[str], str] = str

    def read(self, value: Any) -> str:
        """A str; a whole number is taken as its digits, a path as its text."""
        if type(value) is int or isinstance(value, os.PathLike):
            value = str(value)
        if not isinstance(value, str) or not value.strip() or UNPRINTABLE & set(map(unicodedata.category, value)):
            raise ValueError(f"must be a text, got {quoted(value)}")
        return self.canonical(value)


@dataclass(frozen=True)
class Name(ValueType):
    """A name out of `names`, a registry that is looked at anew each time."""

    metavar = "NAME"
    field: str = ""
    names: Collection[str] = ()

    def read(self, value: Any) -> Any:
        """The registry's own name; True and 32 are the words true and 32."""
        word = str(value).strip()
        if not isinstance(value, str) and word.lower() not in value_aliases(self.field, self.names):
            raise ValueError(f"must be one of {', '.join(self.names)}, got {quoted(value)}")
        return value_name(self.field, word, self.names)


def as_text(value: Any) -> str | None:
    """The text of a value that was written as text: one word, or the words that followed a flag."""
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
        value = " ".join(value)
    return value.strip() if isinstance(value, str) else None


def items(value: Any) -> list[Any]:
    """The items of a list however it is written: [1, 2], (1, 2), "1 2", "1,2", ["1", "2"], "[1, 2]", ["[1,", "2]"].

    Raises  ValueError for an empty text, and for one that opens a bracket and is no list.
    """
    text = as_text(value)
    if text is None:
        return list(value) if isinstance(value, list | tuple) else [value]
    if not text:
        raise ValueError("must not be empty")
    if HYPHENATED.fullmatch(text):
        return re.findall(r"\d+", text)
    if text[0] not in BRACKETS:
        return text.replace(",", " ").split()
    try:
        content = strict_yaml.load(f"[{text[1:-1]}]" if text[0] == "(" and text[-1] == ")" else text)
    except UsageError as error:
        raise ValueError(f"must be a list such as [128, 64], got {quoted(text)}") from error
    return content if isinstance(content, list) else [content]


@dataclass(frozen=True)
class Names(Name):
    """Any number of names, each once."""

    several = True
    metavar = "NAME ..."

    def read(self, value: Any) -> tuple[str, ...]:
        """The registry's names in the order given."""
        if is_none(value):
            return ()
        return tuple(dict.fromkeys(Name.read(self, item) for item in items(value)))


@dataclass(frozen=True)
class Wholes(ValueType):
    """One whole number, or several: 128, or [128, 64, 32] as (128, 64, 32)."""

    several = True
    metavar = "N ..."
    high: int = 10**6

    def read(self, value: Any) -> int | tuple[int, ...]:
        """An int when a bare one is given, else a tuple."""
        sizes = tuple(Whole(low=1, high=self.high).read(item) for item in items(value))
        text = as_text(value)
        bare = not isinstance(value, list | tuple) if text is None else text[0] not in BRACKETS
        return sizes[0] if bare and len(sizes) == 1 else sizes


@dataclass(frozen=True)
class Size(ValueType):
    """An image's height and width: 14, "14x14", [14, 14]."""

    several = True
    metavar = "N N"

    def read(self, value: Any) -> tuple[int, int]:
        """(height, width); one number is both."""
        each = Whole(low=1, high=4096)
        text = as_text(value)
        sizes = [each.read(item) for item in items(value if text is None else text.lower().replace("x", " "))]
        if len(sizes) not in (1, 2):
            raise ValueError(f"must be a height and a width, got {quoted(value)}")
        return sizes[0], sizes[-1]


@dataclass(frozen=True)
class Options(ValueType):
    """Numbers by name: {"beta3": 0.99}, or beta3=0.99 on a command line."""

    several = True
    metavar = "NAME=X ..."

    def read(self, value: Any) -> dict[str, float]:
        """A dict in the order of the names."""
        if is_none(value):
            return {}
        pairs: dict[str, Any] = {}
        for item in [value] if isinstance(value, Mapping) else items(value):
            if isinstance(item, Mapping):
                pairs |= {str(name): written for name, written in item.items()}
            elif isinstance(item, str) and item.count("=") == 1:
                name, written = item.split("=")
                pairs[name] = written
            else:
                raise ValueError(f"must be numbers by name such as beta3=0.99, got {quoted(item)}")
        for name, written in pairs.items():
            try:
                pairs[name] = Number().read(written)
            except ValueError as error:
                raise ValueError(f"{name} {error}") from error
        return dict(sorted(pairs.items()))


@dataclass(frozen=True)
class FoldName(ValueType):
    """One fold of several, as "2/5", or the folds of the test set, as "test/5"."""

    metavar = "K/N"

    def read(self, value: Any) -> str:
        """The canonical text."""
        if not isinstance(value, str):
            raise ValueError(f"must be such as 2/5, or test/5, got {quoted(value)}")
        held, folds = read_fold(value)
        return f"{held or 'test'}/{folds}"
