"""Which class is taken for which."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation import Predictions, confusion_counts, frequent_confusions
from handgrad.figures.run_data import RunData
from handgrad.figures.table import Table

Array = NDArray[Any]


class ConfusionMatrix(NamedTuple):
    """Counts with the true class in rows, and what follows from them; NaN where there is nothing to be a share of.

    Shapes  counts (K, K) int64; shares (K, K) of the true class, recall, precision (K,), all of 1
    """

    run: str
    part: str  # "test" or "training" images
    class_names: tuple[str, ...]
    counts: Array
    shares: Array
    recall: Array
    precision: Array

    @property
    def accuracy(self) -> float:
        """Share of right answers, of 1."""
        return float(np.trace(self.counts) / self.counts.sum())

    @property
    def caption(self) -> str:
        """Accuracy and the most frequent confusions, in words."""
        frequent = frequent_confusions(self.counts, self.class_names, 3)
        images = int(self.counts.sum())
        most = f"Most frequent: {'; '.join(each.sentence for each in frequent)}." if frequent else "No errors."
        return (
            f"Confusion matrix of {self.run} on {images:,} {self.part} images, true class in rows: "
            f"{100 * self.accuracy:.2f} % right. {most}"
        )

    @property
    def table(self) -> Table:
        """A row for each pair of classes."""
        names = self.class_names
        rows = (
            (true, predicted, self.counts[t, p], 100 * self.shares[t, p])
            for t, true in enumerate(names)
            for p, predicted in enumerate(names)
        )
        return Table(("true", "predicted", "images", "percent_of_true_class"), rows)


def confusion_of(data: RunData, part: str) -> ConfusionMatrix:
    """The confusions on the images of `part`, "test" or "train"."""
    return confusion_matrix_of(data.predictions(part), data.name, "training" if part == "train" else part)


def confusion_test(data: RunData) -> ConfusionMatrix:
    """On the test images."""
    return confusion_of(data, "test")


def confusion_train(data: RunData) -> ConfusionMatrix:
    """On the images it was trained on."""
    return confusion_of(data, "train")


def confusion_matrix_of(predictions: Predictions, run: str, part: str) -> ConfusionMatrix:
    """What follows from predictions alone."""
    counts = confusion_counts(predictions)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN, and meant: a class without images, or one never predicted
        shares = counts / counts.sum(axis=1, keepdims=True)
        precision = np.diag(counts) / counts.sum(axis=0)
    return ConfusionMatrix(run, part, predictions.class_names, counts, shares, np.diag(shares), precision)
