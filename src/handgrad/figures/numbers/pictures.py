"""Images with what is said of them."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation import Predictions
from handgrad.figures.kind import DoesNotApplyError
from handgrad.figures.run_data import RunData
from handgrad.figures.table import Table

Array = NDArray[Any]
SAMPLES, RIGHT, WRONG = 1, 2, 3  # purposes, in the keys of generators
EACH = 32  # right ones and wrong ones


class Samples(NamedTuple):
    """One training image of each class that has one.  Shapes  images (n, H, W) uint8; rows (n,) of the data set"""

    dataset: str
    class_names: tuple[str, ...]
    images: Array
    rows: Array
    missing: tuple[str, ...]

    @property
    def caption(self) -> str:
        """Which classes are shown, and which have no image."""
        without = f" Without an image: {', '.join(self.missing)}." if self.missing else ""
        return f"A training image of {self.dataset} for each class: {', '.join(self.class_names)}.{without}"

    @property
    def table(self) -> Table:
        """Which images were drawn."""
        return Table(("class", "training_image"), zip(self.class_names, self.rows, strict=True))


class Guesses(NamedTuple):
    """Some test images with their true class, the predicted one and its probability (NaN where there is none).

    Shapes  images (n, H, W) uint8; rows, true, predicted (n,) int; probability (n,) float64
    """

    images: Array
    rows: Array
    true: Array
    predicted: Array
    probability: Array


class RightAndWrong(NamedTuple):
    """Right guesses drawn at random, and the surest of the wrong ones; `errors` counts all of these."""

    run: str
    class_names: tuple[str, ...]
    right: Guesses
    wrong: Guesses
    errors: int
    tested: int

    @property
    def caption(self) -> str:
        """How they were chosen."""
        return (
            f"Test images that {self.run} names rightly (drawn at random) and wrongly (the "
            f"{len(self.wrong.rows)} surest of {self.errors:,} errors on {self.tested:,} images), "
            "with the class that it names and its probability."
        )

    @property
    def table(self) -> Table:
        """A row an image."""
        rows = (
            (kind, row, self.class_names[true], self.class_names[predicted], probability)
            for kind, guesses in (("right", self.right), ("wrong", self.wrong))
            for row, true, predicted, probability in zip(*guesses[1:], strict=True)
        )
        return Table(("answer", "test_image", "true", "predicted", "probability"), rows)


def class_samples(data: RunData) -> Samples:
    """For each class one of its training images, drawn at random."""
    images, labels = data.images("train")
    rows = data.split.train_rows
    generator = data.generator(SAMPLES)
    names = data.dataset.class_names
    members = [np.flatnonzero(labels == label) for label in range(len(names))]
    chosen = [int(generator.choice(found)) for found in members if len(found)]
    shown = tuple(name for name, found in zip(names, members, strict=True) if len(found))
    missing = tuple(name for name, found in zip(names, members, strict=True) if not len(found))
    return Samples(data.dataset.name, shown, images[chosen], rows[chosen], missing)


def right_and_wrong(data: RunData) -> RightAndWrong:
    """What it gets right and wrong on the test images."""
    predictions, (images, _) = data.predictions(), data.images("test")
    right, wrong = np.flatnonzero(predictions.right), np.flatnonzero(~predictions.right)
    drawn = np.sort(data.generator(RIGHT).permutation(right)[:EACH])
    sure = predictions.scores[wrong].max(axis=1) if len(wrong) else np.empty(0)
    surest = wrong[np.argsort(-sure, kind="stable")[:EACH]]
    both = [_guesses(predictions, images, rows) for rows in (drawn, surest)]
    return RightAndWrong(data.name, predictions.class_names, both[0], both[1], len(wrong), len(images))


def _guesses(predictions: Predictions, images: Array, rows: Array) -> Guesses:
    if images.ndim != 3:
        raise DoesNotApplyError("its inputs are no images")
    predicted = predictions.predicted[rows]
    probability = predictions.scores[rows, predicted] if predictions.probabilistic else np.full(len(rows), np.nan)
    return Guesses(images[rows], rows, predictions.labels[rows], predicted, probability)
