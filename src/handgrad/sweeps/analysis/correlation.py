"""Correlation of parameters and of their values with the objective."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from handgrad.evaluation import Interval
from handgrad.sweeps.analysis.factors import Factor, is_number
from handgrad.sweeps.analysis.result import Correlation

Array = NDArray[Any]
FEWEST = 4  # Fisher's interval divides by the square root of n - 3


def correlations(
    found: Sequence[Factor], values: Sequence[dict[str, Any]], objectives: Array
) -> tuple[Correlation, ...]:
    """For each parameter that of its ranks, where it is a number, then that of each level; nothing is adjusted for.

    Shapes  objectives (n,)
    """
    if len(objectives) < FEWEST or np.ptp(objectives) == 0:
        return ()
    result = []
    for factor in found:
        numbers = [each[factor.name] for each in values]
        if all(map(is_number, numbers)):
            ranks = rankdata(numbers), rankdata(objectives)
            result.append(Correlation(factor.name, None, pearson(*ranks, ranked=True), len(numbers)))
        for level, value in enumerate(factor.levels):
            indicator = (factor.codes == level).astype(float)
            result.append(Correlation(factor.name, value, pearson(indicator, objectives), len(numbers)))
    return tuple(result)


def pearson(x: Array, y: Array, ranked: bool = False) -> Interval:
    """The correlation of two rows of numbers with its 95 % interval; of ranks that is Spearman's.

    Math    tanh(artanh(r) +- 1.96 s), s = 1 / sqrt(n - 3), of ranks sqrt((1 + r^2 / 2) / (n - 3))
    Ref     Fisher (1921), Metron 1; Bonett & Wright (2000), Psychometrika 65, for ranks
    """
    x, y = x - x.mean(), y - y.mean()
    r = float(np.clip(x @ y / math.sqrt(float(x @ x) * float(y @ y)), -1, 1))
    if abs(r) == 1:
        return Interval(r, r, r, len(x))
    half = float(ndtri(0.975)) * math.sqrt((1 + r**2 / 2 if ranked else 1) / (len(x) - 3))
    return Interval(r, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half), len(x))
