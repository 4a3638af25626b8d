"""Functional analysis of variance of a random forest: what of its variance over the space is each parameter's."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


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
    shares = [_marginal_variance(low[:, j], high[:, j], values * volumes / lengths[:, j]) for j in range(low.shape[1])]
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


def _marginal_variance(low: Array, high: Array, weighted: Array) -> float:
    """The variance along one coordinate; `weighted` is each leaf's value times its volume in all others."""
    edges = np.unique(np.concatenate([low, high]))
    middles = (edges[1:] + edges[:-1])[:, None] / 2
    means = ((low < middles) & (middles < high)) @ weighted
    return _variance(means, np.diff(edges))


def _variance(values: Array, weights: Array) -> float:
    mean = np.average(values, weights=weights)
    return float(np.average((values - mean) ** 2, weights=weights))
