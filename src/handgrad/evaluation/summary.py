"""Everything that is said of one model on one set of images."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation.interval import Interval, wilson
from handgrad.evaluation.metrics import (
    Calibration,
    ClassReport,
    Confusion,
    Roc,
    calibration,
    class_report,
    confusion_counts,
    frequent_confusions,
    roc,
    shares_of_true_class,
    top_k_accuracy,
)
from handgrad.evaluation.predictions import Predictions, require_images

Array = NDArray[Any]


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
