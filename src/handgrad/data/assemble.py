"""From arrays that a user brought to a Dataset: a test part is held out where there is none."""

import logging
from typing import NamedTuple

import numpy as np

from handgrad.data.dataset import Dataset, Images, Labels
from handgrad.data.splits import holdout
from handgrad.errors import UsageError
from handgrad.text import visible_name

log = logging.getLogger("handgrad")

TEST_FRACTION, TEST_SEED = 0.2, 0


class Part(NamedTuple):
    """Images with their labels, row by row."""

    images: Images
    labels: Labels


def assemble(name: str, train: Part, test: Part | None, class_names: tuple[str, ...]) -> Dataset:
    """A Dataset of both parts; without `test`, a stratified fifth of `train`, always the same, becomes the test part.

    Raises  UsageError when there is nothing to hold out; CorruptDataError when the arrays do not fit together.
    """
    name, class_names = visible_name(name), tuple(map(visible_name, class_names))
    if test is not None:
        return Dataset(name, *train, *test, class_names)
    whole = Dataset(name, *train, train.images[:0], train.labels[:0], class_names)
    if np.bincount(whole.y_train).max() < 2:
        raise UsageError(f"data set {name}: no class has two images to hold one out for testing. Add a test part")
    kept, held = holdout(whole.y_train, TEST_FRACTION, TEST_SEED)
    log.warning("data set %s has no test part: %d of its %d images are held out", name, len(held), len(train.labels))
    return Dataset(name, *_rows(whole, kept), *_rows(whole, held), class_names)


def _rows(whole: Dataset, rows: Labels) -> Part:
    return Part(whole.x_train[rows], whole.y_train[rows])
