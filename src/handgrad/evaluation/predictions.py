"""What a model predicts for images whose classes are known, and how well a network does on a set of images."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from handgrad.errors import DivergedError, UsageError
from handgrad.kernels import driver
from handgrad.nn import Network
from handgrad.nn.network import EVALUATION_ROWS

Array = NDArray[Any]


class Predictions(NamedTuple):
    """A score of every class for every image, and the true classes.

    `scores` are probabilities; where `probabilistic` is False (an SVM's decision function, votes) they only rank.

    Shapes  scores (N, K) float64; labels (N,) int64 in [0, K)
    """

    scores: Array
    labels: Array
    class_names: tuple[str, ...]
    probabilistic: bool = True

    @property
    def classes(self) -> int:
        """How many classes there are, also those without an image."""
        return len(self.class_names)

    @property
    def predicted(self) -> Array:
        """The class of the highest score; the first one of several.  Shapes  -> (N,) int64"""
        return self.scores.argmax(axis=1)

    @property
    def right(self) -> Array:
        """Whether an image was taken for what it is.  Shapes  -> (N,) bool"""
        return self.predicted == self.labels


def predict(network: Network, images: Array, labels: Array, class_names: Sequence[str] = ()) -> Predictions:
    """The network's probabilities, worked out in float64 so that none is rounded to 0 or to its neighbour's.

    Classes are called as `class_names` says, or as the network does, or by their numbers.

    Shapes  images (N, *input_shape) uint8 or float; labels (N,) int in [0, K)
    Raises  UsageError for images or labels that do not fit; DivergedError when an output is not finite.
    """
    network.batches(images, labels)  # which checks both
    logits = network.logits(images).astype(np.float64)
    broken = np.count_nonzero(~np.isfinite(logits).all(axis=1))
    if broken:
        raise DivergedError(f"the network's outputs are not finite for {broken} of {len(logits)} images: it diverged")
    names = tuple(class_names) or network.class_names or tuple(map(str, range(network.classes)))
    return Predictions(softmax(logits, axis=1), np.asarray(labels, np.int64), names)


def require_images(predictions: Predictions) -> None:
    """Raises  UsageError when there are none: no share of nothing is a number."""
    if not len(predictions.labels):
        raise UsageError("there are no images to evaluate on: choose another part or data set (--on, --dataset)")


def same_images(one: Predictions, other: Predictions) -> bool:
    """Whether two models can be compared image by image, as far as labels and classes tell."""
    return one.class_names == other.class_names and np.array_equal(one.labels, other.labels)


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
