"""Predictions made up for a test, and random ones for properties."""

import numpy as np
from hypothesis import strategies as st

from handgrad.evaluation import Predictions


def predictions(true, guessed, classes=None, sure=0.9):
    """A model that takes an image of class true[i] for guessed[i], with probability `sure`."""
    classes = classes or max(*true, *guessed) + 1
    scores = np.full((len(true), classes), (1 - sure) / max(classes - 1, 1))
    scores[np.arange(len(true)), guessed] = sure
    return Predictions(scores, np.array(true, np.int64), tuple(map(str, range(classes))))


@st.composite
def any_predictions(draw):
    """1 to 40 images of 2 to 6 classes, some of which may be absent or never guessed, with ties among scores."""
    classes, images = draw(st.integers(2, 6)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.integers(1, 8, (images, classes)) * (rng.random(classes) < 0.8) + 0.5
    labels = rng.integers(0, draw(st.integers(1, classes)), images)
    return Predictions(scores / scores.sum(axis=1, keepdims=True), labels, tuple(map(str, range(classes))))
