"""Stratified splits of rows, pure functions of (labels, seed): every class keeps its share in every part.

Each row draws one number from a counter-based generator whose stream never changes between versions of NumPy; the
rows of a class are dealt out in the order of their numbers.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from handgrad.data.dataset import Dataset, Inputs, Labels
from handgrad.errors import UsageError

Rows = NDArray[np.int64]

# One stream per purpose, so that a hold-out is not told by the subset that was taken before it.
HOLDOUT, FOLDS, FRACTION = 1, 2, 3


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of one array of images for training and for validation; a training step gathers by row, nothing is copied.

    Shapes  x (N, H, W) uint8 or (N, D) float32; y (N,); train_rows, validation_rows (n,) int64, sorted and disjoint
    """

    x: Inputs = field(repr=False)
    y: Labels = field(repr=False)
    train_rows: Rows
    validation_rows: Rows

    @property
    def y_train(self) -> Labels:
        """Labels of the training rows."""
        return self.y[self.train_rows]

    @property
    def y_validation(self) -> Labels:
        """Labels of the validation rows."""
        return self.y[self.validation_rows]


@lru_cache(maxsize=2)  # one run after the other has the same
def split(dataset: Dataset, validation: float, seed: int, fraction: float = 1.0) -> Split:
    """Take `fraction` of the training part and hold `validation` of that out; the test part is not touched."""
    taken = take_fraction(dataset.y_train, fraction, seed)
    train, held = holdout(dataset.y_train[taken], validation, seed)
    rows = taken[train], taken[held]
    for part in rows:
        part.flags.writeable = False
    return Split(dataset.x_train, dataset.y_train, *rows)


def holdout(labels: Labels, fraction: float, seed: int) -> tuple[Rows, Rows]:
    """Rows to train on and rows held out, both sorted; a class never loses its last member to the held-out part.

    Raises  UsageError when `fraction` is not in [0, 1), or every class has a single member and one is asked for.
    """
    if not 0 <= fraction < 1:
        raise UsageError(f"validation fraction must be at least 0 and below 1, got {fraction}. Use 0.1 for a tenth")
    wanted = 0 if fraction == 0 else max(1, round(fraction * len(labels)))
    ranks, shares = _rank(labels, HOLDOUT, seed)
    spare = np.flatnonzero(ranks < np.bincount(labels)[labels] - 1)
    if wanted and len(spare) == 0:
        raise UsageError("cannot hold out a part: no class has two members. Add images, or hold out none")
    held = np.zeros(len(labels), bool)
    held[spare[np.lexsort((labels[spare], shares[spare]))[:wanted]]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def kfold(labels: Labels, folds: int, seed: int) -> list[tuple[Rows, Rows]]:
    """One (rows to train on, rows held out) per fold; fold sizes differ by at most one, overall and within a class.

    Raises  UsageError when `folds` is below 2 or above the members of the largest class.
    """
    largest = int(np.bincount(labels).max(initial=0))
    if not 2 <= folds <= largest:
        raise UsageError(f"folds must be 2 to {largest}, the members of the largest class, got {folds}")
    fold = np.empty(len(labels), np.int64)
    fold[_shuffled_by_class(labels, FOLDS, seed)] = np.arange(len(labels)) % folds
    return [(np.flatnonzero(fold != held), np.flatnonzero(fold == held)) for held in range(folds)]


def take_fraction(labels: Labels, fraction: float, seed: int) -> Rows:
    """Sorted rows of a subset that keeps every class; with one seed, a smaller fraction lies within a larger one.

    Raises  UsageError when `fraction` is not in (0, 1].
    """
    if not 0 < fraction <= 1:
        raise UsageError(f"fraction of the data must be above 0 and at most 1, got {fraction}. Use 1 for all of it")
    ranks, shares = _rank(labels, FRACTION, seed)
    order = np.lexsort((labels, shares, ranks > 0))
    return np.sort(order[: max(np.count_nonzero(ranks == 0), round(fraction * len(labels)))])


def _shuffled_by_class(labels: Labels, purpose: int, seed: int) -> Rows:
    if not 0 <= seed < 2**64:
        raise UsageError(f"seed must be 0 to {2**64 - 1}, got {seed}")
    draws = np.random.Philox(key=np.array([seed, purpose], np.uint64)).random_raw(len(labels))
    return np.lexsort((draws, labels))


def _rank(labels: Labels, purpose: int, seed: int) -> tuple[Rows, NDArray[np.float64]]:
    """For each row its place in the shuffled order of its class, and the share of the class that is taken up to it.

    Taking rows in the order of (place + 1/2) / members takes from each class in proportion (Webster's method), and
    whatever is taken of a smaller total is taken of a larger one.
    """
    counts = np.bincount(labels)
    ranks = np.empty(len(labels), np.int64)
    order = _shuffled_by_class(labels, purpose, seed)
    ranks[order] = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return ranks, (ranks + 0.5) / counts[labels]
