"""How far an answer about one picture can be trusted: how often it is right when so sure, and what it knows."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation.predictions import Predictions

Array = NDArray[Any]
NEIGHBOURS = 10_000  # training images among which the nearest is looked for
REFERENCES = 500  # test images whose distances are the usual ones
UNUSUAL = 0.99  # quantile of these, beyond which a picture is unlike the training images
FEWEST = 50  # test images on which the share of right answers is estimated


class Familiarity(NamedTuple):
    """Training images of length 1, and the distance to the nearest of them within which most test images lie."""

    known: Array
    usual: float

    def unlike(self, pictures: Array) -> Array:
        """Which pictures are farther from every training image than 99 % of the test images.  Shapes  -> (N,) bool"""
        return _distances(pictures, self.known) > self.usual


def familiarity(train: Array, test: Array) -> Familiarity:
    """By the cosine distance of pixels, which does not depend on brightness.

    Shapes  train, test (N, ...) any number of each; evenly spaced ones are used
    """
    known = _unit(_some(train, NEIGHBOURS))
    return Familiarity(known, float(np.quantile(_distances(_some(test, REFERENCES), known), UNUSUAL)))


class Trust(NamedTuple):
    """Of `images` test images with the most similar probability of the answer, the share that was right."""

    share: float
    images: int


def trust(predictions: Predictions, probability: float) -> Trust:
    """The share of right answers among the FEWEST test images whose highest probability is nearest to this one."""
    nearest = np.argsort(np.abs(predictions.scores.max(axis=1) - probability), kind="stable")[:FEWEST]
    return Trust(float(predictions.right[nearest].mean()), len(nearest))


def _some(images: Array, most: int) -> Array:
    return images[np.linspace(0, len(images) - 1, min(most, len(images))).astype(int)]


def _unit(images: Array) -> Array:
    flat = images.reshape(len(images), -1).astype(np.float32)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def _distances(images: Array, known: Array) -> Array:
    """Math  1 - max over known images of the cosine of the angle.  Shapes  -> (N,)"""
    return 1 - (_unit(images) @ known.T).max(axis=1)
