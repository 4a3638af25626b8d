"""Stratified splits of rows, pure functions of (labels, seed): every class keeps its share in every part.

The same for the folds of a cross-validation, and for arrays that come without a test part.

Each row draws one number from a counter-based generator whose stream never changes between versions of NumPy; the
rows of a class are dealt out in the order of their numbers.
"""

import hashlib
import logging
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.data.dataset import Dataset, Images, Inputs, Labels
from handgrad.errors import UsageError
from handgrad.text import visible_name

Rows = NDArray[np.int64]

# One stream per purpose, so that a hold-out does not depend on the subset taken before it.
HOLDOUT, FOLDS, FRACTION, LABEL_NOISE = 1, 2, 3, 4
log = logging.getLogger("handgrad")
TEST_FRACTION, TEST_SEED = 0.2, 0


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of one array of images for training and for validation; a training step gathers by row, nothing is copied.

    Shapes  x (N, H, W) uint8 or (N, D) float32; y (N,); train_rows, validation_rows (n,) int64, sorted and disjoint;
            weights (N,) float64, how much each image counts in training, or None where all count alike
    """

    x: Inputs = field(repr=False)
    y: Labels = field(repr=False)
    train_rows: Rows
    validation_rows: Rows
    weights: NDArray[np.float64] | None = field(default=None, repr=False)

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
    """Take `fraction` of the training part and hold `validation` of that out; the test part is not touched.

    Where the data came with a validation set, that is it, whatever share `validation` is.
    """
    end = len(dataset.y_train) - dataset.validation_images
    taken = take_fraction(dataset.y_train[:end], fraction, seed)
    rows = [taken[part] for part in holdout(dataset.y_train[taken], validation, seed)]
    if dataset.validation_images:
        rows = [taken, np.arange(end, len(dataset.y_train))]
    for part in rows:
        part.flags.writeable = False
    return Split(dataset.x_train, dataset.y_train, rows[0], rows[1])


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
        validation_images=0,
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


def with_label_noise(parts: Split, share: float, classes: int, seed: int) -> Split:
    """`parts` with a share of the training rows given one of the other classes, each as likely; others stay right."""
    draws = np.random.Philox(key=[seed, LABEL_NOISE]).random_raw(2 * len(parts.train_rows)).reshape(2, -1)
    chosen = np.argsort(draws[0], kind="stable")[: round(share * len(parts.train_rows))]
    rows, y = parts.train_rows[chosen], parts.y.copy()
    y[rows] = (y[rows] + 1 + (draws[1, chosen] % max(classes - 1, 1)).astype(np.int64)) % classes
    return replace(parts, y=y)


class Part(NamedTuple):
    """Images with their labels, row by row."""

    images: Images
    labels: Labels


def assemble(
    name: str, train: Part, test: Part | None, class_names: tuple[str, ...], validation: Part | None = None
) -> Dataset:
    """A Dataset of its parts; without `test`, a stratified fifth of `train`, always the same, becomes the test part.

    Raises  UsageError when there is nothing to hold out; CorruptDataError when the arrays do not fit together.
    """
    name, class_names = visible_name(name), tuple(map(visible_name, class_names))
    if validation is not None:
        count = len(validation.labels)
        log.warning("data set %s: its %d validation images validate; validation_fraction is not used", name, count)
        rest = assemble(name, train, test, class_names)
        x = np.concatenate([rest.x_train, validation.images])
        y = np.concatenate([rest.y_train, validation.labels])
        return Dataset(name, x, y, rest.x_test, rest.y_test, class_names, validation_images=count)
    if test is not None:
        return Dataset(name, *train, *test, class_names)
    whole = Dataset(name, *train, train.images[:0], train.labels[:0], class_names)
    if np.bincount(whole.y_train).max() < 2:
        raise UsageError(f"data set {name}: no class has two images to hold one out for testing. Add a test part")
    kept, held = holdout(whole.y_train, TEST_FRACTION, TEST_SEED)
    log.warning("data set %s has no test part: %d of its %d images are held out", name, len(held), len(train.labels))
    x, y = whole.x_train, whole.y_train
    return Dataset(name, x[kept], y[kept], x[held], y[held], class_names)
