"""How pixels enter a model."""

from typing import Any

import numpy as np

from handgrad.config import RunConfig
from handgrad.data import Dataset
from handgrad.nn import Scaling


def scaling_of(config: RunConfig, dataset: Dataset, rows: Any) -> Scaling:
    """Pixels to [0, 1], or to mean 0 and deviation 1 over the training images (rows of x_train)."""
    if config.normalize != "standard":
        return Scaling()
    counts = np.zeros(256, np.int64)
    for part in np.array_split(rows, max(1, len(rows) // 1000)):
        counts += np.bincount(dataset.x_train[part].ravel(), minlength=256)
    mean = np.average(np.arange(256), weights=counts)
    deviation = np.sqrt(np.average((np.arange(256) - mean) ** 2, weights=counts)) or 1.0
    return Scaling(float(1 / deviation), float(-mean / deviation))
