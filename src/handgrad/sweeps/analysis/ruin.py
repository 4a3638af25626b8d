"""Values with which nothing works, whatever else is chosen: beside them all other differences look like none."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from handgrad.sweeps.analysis.additive import FEWEST
from handgrad.sweeps.analysis.factors import Factor

Array = NDArray[Any]
DEVIATIONS = 4.0  # below the others' median: not even one in ten thousand would be by chance
SHARE_OF_SPAN = 0.25  # between the best and the worst of all, below which it is no ruin
CHANCE = 0.01  # that so many configurations all lie so low, for any value of the sweep


def ruinous(factors: Sequence[Factor], gains: Array) -> list[tuple[int, int]]:
    """(factor, level) pairs whose best configuration is far below the others, the worst first.

    Each is found among the configurations that have none of those before it.

    Shapes  gains (n,), more is better
    """
    found: list[tuple[int, int]] = []
    rows, span = np.full(len(gains), True), float(np.ptp(gains)) if len(gains) else 0.0
    while True:
        candidates = [
            (_shortfall(gains[rows & ~mask], gains[rows & mask], span, _levels(factors)), (index, level))
            for index, factor in enumerate(factors)
            for level in range(len(factor.levels))
            for mask in [factor.codes == level]
        ]
        worst, pair = max(candidates, default=(0.0, (0, 0)))
        if worst <= 0:
            return found
        found.append(pair)
        rows &= factors[pair[0]].codes != pair[1]


def _shortfall(others: Array, those: Array, span: float, tests: int) -> float:
    """How far the median of the others is above the best of those; 0 where that is nothing unusual."""
    if len(those) < FEWEST or len(others) < 2 * FEWEST:
        return 0.0
    middle = float(np.median(others))
    deviation = 1.4826 * float(np.median(np.abs(others - middle)))
    gap = middle - float(those.max())
    far = gap > DEVIATIONS * deviation and gap > SHARE_OF_SPAN * span
    return gap if far and _chance(others, those) * tests < CHANCE else 0.0


def _chance(others: Array, those: Array) -> float:
    """That so many, drawn at random from all, are none above the best of those.

    Math    C(m, k) / C(n, k), k of n configurations, m of the n not above the best of the k
    """
    k, n = len(those), len(those) + len(others)
    m = k + int(np.sum(others <= those.max()))
    return float(np.exp(gammaln(m + 1) - gammaln(m - k + 1) - gammaln(n + 1) + gammaln(n - k + 1)))


def _levels(factors: Sequence[Factor]) -> int:
    return sum(len(factor.levels) for factor in factors)
