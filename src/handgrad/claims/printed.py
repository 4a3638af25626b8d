"""The numbers of a report as it prints them."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from handgrad.claims.estimate import PRINTED
from handgrad.claims.questions import Count, Images, Number, Part, Text


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
