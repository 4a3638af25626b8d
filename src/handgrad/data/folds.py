"""One fold of a cross-validation as a data set, and the folds of a test set."""

import hashlib
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from handgrad.data.dataset import Dataset
from handgrad.data.splits import Rows, Split, kfold
from handgrad.errors import UsageError


class Fold(NamedTuple):
    """`held` of `folds`, counted from 1, of the training images; 0 where the folds are the test set's."""

    held: int
    folds: int


def read_fold(text: str) -> Fold:
    """The fold that "2/5" or "test/5" names.  Raises  ValueError in the words that follow a setting's name."""
    left, _, right = text.strip().lower().partition("/")
    if not right.isdecimal() or not (left.isdecimal() or left == "test") or len(text) > 12:
        raise ValueError(f"must be such as 2/5, or test/5, got {text[:60]!r}")
    held, folds = (0 if left == "test" else int(left)), int(right)
    if folds < 2 or not 0 <= held <= folds or (left != "test" and held == 0):
        raise ValueError(f"must be 1/{max(folds, 2)} to {max(folds, 2)}/{max(folds, 2)}, got {text}")
    return Fold(held, folds)


def hold_fold(dataset: Dataset, fold: Fold, seed: int) -> Dataset:
    """The data set whose test images are one fold of its training images, and whose training images are all the others.

    The test images that it had are not in it.

    Raises  UsageError when there are more folds than images of a class.
    """
    train, held = kfold(dataset.y_train, fold.folds, seed)[fold.held - 1]
    if np.intersect1d(train, held).size or len(train) + len(held) != len(dataset.y_train):
        raise UsageError(f"fold {fold.held} of {fold.folds} and the rest are no partition of {dataset.name}")
    return replace(
        dataset,
        x_train=dataset.x_train[train],
        y_train=dataset.y_train[train],
        x_test=dataset.x_train[held],
        y_test=dataset.y_train[held],
        fingerprint=hashlib.sha256(f"{dataset.fingerprint} {fold} {seed}".encode()).hexdigest(),
    )


def folds_of_test(dataset: Dataset, folds: int, seed: int) -> list[Rows]:
    """The rows of the test images in each fold: shuffled and cut, each class evenly among them."""
    return [held for _, held in kfold(dataset.y_test, folds, seed)]


def watched_on_test(parts: Split, dataset: Dataset, folds: int, seed: int) -> Split:
    """`parts`, with all but the last fold of the test images behind the training images, for validation."""
    rows = np.sort(np.concatenate(folds_of_test(dataset, folds, seed)[:-1]))
    x = np.concatenate([parts.x, dataset.x_test])
    y = np.concatenate([parts.y, dataset.y_test])
    return Split(x, y, parts.train_rows, len(parts.y) + rows)
