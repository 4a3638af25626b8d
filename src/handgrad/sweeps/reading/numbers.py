"""Numbers that YAML 1.1, and so W&B, reads as text: 1e-3 without a point, 1.0e3 without a sign."""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from handgrad.config.lookup import shown
from handgrad.diagnostics import NOTE, Diagnostic
from handgrad.errors import UsageError
from handgrad.files import read_file

SCIENTIFIC = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


def bound(value: Any, where: str, notices: list[Diagnostic]) -> float:
    """A finite number; text only where YAML 1.1 makes text of a plain number.

    Raises  UsageError for any other text, a truth value, NaN and infinity.
    """
    if isinstance(value, str):
        if not SCIENTIFIC.fullmatch(value.strip()):
            raise UsageError(f"{where} must be a number, got the text {shown(value)}: write it without quotes")
        notices.append(taken_as_number(where, value))
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{where} must be a number, got {shown(value)}")
    if not math.isfinite(value):
        raise UsageError(f"{where} must be a finite number, got {value}")
    return value


def taken_as_number(where: str, text: str) -> Diagnostic:
    """The notice of a text that was taken as the number it looks like."""
    return Diagnostic(
        NOTE, f"{where}: the text {text!r} is taken as the number {float(text):g}", f"Write {plain(text)}"
    )


def plain(text: str) -> str:
    """The number of a text as every YAML reads it."""
    written = repr(float(text))
    mantissa, e, exponent = written.partition("e")
    return f"{mantissa}{'' if '.' in mantissa else '.0'}{e}{exponent}" if e else written


def read_otherwise(path: Path, content: Any) -> Iterator[Diagnostic]:
    """A notice for every number of a file's `content` that is a text to a reader of YAML 1.1."""
    try:
        old = yaml.load(read_file(path).decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError):
        return  # what one of them cannot read is no matter of numbers
    yield from _differences(content, old, "")


def _differences(ours: Any, theirs: Any, where: str) -> Iterator[Diagnostic]:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in ours:
            if key in theirs:
                yield from _differences(ours[key], theirs[key], f"{where}.{key}" if where else str(key))
    elif isinstance(ours, list) and isinstance(theirs, list):
        for mine, other in zip(ours, theirs, strict=False):
            yield from _differences(mine, other, where)
    elif isinstance(ours, float) and isinstance(theirs, str):
        what = f"{where}: {theirs} is text in YAML 1.1, as W&B reads it; it is taken as the number {ours:g}"
        yield Diagnostic(NOTE, what, f"Write {plain(theirs)}")
