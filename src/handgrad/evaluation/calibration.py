"""Whether a model is right as often as it says."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation.predictions import Predictions, expect_images

Array = NDArray[Any]


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
    expect_images(predictions)
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
