"""What a network says of images, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import log_loss, top_k_accuracy_score
from tests.ingredients import nn
from tests.made_up import any_predictions, predictions

from handgrad.data import load
from handgrad.errors import DivergedError, UsageError
from handgrad.evaluation import Predictions, ensemble, measure, predict, summarise, top_k_accuracy
from handgrad.evaluation.metrics import cross_entropy
from handgrad.nn import Network


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture
def network():
    return Network([nn.Flatten(), nn.Dense(12), nn.ReLU(), nn.Dense(10)], (8, 8), seed=1)


def test_a_network_s_predictions(digits, network):
    said = predict(network, digits.x_test, digits.y_test)
    assert said.class_names == tuple("0123456789")
    np.testing.assert_allclose(said.scores, network.predict_proba(digits.x_test), atol=1e-6)
    np.testing.assert_allclose(said.scores.sum(axis=1), 1, rtol=1e-12)
    assert said.right.mean() == measure(network, digits.x_test, digits.y_test).accuracy
    assert cross_entropy(said) == pytest.approx(measure(network, digits.x_test, digits.y_test).loss, rel=1e-5)


def test_class_names_are_the_given_ones_or_the_network_s_or_numbers(digits):
    names = tuple("abcdefghij")
    network = Network([nn.Flatten(), nn.Dense(10)], (8, 8), class_names=names)
    assert predict(network, digits.x_test, digits.y_test).class_names == names
    assert predict(network, digits.x_test, digits.y_test, names[::-1]).class_names == names[::-1]


def test_a_network_that_is_too_sure_is_not_rounded(digits, network):
    """Its outputs lie hundreds apart, and probabilities in float32 end at 1e-38."""
    network.parameters *= 10
    said = predict(network, digits.x_test, digits.y_test)
    assert said.scores.min() < 1e-60
    loss = measure(network, digits.x_test, digits.y_test).loss
    assert loss > 90
    assert cross_entropy(said) == pytest.approx(loss, rel=1e-5)


def test_a_network_that_diverged(digits, network):
    network.views["3.bias"][2] = np.nan
    with pytest.raises(DivergedError, match=r"not finite for 3 of 3 images"):
        predict(network, digits.x_test[:3], digits.y_test[:3])


def test_what_does_not_fit(digits, network):
    with pytest.raises(UsageError, match="labels must be in 0 to 9"):
        predict(network, digits.x_test[:1], np.array([10]))
    with pytest.raises(UsageError, match="as many labels"):
        predict(network, digits.x_test[:2], digits.y_test[:1])


def test_no_images(digits, network):
    nothing = predict(network, digits.x_test[:0], digits.y_test[:0])
    with pytest.raises(UsageError, match="no images to evaluate on"):
        summarise(nothing)


def test_top_k_by_hand():
    scores = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5], [0.4, 0.4, 0.2]])
    said = Predictions(scores, np.array([1, 0, 1]), ("a", "b", "c"))
    # ranks of the true classes: second; third; second, because the first of equal scores ranks higher
    assert [top_k_accuracy(said, k) for k in (1, 2, 3)] == [0, 2 / 3, 1]


@given(any_predictions())
def test_top_k(said):
    """Top-1 is the accuracy, top-K is 1, it never falls with k; scikit-learn agrees where no scores are equal."""
    shares = [top_k_accuracy(said, k) for k in range(1, said.classes + 1)]
    assert shares == sorted(shares)
    assert shares[0] == said.right.mean()
    assert shares[-1] == 1
    apart = said.scores + np.linspace(0, 1e-6, said.classes)
    if said.classes > 2:
        expected = top_k_accuracy_score(said.labels, apart, k=2, labels=range(said.classes))
        assert top_k_accuracy(said._replace(scores=apart), 2) == pytest.approx(expected)


@given(any_predictions())
def test_cross_entropy(said):
    assert cross_entropy(said) == pytest.approx(log_loss(said.labels, said.scores, labels=range(said.classes)))
    assert cross_entropy(said._replace(probabilistic=False)) is None


def test_an_ensemble_is_the_mean_of_probabilities():
    labels, names = np.array([0, 1]), ("a", "b")
    one = Predictions(np.array([[0.9, 0.1], [0.6, 0.4]]), labels, names)
    other = Predictions(np.array([[0.4, 0.6], [0.1, 0.9]]), labels, names)
    joint = ensemble([one, other])
    np.testing.assert_allclose(joint.scores, [[0.65, 0.35], [0.35, 0.65]])
    assert joint.probabilistic
    assert joint.right.tolist() == [True, True]


def test_an_ensemble_of_one_is_that_one():
    one = predictions([0, 1, 2], [0, 2, 1])
    np.testing.assert_array_equal(ensemble([one]).scores, one.scores)


def test_without_probabilities_an_ensemble_votes():
    """Of four votes, two for class 2 and two for class 0: the first member's word decides."""
    guesses = ([2, 0], [0, 1], [0, 1], [2, 1])
    members = [predictions([2, 1], each, 3) for each in guesses]
    members[3] = members[3]._replace(scores=1000 * members[3].scores, probabilistic=False)
    joint = ensemble(members)
    assert not joint.probabilistic
    assert joint.predicted.tolist() == [2, 1]
    np.testing.assert_allclose(joint.scores, [[0.5, 0, 0.5], [0.25, 0.75, 0]], atol=1e-5)


def test_members_of_an_ensemble_see_the_same_images():
    with pytest.raises(UsageError, match="the same images"):
        ensemble([predictions([0, 1], [0, 1]), predictions([1, 0], [0, 1])])
    with pytest.raises(UsageError, match="at least one run"):
        ensemble([])
