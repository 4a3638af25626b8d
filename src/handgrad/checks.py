"""Checks of hyper-parameters: declared beside the field they guard, refused by name in one line."""

import dataclasses
from numbers import Real
from typing import Any

from handgrad.errors import UsageError


def bounded(default: Any, interval: str) -> Any:
    """A dataclass field whose value must lie in `interval`, such as "(0, inf)" or "[0, 1)"; see `check_bounds`."""
    return dataclasses.field(default=default, metadata={"interval": interval})


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


def check_bounds(instance: Any) -> None:
    """Check every `bounded` field of a dataclass.

    Raises  UsageError naming the field, its value, its interval and its flag.
    """
    for field in dataclasses.fields(instance):
        interval, value = field.metadata.get("interval"), getattr(instance, field.name)
        if interval is None:
            continue
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not within(float(value), interval):
            raise UsageError(f"{field.name} must be {in_words(interval)}, got {value} (--{field.name})")
        if field.type is int and value != int(value):
            raise UsageError(f"{field.name} must be a whole number, got {value} (--{field.name})")
