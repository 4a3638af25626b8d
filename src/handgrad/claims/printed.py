"""The numbers of a report as it prints them, and the counts of images behind a printed table of classes."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from handgrad.claims.estimate import PRINTED
from handgrad.claims.questions import Count, Images, Number, Part, Text

Array = NDArray[Any]
PRECISE = 1e-7  # shares printed to seven digits or more: no other fraction of so few images lies that near
MOST_CHOICES, MOST_WAYS = 10_000, 100_000  # to try; shares as simple as 0.5 fit more counts than can be distinguished


class ClassCounts(NamedTuple):
    """Of each class: images that are right, that there are, and that are taken for it."""

    rights: list[int]
    totals: list[int]
    guesses: list[int]

    @property
    def right(self) -> int:
        """Images that are right, of all classes."""
        return sum(self.rights)

    @property
    def images(self) -> int:
        """Images of all classes."""
        return sum(self.totals)


def from_matrix(matrix: Sequence[Sequence[int]]) -> ClassCounts:
    """Diagonal, sums of rows and sums of columns of a confusion matrix with the true class in rows."""
    rights = [row[k] for k, row in enumerate(matrix)]
    return ClassCounts(rights, [sum(row) for row in matrix], [sum(column) for column in zip(*matrix, strict=True)])


def from_shares(
    recall: Sequence[float | None],
    precision: Sequence[float | None] | None,
    f1: Sequence[float | None] | None,
    images: int,
) -> ClassCounts | None:
    """The only counts that give these recalls and precisions (or F1) of `images` images; None if they leave a choice.

    Math    right / total = recall;  right / guesses = precision;  2 right / (total + guesses) = F1
    """
    columns = [column or [None] * len(recall) for column in (precision, f1)]
    choices = [_choices(r, p, f, images) for r, p, f in zip(recall, *columns, strict=True)]
    blind = [k for k, found in enumerate(choices) if found is None]
    if len(blind) > 1 or any(precision is None or precision[k] is not None for k in blind):
        return None  # who is taken for a class that is never right, and how often, is not in the table
    ways = _ways([found for found in choices if found is not None], images)
    complete = [way for way in ways if sum(way.guesses) == images and (way.images < images) == bool(blind)]
    if len(complete) != 1:
        return None
    for k in blind:
        complete[0].rights.insert(k, 0)
        complete[0].guesses.insert(k, 0)
        complete[0].totals.insert(k, images - complete[0].images)
    return complete[0]


def _choices(recall: float | None, precision: float | None, f1: float | None, images: int) -> list[list[int]] | None:
    """Every (right, total, guesses) of one class; none where there are too many; None for one without a right image."""
    if not recall:
        return None
    totals = np.arange(1, images + 1)
    rights = np.rint(recall * totals)
    guesses, misfit = _guesses(rights, totals, precision, f1)
    fit = (np.abs(rights / totals - recall) < PRECISE) & (guesses > 0) & (misfit < PRECISE)
    if np.count_nonzero(fit) > MOST_CHOICES:
        return []
    found: list[list[int]] = np.stack([rights, totals, guesses], axis=1)[fit].astype(np.int64).tolist()
    return found


def _guesses(rights: Array, totals: Array, precision: float | None, f1: float | None) -> tuple[Array, Array]:
    """How many images are taken for the class, by F1 where it is printed, else by precision; how far off that is."""
    if f1:
        guesses = np.rint(2 * rights / f1) - totals
        return guesses, np.abs(2 * rights / (totals + np.maximum(guesses, 1)) - f1)
    guesses = np.rint(rights / precision) if precision else np.zeros_like(rights)
    return guesses, np.abs(rights / np.maximum(guesses, 1) - (precision or 0))


def _ways(choices: Sequence[Sequence[Sequence[int]]], images: int) -> list[ClassCounts]:
    """Every combination of one choice for each class within the number of images; none where there are too many."""
    if not all(choices):
        return []
    ways = [ClassCounts([], [], [])]
    least = [tuple(min(each[column] for each in found) for column in (1, 2)) for found in choices]
    for k, found in enumerate(choices):
        if len(ways) * len(found) > MOST_WAYS:
            return []
        total_room, guess_room = (images - sum(later[column] for later in least[k + 1 :]) for column in (0, 1))
        ways = [
            ClassCounts([*way.rights, right], [*way.totals, total], [*way.guesses, guesses])
            for way in ways
            for right, total, guesses in found
            if way.images + total <= total_room and sum(way.guesses) + guesses <= guess_room
        ]
    return ways


class Spread(Part):
    """A mean over seeds, printed with its standard deviation."""

    mean: Number
    deviation: Annotated[Number, Field(ge=0)]
    seeds: Annotated[int, Field(strict=True, ge=2, le=10**6)]


Value = Number | list[Number] | Spread


class Counts(Part):
    """So many right, of so many images."""

    right: Annotated[int, Field(strict=True, ge=0)]
    images: Images

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.right > self.images:
            raise ValueError(f"{self.right} right of {self.images} images is more than all")
        return self


class PerClass(Part):
    """Precision, recall and F1 of each class in order, as shares of 1; null where the report has none."""

    images: Annotated[int, Field(strict=True, ge=1, le=10**6)]
    recall: list[Number | None]
    precision: list[Number | None] | None = None
    f1: list[Number | None] | None = None

    @model_validator(mode="after")
    def _alike(self) -> Self:
        columns = [column for column in (self.recall, self.precision, self.f1) if column is not None]
        if len({len(column) for column in columns}) != 1:
            raise ValueError("precision, recall and f1 must have one number for each class")
        if any(not 0 <= number <= 1 for column in columns for number in column if number is not None):
            raise ValueError("precision, recall and f1 of a class are shares from 0 to 1")
        return self


class Sample(Part):
    """One image that a report shows, with the probability of the class it is taken for."""

    truth: Text | int
    predicted: Text | int
    probability: Annotated[Number, Field(ge=0, le=1)]


class Confusion(Part):
    """A class, and what a report names that its images are taken for."""

    truth: Text | int
    predicted: list[Text | int]


class Printed(Part):
    """The numbers of one experiment: one each, a list with one for each seed, or mean, deviation and seeds."""

    test_accuracy: Value | None = None
    train_accuracy: Value | None = None
    validation_accuracy: Value | None = None
    precision: Value | None = None
    recall: Value | None = None
    macro_f1: Value | None = None
    test_loss: Value | None = None
    train_loss: Value | None = None
    validation_loss: Value | None = None
    parameters: Count | None = None
    seconds: Value | None = None
    counts: Counts | None = None
    confusion_matrix: list[list[Annotated[int, Field(strict=True, ge=0)]]] | None = None
    per_class: PerClass | None = None
    sample: Sample | None = None
    confusions: list[Confusion] = []

    @model_validator(mode="after")
    def _square(self) -> Self:
        matrix = self.confusion_matrix
        if matrix is not None and (not matrix or any(len(row) != len(matrix) for row in matrix)):
            raise ValueError("confusion_matrix must have as many columns as rows, the true class in rows")
        if matrix is not None and not any(map(any, matrix)):
            raise ValueError("confusion_matrix counts no image")
        if any(isinstance(value, list) and not value for _, value in self.values()):
            raise ValueError("a list of numbers, one for each seed, must not be empty")
        return self

    def values(self) -> list[tuple[str, Any]]:
        """The measures that are printed, each with what stands there."""
        return [(name, getattr(self, name)) for name in PRINTED if getattr(self, name) is not None]


class ImageCounts(Part):
    """On how many images accuracies were measured."""

    test: Images | None = None
    train: Images | None = None
    validation: Images | None = None
