"""How sure a number is."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import NamedTuple

import scipy

NORMAL = 1.959963984540054  # 97.5 % of a normal distribution lie below, as scipy.special.ndtri has it


class Interval(NamedTuple):
    """A mean of `size` values with its 95 % confidence interval; the ends are NaN where they cannot be known."""

    mean: float
    low: float
    high: float
    size: int

    def within(self, low: float, high: float) -> "Interval":
        """The interval without what lies beyond the values that there can be, such as shares below 0 or above 1."""
        return self._replace(low=max(self.low, low), high=min(self.high, high))

    def to_mapping(self) -> dict[str, float | None]:
        """The mean and the ends, None for NaN, which JSON does not know."""
        return {name: None if math.isnan(value) else value for name, value in self._asdict().items() if name != "size"}


def student(freedom: float, confidence: float = 0.95) -> float:
    """How many standard errors an interval reaches to either side: Student's quantile."""
    return float(scipy.special.stdtrit(freedom, 0.5 + confidence / 2))


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Student's t interval for the mean of independent `values`, such as one loss a seed; of shares, see `mean_share`.

    Math    mean +- t_(n-1) s / sqrt(n), s with n - 1 in the denominator
    """
    mean, count = fmean(values), len(values)
    if count < 2:
        return Interval(mean, math.nan, math.nan, count)
    half = student(count - 1, confidence) * stdev(values) / math.sqrt(count)
    return Interval(mean, mean - half, mean + half, count)


def mean_share(values: Sequence[float]) -> Interval:
    """`mean_interval` of accuracies or other shares, which ends where shares do: at 0 and at 1."""
    return mean_interval(values).within(0, 1)


def wilson(right: int, total: int) -> Interval:
    """The 95 % interval of a share, such as an accuracy; it stays within [0, 1] and has a length even at its ends.

    Of nothing, the share is NaN, and may be anything.

    Math    (p + z^2/2n +- z sqrt(p (1 - p) / n + z^2/4n^2)) / (1 + z^2/n), z = 1.96
    Ref     Wilson (1927), Journal of the American Statistical Association 22
    """
    if not total:
        return Interval(math.nan, 0.0, 1.0, 0)
    share, z = right / total, NORMAL
    centre, scale = share + z**2 / (2 * total), 1 + z**2 / total
    half = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    low = (centre - half) / scale if right else 0.0
    high = (centre + half) / scale if right < total else 1.0
    return Interval(share, low, high, total)
