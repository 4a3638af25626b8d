"""Precision, recall and F1 of each class, and their averages, by scikit-learn's conventions."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation.predictions import Predictions, expect_images

Array = NDArray[Any]


class Averages(NamedTuple):
    """The three numbers of a class, or their averages over classes, as shares of 1."""

    precision: float
    recall: float
    f1: float


class ClassReport(NamedTuple):
    """The numbers of each class; what is undefined stands as 0 and is named in `undefined`.

    `macro` is the plain mean over the classes that occur, in truth or prediction; `weighted` goes by `support`.

    Shapes  precision, recall, f1 (K,) float64; support (K,) int64, images of each class
    """

    class_names: tuple[str, ...]
    precision: Array
    recall: Array
    f1: Array
    support: Array
    macro: Averages
    weighted: Averages
    undefined: tuple[str, ...]


def class_report(predictions: Predictions) -> ClassReport:
    """Precision tp / (tp + fp), recall tp / (tp + fn), F1 2 tp / (2 tp + fp + fn) of each class.

    Raises  UsageError when there are no images.
    """
    from sklearn.metrics import precision_recall_fscore_support

    expect_images(predictions)
    true, predicted = predictions.labels, predictions.predicted
    every = np.arange(predictions.classes)
    precision, recall, f1, support = precision_recall_fscore_support(true, predicted, labels=every, zero_division=0)
    macro, weighted = (
        Averages(*map(float, precision_recall_fscore_support(true, predicted, average=average, zero_division=0)[:3]))
        for average in ("macro", "weighted")
    )
    guesses = np.bincount(predicted, minlength=len(every))
    lines = map(_undefined, predictions.class_names, support.tolist(), guesses.tolist())
    undefined = tuple(filter(None, lines))
    return ClassReport(predictions.class_names, precision, recall, f1, support, macro, weighted, undefined)


def _undefined(name: str, support: int, guesses: int) -> str:
    """What has nothing to be a share of; F1 is then 0 or has nothing either."""
    if not support and not guesses:
        return f"precision, recall and F1 of class {name}: no images, never predicted; given as 0, not in macro"
    if not guesses:
        return f"precision of class {name}: never predicted; given as 0, which makes F1 0 as well"
    if not support:
        return f"recall of class {name}: no images; given as 0, which makes F1 0 as well"
    return ""
