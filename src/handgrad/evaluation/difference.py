"""By how much two results differ, and how sure that is: shares of images, means over seeds, and runs in pairs."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any, NamedTuple

import scipy
from numpy.typing import NDArray

from handgrad.evaluation.interval import mcnemar, student, wilson

LEVEL = 0.05
FEWEST_EXPECTED = 5  # images in a cell of the two-by-two table, below which the normal approximation is not trusted
MOST_SEEDS = 1000
FISHER, MCNEMAR, IDENTICAL = "Fisher's exact test", "McNemar's test", "identical"


class Estimate(NamedTuple):
    """`value` and the `variance` of its error, NaN where nothing tells it; `freedom` is infinite where it is known.

    A share of `images` keeps their number and `right`, how many of them; `scale` is 100 for per cent, 1 for shares.
    """

    value: float
    variance: float
    freedom: float = math.inf
    right: int | None = None
    images: int | None = None
    scale: float = 1.0
    seeds: int = 1

    @property
    def half_width(self) -> float:
        """Half the length of the 95 % interval; NaN for runs that all ended alike: the next one may not."""
        if not self.variance and math.isfinite(self.freedom):
            return math.nan
        return student(self.freedom) * math.sqrt(self.variance)


class Difference(NamedTuple):
    """first - second with its 95 % interval, and the two-sided `p` of its being `by`, found by `test`.

    `how` says what was compared, such as "paired over 3 seeds"; `seeds` is how many each side has.
    """

    value: float
    low: float
    high: float
    by: float
    test: str
    statistic: float
    p: float
    how: str = ""
    seeds: int = 1

    @property
    def sign(self) -> int:
        """1: above `by`; -1: below it; 0: neither."""
        return (1 if self.value > self.by else -1) if self.p < LEVEL else 0

    @property
    def equal(self) -> bool:
        """Whether there is no difference at all, in any pair."""
        return self.test == IDENTICAL and not self.by

    def seeds_needed(self) -> int | None:
        """Roughly how many seeds would decide a difference of this size, by the spread of these; None: unknown.

        Math    the least n with t_(n-1) s / sqrt(n) < |value - by|, s = standard error * sqrt(seeds)
        """
        if self.test != "t" or not self.statistic or math.isnan(self.p):
            return None
        spread = math.sqrt(self.seeds) / abs(self.statistic)
        counts = range(self.seeds + 1, MOST_SEEDS + 1)
        return next((n for n in counts if student(n - 1) * spread < math.sqrt(n)), None)


def share(value: float, images: int, scale: float) -> Estimate:
    """An accuracy, or another share of `images` that were each right or wrong, as it was printed."""
    p = value / scale
    return Estimate(value, scale**2 * p * (1 - p) / images, math.inf, round(p * images), images, scale)


def counted(right: int, images: int, scale: float) -> Estimate:
    """The share that counts give."""
    return share(scale * right / images, images, scale)


def spread(mean: float, deviation: float, seeds: int) -> Estimate:
    """The mean of `seeds` runs with the standard deviation among them."""
    return Estimate(mean, deviation**2 / seeds, seeds - 1, seeds=seeds)


def over_seeds(values: Sequence[float], step: float = 0.0) -> Estimate:
    """The mean of one value a seed; of a single one, nothing tells how sure it is.

    Values in multiples of `step` are at least as uncertain as their rounding: a uniform error has variance step^2 / 12.
    """
    if len(values) < 2:
        return bare(values[0])
    return spread(fmean(values), max(stdev(values), step / math.sqrt(12)), len(values))


def bare(value: float) -> Estimate:
    """A number of which nothing says how sure it is."""
    return Estimate(value, math.nan)


def exact(value: float) -> Estimate:
    """A number without an error, such as a count of parameters."""
    return Estimate(value, 0.0)


def minus(a: Estimate, b: Estimate) -> Estimate:
    """The estimate of a - b, for independent errors.

    Ref     degrees of freedom: Satterthwaite (1946), Biometrics Bulletin 2
    """
    variance, below = a.variance + b.variance, a.variance**2 / a.freedom + b.variance**2 / b.freedom
    freedom = variance**2 / below if below else min(a.freedom, b.freedom)
    return Estimate(a.value - b.value, variance, freedom, scale=a.scale, seeds=min(a.seeds, b.seeds))


def paired(first: Sequence[float], second: Sequence[float], by: float = 0.0, step: float = 0.0) -> Difference:
    """The mean difference of runs in pairs against `by`, in Student's t; without an interval if all pairs differ alike.

    Unless the values are multiples of a `step`: then by the rounding of both.

    Math    t = (mean(d) - by) sqrt(n) / s, d = first - second, s with n - 1 in the denominator, n - 1 degrees
    Ref     Student (1908), Biometrika 6
    """
    differences, seeds = [round(a - b, 9) for a, b in zip(first, second, strict=True)], len(first)
    if step or any(differences):
        found = compare(over_seeds(differences, math.sqrt(2) * step), exact(0.0), by)
    else:
        found = _identical(by)
    return found._replace(how=f"paired over {seeds} seeds" if seeds > 1 else "one seed each", seeds=seeds)


def over_images(first: NDArray[Any], second: NDArray[Any], by: float = 0.0, scale: float = 1.0) -> Difference:
    """The difference of two accuracies on the same images; against `by` in z, of the paired differences' variance.

    Shapes  first, second (N,) bool: which images each has right, in one order
    Math    z = (b - c - n by) / sqrt(b + c - (b - c)^2 / n), b and c images that only the first or second has right
    """
    b, c, p, (value, low, high, images) = mcnemar(first, second)
    how = f"McNemar over the same {images:,} images: {b:,} right in the first only, {c:,} in the second only"
    if not b + c:
        return _identical(by)._replace(how=how)
    test, statistic = MCNEMAR, float(b - c)
    if by:
        variance = b + c - (b - c) ** 2 / images
        test, statistic = "z", (b - c - images * by / scale) / math.sqrt(variance) if variance else math.nan
        p = 2 * float(scipy.special.stdtr(math.inf, -abs(statistic)))
    return Difference(scale * value, scale * low, scale * high, by, test, statistic, p, how)


def _identical(by: float) -> Difference:
    return Difference(0.0, 0.0, 0.0, by, IDENTICAL, math.nan, 0.0 if by else 1.0)


def compare(a: Estimate, b: Estimate, by: float = 0.0) -> Difference:
    """a - b against `by`: Fisher's exact test for few images, z for shares of many, Welch's t for means over seeds."""
    if a == b == exact(a.value):
        return _identical(by)
    low, high = interval(a, b)
    test, statistic, p = _fisher(a, b) if _are_few(a, b) and not by else _score(a, b, by)
    return Difference(a.value - b.value, low, high, by, test, statistic, p, seeds=max(a.seeds, b.seeds))


def interval(a: Estimate, b: Estimate) -> tuple[float, float]:
    """The 95 % interval of a - b.

    Ref     shares: Newcombe (1998), Statistics in Medicine 17, method 10; else Welch (1947), Biometrika 34
    """
    found = minus(a, b)
    value, half = found.value, found.half_width
    if not (a.images and b.images):
        return value - half, value + half
    first, second = (wilson(each.right or 0, each.images or 0) for each in (a, b))
    below = math.hypot(a.value - a.scale * first.low, b.scale * second.high - b.value)
    above = math.hypot(a.scale * first.high - a.value, b.value - b.scale * second.low)
    return value - below, value + above


def _score(a: Estimate, b: Estimate, by: float) -> tuple[str, float, float]:
    """Math  (a - b - by) / sqrt(variance), which is that of equal shares where two shares are said to be equal"""
    difference = minus(a, b)
    variance, distance = difference.variance, difference.value - by
    if a.images and b.images and not by:
        p = (a.value * a.images + b.value * b.images) / ((a.images + b.images) * a.scale)
        variance = a.scale**2 * max(p * (1 - p), 0.0) * (1 / a.images + 1 / b.images)
    name = "z" if math.isinf(difference.freedom) else "t"
    if not variance:
        return name, math.nan, math.nan if name == "t" else float(not distance)
    statistic = distance / math.sqrt(variance)
    return name, statistic, 2 * float(scipy.special.stdtr(difference.freedom, -abs(statistic)))


def _fisher(a: Estimate, b: Estimate) -> tuple[str, float, float]:
    """Fisher's exact test: the share of the tables with these sums that are no likelier than this one.

    Math    a table with k right on the left has C(n, k) C(m, r - k) ways, of n and m images and r right
    """
    n, m, right = a.images or 0, b.images or 0, (a.right or 0) + (b.right or 0)
    ways = {k: math.comb(n, k) * math.comb(m, right - k) for k in range(max(0, right - m), min(n, right) + 1)}
    seen = ways[a.right or 0]
    return FISHER, math.nan, sum(each for each in ways.values() if each <= seen) / sum(ways.values())


def _are_few(a: Estimate, b: Estimate) -> bool:
    """Whether a cell of the table would hold too few images if both shares were equal."""
    if not (a.images and b.images):
        return False
    right, images = (a.right or 0) + (b.right or 0), a.images + b.images
    return min(a.images, b.images) * min(right, images - right) / images < FEWEST_EXPECTED
