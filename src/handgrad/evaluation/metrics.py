"""Metrics of predictions: precision, recall and F1, confusions, ROC curves, calibration, and all of them of a model."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation.interval import Interval, wilson
from handgrad.evaluation.predictions import Predictions, predict, require_images
from handgrad.nn import Network

Array = NDArray[Any]
PLURALS = ("zeros", "ones", "twos", "threes", "fours", "fives", "sixes", "sevens", "eights", "nines")
GRID = 1000  # points of the macro curve


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

    require_images(predictions)
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


class Curve(NamedTuple):
    """True against false positive rate as the threshold falls, from (0, 0) to (1, 1), and the area below.

    Shapes  fpr, tpr (n,) float64
    """

    fpr: Array
    tpr: Array
    auc: float


class Roc(NamedTuple):
    """A curve for each class, None where all images or none are of it; `macro` is their mean, None without any."""

    class_names: tuple[str, ...]
    curves: tuple[Curve | None, ...]
    macro: Curve | None


def roc(predictions: Predictions) -> Roc:
    """One class against all others, by its score.

    The macro curve is the mean of the curves, each read at 1000 equally spaced false positive rates, as
    scikit-learn's guide draws it; its area is the mean of the areas, as `roc_auc_score(average="macro")` has it.

    Raises  UsageError when there are no images.
    """
    require_images(predictions)
    curves = tuple(_curve(predictions, label) for label in range(predictions.classes))
    defined = [curve for curve in curves if curve]
    if not defined:
        return Roc(predictions.class_names, curves, None)
    fpr = np.linspace(0, 1, GRID)
    tpr = np.mean([np.interp(fpr, curve.fpr, curve.tpr) for curve in defined], axis=0)
    macro = Curve(np.append(0, fpr), np.append(0, tpr), float(np.mean([curve.auc for curve in defined])))
    return Roc(predictions.class_names, curves, macro)


def _curve(predictions: Predictions, label: int) -> Curve | None:
    from sklearn.metrics import auc, roc_curve

    positive = predictions.labels == label
    if positive.all() or not positive.any():
        return None
    fpr, tpr, _ = roc_curve(positive, predictions.scores[:, label])
    return Curve(fpr, tpr, float(auc(fpr, tpr)))


class Calibration(NamedTuple):
    """Images in bins of equal width by their confidence, the probability of the predicted class.

    Shapes  edges (M + 1,); confidence, accuracy (M,) float64, means over a bin, NaN in an empty one; images (M,) int64
    """

    edges: Array
    confidence: Array
    accuracy: Array
    images: Array
    ece: float


def calibration(predictions: Predictions, bins: int = 15) -> Calibration | None:
    """Reliability by bins of confidence, and the expected calibration error; None where scores are no probabilities.

    Math    bin m holds (m-1)/M < confidence <= m/M;  ece = sum_m images_m / N |accuracy_m - confidence_m|
    Raises  UsageError when there are no images.
    Ref     Guo, Pleiss, Sun & Weinberger (2017), On Calibration of Modern Neural Networks, section 2
    """
    require_images(predictions)
    if not predictions.probabilistic:
        return None
    edges = np.linspace(0, 1, bins + 1)
    confidences = predictions.scores.max(axis=1)
    place = np.digitize(confidences, edges[1:-1], right=True)
    images = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):  # 0 / 0 in an empty bin is NaN, and meant
        confidence = np.bincount(place, confidences, bins) / images
        accuracy = np.bincount(place, predictions.right, bins) / images
    gaps = np.abs(accuracy - confidence)
    return Calibration(edges, confidence, accuracy, images, float(np.nansum(images * gaps) / images.sum()))


def top_k_accuracy(predictions: Predictions, k: int = 3) -> float:
    """Share of images whose class is among the `k` highest scores; the first of equal scores ranks higher.

    Raises  UsageError when there are no images.
    """
    require_images(predictions)
    scores, labels = predictions.scores, predictions.labels[:, None]
    own = np.take_along_axis(scores, labels, axis=1)
    ahead = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < labels))
    return float(np.mean(np.count_nonzero(ahead, axis=1) < k))


class Summary(NamedTuple):
    """`accuracy` with Wilson's 95 % interval; `cross_entropy` is None where there are no probabilities.

    Shapes  confusion (K, K) int64, the true class in rows
    """

    images: int
    class_names: tuple[str, ...]
    accuracy: Interval
    cross_entropy: float | None
    top3: float
    classes: ClassReport
    confusion: Array
    confusions: list[Confusion]
    roc: Roc
    calibration: Calibration | None

    def to_mapping(self) -> dict[str, Any]:
        """The numbers in types that JSON knows, None for NaN; of each ROC curve its area alone."""
        return {
            "images": self.images,
            "accuracy": self.accuracy.to_mapping(),
            "cross_entropy": self.cross_entropy,
            "top3_accuracy": self.top3,
            "ece": self.calibration.ece if self.calibration else None,
            "macro": self._averages("macro"),
            "weighted": self._averages("weighted"),
            "undefined": list(self.classes.undefined),
            "classes": self._each_class(),
            "confusion_matrix": self.confusion.tolist(),
            "confusion_shares": shares_of_true_class(self.confusion).tolist(),
            "confusions": [each._asdict() | {"sentence": each.sentence} for each in self.confusions],
            "calibration": _plain(self.calibration._asdict()) if self.calibration else None,
        }

    def _averages(self, name: str) -> dict[str, float | None]:
        averages = getattr(self.classes, name)._asdict()
        return averages | ({"auc": self.roc.macro.auc if self.roc.macro else None} if name == "macro" else {})

    def _each_class(self) -> list[dict[str, Any]]:
        report = self.classes
        return [
            {
                "name": name,
                "precision": float(report.precision[k]),
                "recall": float(report.recall[k]),
                "f1": float(report.f1[k]),
                "auc": curve.auc if curve else None,
                "images": int(report.support[k]),
            }
            for k, (name, curve) in enumerate(zip(self.class_names, self.roc.curves, strict=True))
        ]


def summarise(predictions: Predictions, top: int = 10) -> Summary:
    """All numbers there are; of the confusions, the `top` most frequent ones.

    Raises  UsageError when there are no images.
    """
    require_images(predictions)
    counts = confusion_counts(predictions)
    images = len(predictions.labels)
    return Summary(
        images,
        predictions.class_names,
        wilson(int(predictions.right.sum()), images),
        cross_entropy(predictions),
        top_k_accuracy(predictions, 3),
        class_report(predictions),
        counts,
        frequent_confusions(counts, predictions.class_names, top),
        roc(predictions),
        calibration(predictions),
    )


def cross_entropy(predictions: Predictions) -> float | None:
    """Mean of -log p of the true class, p at least the smallest normal number; None without probabilities."""
    return float(predictions.losses.mean()) if predictions.probabilistic else None


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Arrays as lists, with None for NaN."""
    return {
        name: [None if math.isnan(number) else number for number in value.tolist()]
        if isinstance(value, np.ndarray)
        else value
        for name, value in fields.items()
    }
