"""What the course of a training looks like, in one number: how soon, how smooth, where it bends."""

import math
from collections.abc import Sequence

import numpy as np


def logged(losses: Sequence[float], every: int) -> list[float]:
    """The points of a loss curve: means over `every` iterations; a last, shorter stretch is left out.

    Shapes  losses (N,) -> (N // every,)
    """
    whole = len(losses) // every * every
    return [float(mean) for mean in np.reshape(losses[:whole], (-1, every)).mean(axis=1)]


def first_at_or_below(points: Sequence[float], level: float) -> int | None:
    """The number of the first point, from 1, that is at or below `level`; None where none is."""
    return next((number for number, point in enumerate(points, 1) if point <= level), None)


def roughness(points: Sequence[float]) -> float:
    """How far a curve is from a straight line, which has 0; NaN for fewer than three points, or without a range.

    Math    mean |y[i+1] - 2 y[i] + y[i-1]| / (max(y) - min(y))
    Ref     second differences: Whittaker (1923), Proceedings of the Edinburgh Mathematical Society 41
    """
    if len(points) < 3 or not np.ptp(points):
        return math.nan
    return float(np.abs(np.diff(points, 2)).mean() / np.ptp(points))


def bend(points: Sequence[float]) -> int | None:
    """The number of the point, from 1, at which the best line with one bend has it; None for fewer than four points.

    Math    the k with the least squared error of a + b x + c max(x - k, 0), x = 1 ... N, over k = 2 ... N - 1
    Ref     Hudson (1966), Journal of the American Statistical Association 61
    """
    x = np.arange(1, len(points) + 1)

    def error(k: int) -> float:
        columns = np.stack([np.ones_like(x), x, np.maximum(x - k, 0)], axis=1).astype(float)
        rest = np.asarray(points) - columns @ np.linalg.lstsq(columns, np.asarray(points), rcond=None)[0]
        return float(rest @ rest)

    return min(range(2, len(points)), key=error) if len(points) > 3 else None
