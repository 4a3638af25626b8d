"""How often the true class is among the likeliest ones."""

import numpy as np

from handgrad.evaluation.predictions import Predictions, expect_images


def top_k_accuracy(predictions: Predictions, k: int = 3) -> float:
    """Share of images whose class is among the `k` highest scores; the first of equal scores ranks higher.

    Raises  UsageError when there are no images.
    """
    expect_images(predictions)
    scores, labels = predictions.scores, predictions.labels[:, None]
    own = np.take_along_axis(scores, labels, axis=1)
    ahead = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < labels))
    return float(np.mean(np.count_nonzero(ahead, axis=1) < k))
