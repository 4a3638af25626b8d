"""Which class is taken for which: counts, shares, and the most frequent ones in words."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation.predictions import Predictions, predict
from handgrad.nn import Network

Array = NDArray[Any]
PLURALS = ("zeros", "ones", "twos", "threes", "fours", "fives", "sixes", "sevens", "eights", "nines")


class Confusion(NamedTuple):
    """`times` images of the class `true` were taken for `predicted`: `share` (of 1) of all images of `true`."""

    true: str
    predicted: str
    times: int
    share: float

    @property
    def sentence(self) -> str:
        """As a person would say it: "9 taken for 4: 21 times, 2.1 % of nines"."""
        often = "once" if self.times == 1 else f"{self.times:,} times"
        digits = dict(zip(map(str, range(10)), PLURALS, strict=True))
        whole = digits.get(self.true, f"{self.true} images")
        return f"{self.true} taken for {self.predicted}: {often}, {100 * self.share:.1f} % of {whole}"


def confusion_counts(predictions: Predictions) -> Array:
    """Counts: the true class in rows, the predicted one in columns.  Shapes  -> (K, K) int64"""
    counts = np.zeros((predictions.classes, predictions.classes), np.int64)
    np.add.at(counts, (predictions.labels, predictions.predicted), 1)
    return counts


def shares_of_true_class(counts: Array) -> Array:
    """Each row as shares of 1; zeros for a class without images.  Shapes  counts (K, K) -> (K, K) float64"""
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def frequent_confusions(counts: Array, class_names: Sequence[str], top: int = 10) -> list[Confusion]:
    """The `top` most frequent confusions of one class with another, by count, then by share, then in class order."""
    shares = shares_of_true_class(counts)
    true, predicted = np.nonzero(counts * (1 - np.eye(len(counts), dtype=np.int64)))
    order = np.lexsort((-shares[true, predicted], -counts[true, predicted]))[:top]
    pairs = zip(true[order], predicted[order], strict=True)
    return [Confusion(class_names[t], class_names[p], int(counts[t, p]), float(shares[t, p])) for t, p in pairs]


def confusion_matrix(network: Network, images: Array, labels: Array) -> Array:
    """`confusion_counts` of what a network predicts.  Shapes  -> (K, K) int64"""
    return confusion_counts(predict(network, images, labels))
