"""ROC curves of each class against all others."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation.predictions import Predictions, expect_images

Array = NDArray[Any]
GRID = 1000  # points of the macro curve


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
    expect_images(predictions)
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
