"""How much of the objective's variance each parameter explains, and how sure that is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation import Interval, student
from handgrad.sweeps.analysis.factors import Factor, is_number
from handgrad.sweeps.analysis.fanova import variance_shares
from handgrad.sweeps.analysis.result import Importance, Range
from handgrad.sweeps.definition import SweepDefinition

Array = NDArray[Any]
FEWEST = 16  # configurations; half of them must still tell something
TREES, TREES_OF_HALVES, HALVES = 64, 12, 16
MOST = 400  # configurations that forests are grown on


def importances(
    found: Sequence[Factor], values: Sequence[dict[str, Any]], objectives: Array, definition: SweepDefinition
) -> tuple[Importance, ...]:
    """The share of each parameter, the largest first; what is missing of 1 is interplay.

    Every parameter lies on the scale on which a random search is uniform, so that the shares are those over the space,
    wherever the search went. The interval comes from the shares in random halves of the configurations: they vary as
    much as those of the whole do between sweeps of its size (delete-half jackknife).

    Shapes  objectives (n,)
    Ref     Hutter, Hoos & Leyton-Brown (2014), ICML: fANOVA; Shao & Wu (1989), Annals of Statistics 17: halves
    """
    if len(objectives) < FEWEST or np.ptp(objectives) == 0 or not found:
        return ()
    x = _columns(found, values, definition)
    generator = np.random.default_rng(0)
    order = np.lexsort((*x.T, objectives))  # the same for every order of the trials
    chosen = generator.permutation(order)[:MOST]
    x, y = x[chosen], objectives[chosen]
    whole, halves = variance_shares(x, y, TREES), []
    for _ in range(HALVES):
        half = generator.permutation(len(y))[: len(y) // 2]
        halves.append(variance_shares(x[half], y[half], TREES_OF_HALVES))
    reach = student(HALVES - 1) * np.std(halves, axis=0, ddof=1)
    shares = [
        Importance(factor.name, Interval(share, max(0.0, share - r), min(1.0, share + r), len(objectives)))
        for factor, share, r in zip(found, whole.tolist(), reach.tolist(), strict=True)
    ]
    return tuple(sorted(shares, key=lambda each: -each.share.mean))


def _columns(found: Sequence[Factor], values: Sequence[dict[str, Any]], definition: SweepDefinition) -> Array:
    """Numbers from 0 to 1: the middles of equal parts for levels, the probability of a smaller value for the others.

    Shapes  -> (n, k)
    """
    columns = []
    for factor in found:
        if isinstance(factor.levels[0], Range) and all(is_number(each[factor.name]) for each in values):
            distribution = definition.parameters[factor.name]
            columns.append(_probabilities(distribution.quantile, [each[factor.name] for each in values]))
        else:
            columns.append((factor.codes + 0.5) / len(factor.levels))
    return np.column_stack(columns)


def _probabilities(quantile: Any, values: Sequence[float]) -> Array:
    grid = np.linspace(0, 1, 1025)
    return np.interp(values, [quantile(p) for p in grid], grid)
