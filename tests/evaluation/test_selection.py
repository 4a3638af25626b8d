"""Greedy selection of an ensemble's members: examples by hand."""

import numpy as np
import pytest
from tests.made_up import predictions

from handgrad.errors import UsageError
from handgrad.evaluation import Predictions, ensemble, select_greedily


def of(*rows):
    """A model that gives class 0 these probabilities; the classes are 0, 0, 0, 1, 1, 1."""
    first = np.array(rows)
    return Predictions(np.stack([first, 1 - first], axis=1), np.array([0, 0, 0, 1, 1, 1]), ("0", "1"))


def mean(library, picks):
    return ensemble([library[place] for place in picks])


def test_a_member_that_is_right_where_the_best_is_wrong():
    best = of(0.9, 0.9, 0.4, 0.1, 0.1, 0.1)  # wrong on the third image, by little
    twin = of(0.9, 0.8, 0.4, 0.1, 0.1, 0.1)
    other = of(0.8, 0.3, 0.9, 0.1, 0.7, 0.3)  # wrong on two images; its mean with the best one is right everywhere
    library = [twin, best, other]
    picks = select_greedily(library)
    assert picks[:2] == [1, 2]
    assert mean(library, picks).right.all()


def test_a_member_counts_several_times():
    """Of equal parts, the first image's mean is (0.9 + 0) / 2, below a half; of two to one, it is 0.6."""
    library = [of(0.9, 0.45, 0.9, 0.1, 0.1, 0.1), of(0.0, 0.9, 0.9, 0.1, 0.1, 0.1)]
    picks = select_greedily(library)
    assert mean(library, picks).right.all()
    assert not mean(library, [0, 1]).right.all()
    assert picks.count(0) >= 2 * picks.count(1) >= 2


def test_one_that_nothing_adds_to_stays_alone():
    right, wrong = of(0.9, 0.9, 0.9, 0.1, 0.1, 0.1), of(0.1, 0.1, 0.1, 0.9, 0.9, 0.9)
    assert select_greedily([wrong, right, wrong]) == [1]


def test_the_selection_is_never_worse_than_its_best_member():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 80)
    library = []
    for _ in range(12):
        scores = rng.random((80, 4)) + 0.4 * np.eye(4)[labels]
        library.append(Predictions(scores / scores.sum(axis=1, keepdims=True), labels, tuple("abcd")))
    picks = select_greedily(library)
    mean = np.mean([library[place].scores for place in picks], axis=0)
    together = np.mean(mean.argmax(axis=1) == labels)
    assert len(set(picks)) > 2
    assert together > max(each.right.mean() for each in library)


def test_only_probabilities_for_the_same_images_can_be_averaged():
    one = predictions([0, 1], [0, 1])
    for other in (predictions([1, 0], [0, 1]), one._replace(probabilistic=False)):
        with pytest.raises(UsageError, match="same images"):
            select_greedily([one, other])
