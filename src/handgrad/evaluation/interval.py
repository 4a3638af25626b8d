"""How sure a number is."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from scipy.stats import t


class Interval(NamedTuple):
    """A mean with its 95 % confidence interval; the ends are NaN for a single value."""

    mean: float
    low: float
    high: float
    size: int


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Student's t interval for the mean of independent `values`, such as one accuracy a seed.

    Math    mean +- t_(n-1) s / sqrt(n), s with n - 1 in the denominator
    """
    mean, count = fmean(values), len(values)
    if count < 2:
        return Interval(mean, math.nan, math.nan, count)
    half = float(t.ppf(0.5 + confidence / 2, count - 1)) * stdev(values) / math.sqrt(count)
    return Interval(mean, mean - half, mean + half, count)
