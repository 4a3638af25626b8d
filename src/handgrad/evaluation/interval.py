"""How sure a number is, and whether two models that saw the same images differ by more than luck."""

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean, stdev
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

NORMAL = 1.959963984540054  # 97.5 % of a normal distribution lie below, as scipy.special.ndtri has it
Array = NDArray[Any]
ANGLES = 73  # at which the ellipse of an interval is walked along; each right angle is among them


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


class McNemar(NamedTuple):
    """Images that only the first (`b`) or only the second model (`c`) has right, and the two-sided p-value.

    `difference` is the first accuracy less the second, with its 95 % interval.
    """

    b: int
    c: int
    p: float
    difference: Interval

    def to_mapping(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return {"b": self.b, "c": self.c, "p": self.p, "difference": self.difference.to_mapping()}


def mcnemar(first: Array, second: Array) -> McNemar:
    """The mid-p test: where the two disagree, each is right with probability 1/2 if they are equally good.

    Shapes  first, second (N,) bool: which images each has right, in one order
    Math    p = 2 P(B < m) + P(B = m), m = min(b, c), B ~ Binomial(b + c, 1/2)
    Ref     McNemar (1947), Psychometrika 12; Fagerland, Lydersen & Laake (2013), BMC Medical Research Methodology 13
    """
    b, c = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    m = min(b, c)
    p = float(scipy.special.bdtr(m, b + c, 0.5) + (scipy.special.bdtr(m - 1, b + c, 0.5) if m else 0.0))
    return McNemar(b, c, p, _difference(b, c, len(first)))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several tests adjusted so that the chance of any false alarm among them stays bounded.

    Math    sorted: max over j <= i of min(1, (m - j) p_j), j from 0
    Ref     Holm (1979), Scandinavian Journal of Statistics 6
    """
    adjusted, highest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(np.argsort(p_values, kind="stable")):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = highest
    return adjusted


class PairTest(NamedTuple):
    """The test between two of several models, by their places; `adjusted` is its p-value after Holm's correction."""

    first: int
    second: int
    test: McNemar
    adjusted: float


def pairwise(rights: Sequence[Array]) -> list[PairTest]:
    """McNemar's test between any two of several models.  Shapes  rights: (N,) bool each"""
    pairs = list(combinations(range(len(rights)), 2))
    tests = [mcnemar(rights[first], rights[second]) for first, second in pairs]
    adjusted = holm([test.p for test in tests])
    return [PairTest(*pair, test, p) for pair, test, p in zip(pairs, tests, adjusted, strict=True)]


def _difference(b: int, c: int, images: int) -> Interval:
    """That of the share `q` of images on which the two disagree, times what the first is right of these less the rest.

    Both shares have mid-p limits for every level of confidence. The interval is the range of the product over an
    ellipse of them, as wide as each share's own 95 % limits along its axes: so it excludes 0 when those of the second
    share exclude 1/2, which is when the test finds a difference.

    Math    {q(z1) (2 s(z2) - 1): z1^2 + z2^2 <= 1.96^2}, where a share x(z) of k in n has
            P(B > k) + P(B = k) / 2 = Phi(z), B ~ Binomial(n, x)
    Ref     Zou & Donner (2008), Statistics in Medicine 27: limits of several parameters put together
    """
    if not images:
        return Interval(math.nan, math.nan, math.nan, 0)
    angle, reach = np.linspace(0, 2 * math.pi, ANGLES), float(scipy.special.ndtri(0.975))
    differing = _shares(b + c, images, reach * np.sin(angle))
    first = _shares(b, b + c, reach * np.cos(angle)) if b + c else np.array([[0.0], [1.0]])  # either way
    products = differing * (2 * first - 1)
    return Interval((b - c) / images, float(products.min()), float(products.max()), images)


def _above(count: int, size: int, share: Array) -> Array:
    """P(B > count) + P(B = count) / 2, B ~ Binomial(size, share)."""
    below = scipy.special.bdtr(count - 1, size, share) if count else 0.0
    return np.asarray(1 - (scipy.special.bdtr(count, size, share) + below) / 2)


def _shares(count: int, size: int, z: Array) -> Array:
    """Those of which it is Phi(z) probable to see more than `count` of `size`, by bisection."""
    low, high = np.zeros(len(z)), np.ones(len(z))
    for _ in range(52):  # bits of a float64
        middle = (low + high) / 2
        less = _above(count, size, middle) < scipy.special.ndtr(z)
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    return np.where(high == 1, 1.0, low)
