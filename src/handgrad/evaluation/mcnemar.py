"""Whether two models that saw the same images differ by more than luck.

By the mid-p test, and an interval made of the same probabilities: it excludes 0 if and only if p < 0.05. The exact
test, which counts the whole of P(B = b), finds less: of equally good pairs it tells fewer than 5 in 100 apart.
"""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from handgrad.evaluation.interval import Interval

Array = NDArray[Any]
ANGLES = 73  # at which the ellipse of an interval is walked along; each right angle is among them


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
