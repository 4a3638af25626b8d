"""How well a network does on a set of images: numbers only."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.kernels import driver
from handgrad.nn import Network
from handgrad.nn.network import EVALUATION_ROWS

Array = NDArray[Any]


class Measure(NamedTuple):
    """Accuracy as a share of 1, and mean loss without penalties, in evaluation mode."""

    accuracy: float
    loss: float


def measure(network: Network, images: Array, labels: Array, rows: Array | None = None) -> Measure:
    """Accuracy and loss over `rows` of the images (all of them by default), NaN when there are none.

    Shapes  images (N, *input_shape) uint8 or float; labels (N,) int in [0, K); rows (n,) int
    """
    batches = network.batches(images, labels, rows)
    if not batches.order.size:
        return Measure(float("nan"), float("nan"))
    program = network.program(EVALUATION_ROWS)
    loss, accuracy = driver.evaluate_rows(program, batches, np.empty((0, network.classes), network.dtype))
    return Measure(float(accuracy), float(loss))
