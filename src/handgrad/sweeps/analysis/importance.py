"""How much of the variance of the objective each parameter explains, and how it correlates with the objective."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from handgrad.evaluation import Interval, student
from handgrad.sweeps.analysis.model import Factor, is_number
from handgrad.sweeps.analysis.result import Correlation, Importance, Range
from handgrad.sweeps.definition import SweepDefinition

Array = NDArray[Any]
FEWEST_IMPORTANCES = 16  # configurations; half of them must still tell something
TREES, TREES_OF_HALVES, HALVES = 64, 12, 16
MOST = 400  # configurations that forests are grown on
FEWEST_CORRELATED = 4  # Fisher's interval divides by the square root of n - 3


def variance_shares(x: Array, y: Array, trees: int) -> Array:
    """The share of each column of `x`, of a forest that is grown on all of it; the means over its trees.

    Optuna's FanovaImportanceEvaluator gives the same numbers, in a hundred times as long: it walks through the tree for
    each marginal value, where here each leaf is a box, whose share of the space is a product of lengths.

    Shapes  x (n, k) in [0, 1]; y (n,) -> (k,)
    Math    V_j = Var over x_j of the mean over all other coordinates of a tree's prediction;  share = V_j / Var
    Ref     Hutter, Hoos & Leyton-Brown (2014), ICML, algorithm 2
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(n_estimators=trees, random_state=0).fit(x, y)
    shares = [share for each in forest.estimators_ if (share := _shares(each.tree_)) is not None]
    return np.mean(shares, axis=0) if shares else np.zeros(x.shape[1])


def _shares(tree: Any) -> Array | None:
    """Of one tree; None where it is a single leaf, or all of its leaves say the same."""
    low, high, values = _leaves(tree)
    lengths = high - low
    volumes = lengths.prod(axis=1)
    total = _variance(values, volumes)
    if total <= 0:
        return None
    shares = []
    for j in range(low.shape[1]):  # the variance along one coordinate, from each leaf's volume in all others
        edges = np.unique(np.concatenate([low[:, j], high[:, j]]))
        middles = (edges[1:] + edges[:-1])[:, None] / 2
        means = ((low[:, j] < middles) & (middles < high[:, j])) @ (values * volumes / lengths[:, j])
        shares.append(_variance(means, np.diff(edges)))
    return np.array(shares) / total


def _leaves(tree: Any) -> tuple[Array, Array, Array]:
    """The boxes that a tree divides the unit cube into, and what it predicts there.

    Shapes  -> (leaves, k), (leaves, k), (leaves,)
    """
    low = np.zeros((tree.node_count, tree.n_features))
    high = np.ones_like(low)
    for node in np.flatnonzero(tree.children_left >= 0):  # a parent is numbered before its children
        left, right, feature = tree.children_left[node], tree.children_right[node], tree.feature[node]
        low[[left, right]], high[[left, right]] = low[node], high[node]
        high[left, feature] = low[right, feature] = tree.threshold[node]
    leaves = tree.children_left < 0
    return low[leaves], high[leaves], tree.value[leaves, 0, 0]


def _variance(values: Array, weights: Array) -> float:
    mean = np.average(values, weights=weights)
    return float(np.average((values - mean) ** 2, weights=weights))


def importances(
    found: Sequence[Factor], values: Sequence[dict[str, Any]], objectives: Array, definition: SweepDefinition
) -> tuple[Importance, ...]:
    """The share of each parameter, the largest first; what is missing of 1 is interaction.

    Every parameter lies on the scale on which a random search is uniform, so that the shares are those over the space,
    wherever the search went. The interval comes from the shares in random halves of the configurations: they vary as
    much as those of the whole do between sweeps of its size (delete-half jackknife).

    Shapes  objectives (n,)
    Ref     Hutter, Hoos & Leyton-Brown (2014), ICML: fANOVA; Shao & Wu (1989), Annals of Statistics 17: halves
    """
    if len(objectives) < FEWEST_IMPORTANCES or np.ptp(objectives) == 0 or not found:
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
            shares = np.linspace(0, 1, 1025)
            quantiles = [definition.parameters[factor.name].quantile(p) for p in shares]
            columns.append(np.interp([each[factor.name] for each in values], quantiles, shares))
        else:
            columns.append((factor.codes + 0.5) / len(factor.levels))
    return np.column_stack(columns)


def correlations(
    found: Sequence[Factor], values: Sequence[dict[str, Any]], objectives: Array
) -> tuple[Correlation, ...]:
    """For each parameter that of its ranks, where it is a number, then that of each level; nothing is adjusted for.

    Shapes  objectives (n,)
    """
    if len(objectives) < FEWEST_CORRELATED or np.ptp(objectives) == 0:
        return ()
    result = []
    for factor in found:
        numbers = [each[factor.name] for each in values]
        if all(map(is_number, numbers)):
            ranks = scipy.stats.rankdata(numbers), scipy.stats.rankdata(objectives)
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
    half = float(scipy.special.ndtri(0.975)) * math.sqrt((1 + r**2 / 2 if ranked else 1) / (len(x) - 3))
    return Interval(r, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half), len(x))
