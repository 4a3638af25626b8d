"""Images: one of each class, and some that a run classifies rightly and wrongly."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation import Predictions
from handgrad.figures import style
from handgrad.figures.base import DoesNotApplyError, Table
from handgrad.figures.run_data import RunData
from handgrad.figures.sheets import GAP, MARGIN, PIXELS, Sheet, stack

Array = NDArray[Any]
SAMPLES, RIGHT, WRONG = 1, 2, 3  # purposes, in the keys of generators
NO_IMAGES = "its inputs are no images"
EACH = 32  # right ones and wrong ones
ACROSS, INCHES, MOST_COLUMNS = 8, 0.76, 10


class Samples(NamedTuple):
    """Some training images of each class that has one; of a class with fewer, the last `rows` are -1.

    Shapes  images (each, classes, H, W) uint8; rows (each, classes) int, of the data set
    """

    dataset: str
    class_names: tuple[str, ...]
    images: Array
    rows: Array
    missing: tuple[str, ...]

    @property
    def words(self) -> str:
        """How many images a class has, as in "One training image"."""
        each = len(self.rows)
        return "One training image" if each == 1 else f"{each} training images"

    @property
    def caption(self) -> str:
        without = f" Without an image: {', '.join(self.missing)}." if self.missing else ""
        return f"{self.words} of {self.dataset} for each class: {', '.join(self.class_names)}.{without}"

    @property
    def table(self) -> Table:
        """Which images were drawn."""
        rows = zip(self.class_names, self.rows.T, strict=True)
        return Table(("class", "training_image"), ((name, row) for name, drawn in rows for row in drawn if row >= 0))


class Guesses(NamedTuple):
    """Some test images: true class, predicted class and its probability (NaN where there is none), loss.

    Shapes  images (n, H, W) uint8; rows, true, predicted (n,) int; probability, loss (n,) float64
    """

    images: Array
    rows: Array
    true: Array
    predicted: Array
    probability: Array
    loss: Array


class RightAndWrong(NamedTuple):
    """Right guesses drawn at random, and the wrong ones of largest loss; `errors` counts all of these."""

    run: str
    class_names: tuple[str, ...]
    right: Guesses
    wrong: Guesses
    errors: int
    tested: int

    @property
    def caption(self) -> str:
        return (
            f"Test images that {self.run} names rightly (drawn at random) and wrongly (the "
            f"{len(self.wrong.rows)} of largest loss among {self.errors:,} errors on {self.tested:,} images), "
            "with the class that it names and its probability. The loss is -ln p of the true class."
        )

    @property
    def table(self) -> Table:
        """A row an image."""
        rows = (
            (outcome, row, self.class_names[true], self.class_names[predicted], probability, loss)
            for outcome, guesses in (("right", self.right), ("wrong", self.wrong))
            for row, true, predicted, probability, loss in zip(*guesses[1:], strict=True)
        )
        return Table(("answer", "test_image", "true", "predicted", "probability", "loss"), rows)


def samples_data(data: RunData, each: int = 1) -> Samples:
    """For each class some of its training images, drawn at random."""
    images, labels = data.images("train")
    if images.ndim == 2:
        raise DoesNotApplyError(NO_IMAGES)
    generator, names = data.generator(SAMPLES), data.dataset.class_names
    members = [np.flatnonzero(labels == label) for label in range(len(names))]
    drawn = [generator.permutation(found)[:each] for found in members if len(found)]
    chosen = np.array([np.pad(found, (0, each - len(found)), constant_values=-1) for found in drawn]).T
    present = tuple(name for name, found in zip(names, members, strict=True) if len(found))
    missing = tuple(name for name, found in zip(names, members, strict=True) if not len(found))
    rows = np.where(chosen < 0, -1, data.split.train_rows[chosen])
    return Samples(data.dataset.name, present, images[chosen], rows, missing)


def predictions_data(data: RunData) -> RightAndWrong:
    """What it gets right and wrong on the test images."""
    predictions, (images, _) = data.predictions(), data.images("test")
    right = np.flatnonzero(predictions.right)
    drawn = np.sort(data.generator(RIGHT).permutation(right)[:EACH])
    worst = predictions.largest_losses(len(images))
    worst = worst[~predictions.right[worst]][:EACH]
    both = [_guesses(predictions, images, rows) for rows in (drawn, worst)]
    return RightAndWrong(data.name, predictions.class_names, both[0], both[1], len(images) - len(right), len(images))


def _guesses(predictions: Predictions, images: Array, rows: Array) -> Guesses:
    if images.ndim == 2:
        raise DoesNotApplyError(NO_IMAGES)
    predicted = predictions.predicted[rows]
    probability = predictions.scores[rows, predicted] if predictions.probabilistic else np.full(len(rows), np.nan)
    return Guesses(images[rows], rows, predictions.labels[rows], predicted, probability, predictions.losses[rows])


def plot_samples(samples: Samples) -> Any:
    """A column a class, up to ten of them side by side, its name below the last image."""
    count = len(samples.class_names)
    inches = min(INCHES, (style.WIDTH - 2 * MARGIN) / min(count, MOST_COLUMNS) / (1 + GAP))
    names = [_in_two_lines(name, 11) for name in samples.class_names]
    lines = 2 if any("\n" in name for name in names) else 1
    blank = (samples.rows < 0).reshape(*samples.rows.shape, *[1] * (samples.images.ndim - 2))
    pictures = np.where(blank, np.nan, samples.images)
    sheets = []
    for left in range(0, count, MOST_COLUMNS):
        *upper, last = pictures[:, left : left + MOST_COLUMNS]
        columns = len(last)
        sheets += [Sheet("", np.concatenate(upper), columns, inches, PIXELS)] if upper else []
        sheets.append(Sheet("", last, columns, inches, PIXELS, names[left : left + columns], lines))
    return stack(f"{samples.words} per class of {samples.dataset}, drawn at random", sheets)


def plot_predictions(found: RightAndWrong) -> Any:
    """Two sheets: right answers above, wrong ones below, which also tell the true class."""
    right, names = found.tested - found.errors, found.class_names
    headings = (
        f"right: {right:,} of {found.tested:,}, drawn at random (predicted class, its probability)",
        f"wrong: {found.errors:,} of {found.tested:,}, by loss (true class, what was said, its probability, loss)",
    )
    sheets = [
        Sheet(heading, guesses.images, ACROSS, INCHES, PIXELS, _texts(names, guesses), lines)
        for heading, guesses, lines in zip(headings, (found.right, found.wrong), (2, 3), strict=True)
    ]
    return stack(f"Right against wrong predictions on test images\n{style.cut(found.run, 90)}", sheets)


def _in_two_lines(name: str, width: int) -> str:
    """In at most two lines of about `width` letters."""
    first, _, rest = name.partition(" ") if len(name) > width else (name, "", "")
    return "\n".join(style.cut(part, width + 1) for part in (first, rest) if part)


def _texts(names: tuple[str, ...], guesses: Guesses) -> list[str]:
    texts = []
    for true, predicted, probability, loss in zip(*guesses[2:], strict=True):
        percent, said = "" if np.isnan(probability) else f"{100 * probability:.1f} %", style.cut(names[predicted], 11)
        wrong = f"true: {style.cut(names[true], 11)}\nsaid: {said}\n" + (f"{percent}, {loss:.1f}" if percent else "")
        texts.append(f"{said}\n{percent}" if true == predicted else wrong)
    return texts
