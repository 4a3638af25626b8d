"""The training images that are most like a picture to a network: nearest in what its last hidden layer puts out."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation.predictions import of_length_one
from handgrad.nn import Network

Array = NDArray[Any]
MOST_NUMBERS = 1 << 24  # kept of all images together: 64 MB
NEAREST = 8  # that are shown
MOST_MULTIPLICATIONS = 10**11  # for all images together: some seconds


class Neighbour(NamedTuple):
    """The row of an image, and its cosine distance: 0 for the same direction, 1 for a right angle."""

    row: int
    distance: float


class Neighbours(NamedTuple):
    """What the last hidden layer makes of images, each brought to length 1; a layer of -1 is the network's input.

    Shapes  known (n, D) float32; rows (n,) int, out of `of` rows
    """

    layer: int
    known: Array
    rows: Array
    of: int

    def nearest(self, output: Array, count: int) -> list[Neighbour]:
        """The nearest images, the nearest first.  Shapes  output, the layer's for one picture: D numbers of any shape

        Math  1 - cosine of the angle between both outputs
        """
        distances = 1 - self.known @ of_length_one(output.reshape(1, -1))[0]
        order = np.argsort(distances, kind="stable")[:count]
        return [Neighbour(int(self.rows[place]), max(0.0, float(distances[place]))) for place in order]


def neighbours(network: Network, images: Array, rows: Array) -> Neighbours:
    """Of `rows` of the images; of evenly spaced ones where all would take too long or too much memory."""
    layer = last_hidden(network)
    layer = -1 if layer is None else layer
    width = int(np.prod(network.plans[layer].output if layer >= 0 else network.input_shape))
    effort = sum(plan.multiplications for plan in network.plans)
    most = max(1, min(MOST_NUMBERS // width, MOST_MULTIPLICATIONS // max(1, effort)))
    some = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]
    outputs = network.activations(images[some], [layer])[layer] if layer >= 0 else images[some]
    return Neighbours(layer, of_length_one(outputs), some, len(rows))


def last_hidden(network: Network) -> int | None:
    """The number of the last layer before the output layer, the last one with weights; None without a hidden layer."""
    weighted = [layer for layer, plan in enumerate(network.plans) if any(part.penalised for part in plan.parameters)]
    if len(weighted) < 2:
        return None
    layer = weighted[-1] - 1
    while network.layers[layer].passes_through and layer > weighted[-2]:
        layer -= 1  # which puts out the same numbers
    return layer
