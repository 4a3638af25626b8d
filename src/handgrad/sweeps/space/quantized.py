"""Multiples of a step q."""

from typing import Any


def multiple(x: float, q: float) -> float:
    """round(x / q) q, an int where q is one; free of the noise in the last digits that 3 * 0.1 has."""
    return _times(round(x / q), q)


def multiples(low: float, high: float, q: float) -> list[Any]:
    """Every value of `multiple` for x from `low` to `high`, upwards."""
    return [_times(k, q) for k in range(round(low / q), round(high / q) + 1)]


def steps_between(low: float, high: float, q: float) -> int:
    """How many `multiples` there are."""
    return round(high / q) - round(low / q) + 1


def _times(k: int, q: float) -> float:
    return k * q if isinstance(q, int) else float(f"{k * q:.12g}")
