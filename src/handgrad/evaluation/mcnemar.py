"""Whether two models that saw the same images differ by more than luck."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, ndtri

from handgrad.evaluation.interval import Interval

Array = NDArray[Any]


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
    """The exact test: where the two disagree, each is right with probability 1/2 if they are equally good.

    Shapes  first, second (N,) bool: which images each has right, in one order
    Math    p = P(|B - n/2| >= |b - n/2|), B ~ Binomial(n = b + c, 1/2)
    Ref     McNemar (1947), Psychometrika 12
    """
    b, c = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    p = min(1.0, 2 * float(bdtr(min(b, c), b + c, 0.5))) if b + c else 1.0
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
    """Math    d +- 1.96 sqrt((p1 + p2 - d^2) / (N + 2)), p1 = (b + 1) / (N + 2), p2 = (c + 1) / (N + 2), d = p1 - p2
    Ref     Bonett & Price (2012), Statistical Methods in Medical Research 21
    """
    if not images:
        return Interval(math.nan, math.nan, math.nan, 0)
    p1, p2 = (b + 1) / (images + 2), (c + 1) / (images + 2)
    half = float(ndtri(0.975)) * math.sqrt((p1 + p2 - (p1 - p2) ** 2) / (images + 2))
    return Interval((b - c) / images, max(-1.0, p1 - p2 - half), min(1.0, p1 - p2 + half), images)
