"""Numbers about networks, against the same ones worked out otherwise."""

import math

import numpy as np
import pytest
import sklearn.metrics
from scipy import stats
from tests.ingredients import nn

from handgrad.data import load
from handgrad.evaluation import class_means, confusion_matrix, mean_interval, measure
from handgrad.nn import Network, SquaredError


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def network(**changes):
    layers = [nn.Flatten(), nn.Dense(20), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.5), nn.Dense(10)]
    return Network(layers, (8, 8), seed=3, **changes)


def probabilities(net, images):
    """The oracle: the layers written out, evaluation mode, from the parameters by name."""
    v = {name: view.astype(float) for name, view in net.views.items()}
    x = images.reshape(len(images), -1) / 255
    x = x @ v["1.weight"] + v["1.bias"]
    x = v["2.gamma"] * (x - v["2.running_mean"]) / np.sqrt(v["2.running_variance"] + 1e-5) + v["2.beta"]
    z = np.maximum(x, 0) @ v["5.weight"] + v["5.bias"]
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("count", [1, 255, 256, 257, 359])
def test_measure(digits, count):
    """Numbers of images around the size of the batches that it works in."""
    net, x, y = network(dtype="float64"), digits.x_test[:count], digits.y_test[:count]
    p = probabilities(net, x)
    result = measure(net, x, y)
    assert result.accuracy == np.mean(p.argmax(axis=1) == y)
    assert result.loss == pytest.approx(-np.mean(np.log(p[np.arange(count), y])), rel=1e-12)


@pytest.mark.parametrize("classes", [3, 7])  # of seven, some have no image, or none taken for them
def test_class_means_are_scikit_learn_s(classes):
    generator = np.random.default_rng(classes)
    labels, predicted = generator.choice(classes, 20), generator.choice(classes, 20)
    balanced, f1 = class_means(labels, predicted, classes)
    occurring = [label for label in range(classes) if label in labels]
    expected = sklearn.metrics.recall_score(labels, predicted, labels=occurring, average="macro")
    assert balanced == pytest.approx(expected, rel=1e-15)
    assert f1 == pytest.approx(sklearn.metrics.f1_score(labels, predicted, average="macro"), rel=1e-15)


def test_measure_has_the_means_over_classes(digits):
    net, labels = network(), digits.y_test
    result = measure(net, digits.x_test, labels)
    assert result[2:] == class_means(labels, net.logits(digits.x_test).argmax(axis=1), 10)
    assert all(math.isnan(number) for number in measure(net, digits.x_test[:0], labels[:0]))


def test_measure_of_squared_error(digits):
    net, x, y = network(dtype="float64", loss=SquaredError()), digits.x_test, digits.y_test
    oracle = net.loss_and_gradients(x, y, training=False)
    assert measure(net, x, y).loss == pytest.approx(oracle, rel=1e-12)


def test_measure_of_some_rows(digits):
    net, rows = network(), np.array([5, 3, 300, 3])
    assert measure(net, digits.x_test, digits.y_test, rows) == measure(net, digits.x_test[rows], digits.y_test[rows])


def test_measure_of_nothing(digits):
    assert all(map(math.isnan, measure(network(), digits.x_test, digits.y_test, np.array([], int))))
    assert all(map(math.isnan, measure(network(), digits.x_test[:0], digits.y_test[:0])))


def test_measuring_changes_nothing(digits):
    net = network()
    before = net.parameters.tobytes(), net.buffers.tobytes()
    assert measure(net, digits.x_test, digits.y_test) == measure(net, digits.x_test, digits.y_test)
    assert (net.parameters.tobytes(), net.buffers.tobytes()) == before


def test_confusion_matrix(digits):
    net, x, y = network(), digits.x_test, digits.y_test
    expected = sklearn.metrics.confusion_matrix(y, probabilities(net, x).argmax(axis=1), labels=np.arange(10))
    counts = confusion_matrix(net, x, y)
    np.testing.assert_array_equal(counts, expected)
    assert counts.dtype == np.int64


def test_confusion_matrix_without_some_classes(digits):
    """Classes that no image has, or that are never guessed, keep their row and column."""
    net = network()
    rows = np.flatnonzero(digits.y_test == 4)
    counts = confusion_matrix(net, digits.x_test[rows], digits.y_test[rows])
    assert counts.shape == (10, 10)
    assert counts[4].sum() == counts.sum() == len(rows)
    assert confusion_matrix(net, digits.x_test[:0], digits.y_test[:0]).sum() == 0


@pytest.mark.parametrize("count", [2, 3, 5, 30])
@pytest.mark.parametrize("confidence", [0.95, 0.5])
def test_mean_interval(count, confidence):
    values = np.random.default_rng(count).normal(90, 3, count)
    low, high = stats.t.interval(confidence, count - 1, loc=values.mean(), scale=stats.sem(values))
    interval = mean_interval(values.tolist(), confidence)
    np.testing.assert_allclose(interval, (values.mean(), low, high, count), rtol=1e-12)


def test_mean_interval_by_hand():
    # 88, 90, 92: mean 90, s = 2, t(2) at 97.5 % = 4.302653: 90 +- 4.302653 * 2 / sqrt(3) = 90 +- 4.968276
    assert mean_interval([88, 90, 92]) == pytest.approx((90, 85.031724, 94.968276, 3))


def test_mean_interval_of_one_value_has_no_ends():
    mean, low, high, count = mean_interval([97.5])
    assert (mean, count) == (97.5, 1)
    assert math.isnan(low)
    assert math.isnan(high)
