"""Failures in their cells, and what they resemble, found again one by one."""

import numpy as np
import pytest

from handgrad.data import load
from handgrad.figures.base import DoesNotApplyError
from handgrad.figures.failures import failures_data, plot_failures


@pytest.fixture(scope="module")
def found(data_of):
    return failures_data(data_of("mlp", epochs=1))


def test_every_failure_once_the_largest_loss_first(found, data_of):
    digits, network = load("digits"), data_of("mlp", epochs=1).network
    probabilities = network.predict_proba(digits.x_test)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != digits.y_test)
    losses = -np.log(probabilities[wrong, digits.y_test[wrong]])
    np.testing.assert_array_equal(np.sort(found.rows), wrong)
    np.testing.assert_allclose(found.loss, np.sort(losses)[::-1], rtol=1e-5)
    np.testing.assert_array_equal(found.true, digits.y_test[found.rows])
    np.testing.assert_allclose(found.probability, probabilities[found.rows].max(axis=1), rtol=1e-5)


def test_a_cell_has_its_failure_of_the_largest_loss_and_the_diagonal_the_mean(found):
    digits = load("digits")
    for (i, j), count in np.ndenumerate(found.counts):
        if i != j and count:
            first = next(n for n, pair in enumerate(zip(found.true, found.predicted, strict=True)) if pair == (i, j))
            np.testing.assert_array_equal(found.cells[i, j], digits.x_test[found.rows[first]])
            assert np.count_nonzero((found.true == i) & (found.predicted == j)) == count
        elif i != j:
            assert np.isnan(found.cells[i, j]).all()
    fives = digits.x_test[(digits.y_test == 5)]
    kept = np.flatnonzero(digits.y_test == 5)
    right = ~np.isin(kept, found.rows)
    np.testing.assert_allclose(found.cells[5, 5], fives[right].mean(axis=0))


def test_nearest_images_by_looking_at_each(found, data_of):
    digits, rows = load("digits"), data_of("mlp", epochs=1).split.train_rows
    for n in range(0, len(found.nearest_class), 7):
        image = digits.x_test[found.rows[n]].astype(float) / 255
        apart = [np.linalg.norm(image - digits.x_train[row] / 255) for row in rows]
        for k, wanted in enumerate((None, found.predicted[n], found.true[n])):
            allowed = np.where([wanted is None or digits.y_train[row] == wanted for row in rows], apart, np.inf)
            assert found.distances[k, n] == pytest.approx(min(allowed))
            assert found.nearest[k, n] == rows[allowed.argmin()]
    as_predicted = np.count_nonzero(found.nearest_class == found.predicted[: len(found.nearest_class)])
    assert f"{as_predicted} are most like a training image of the class that they are taken for" in found.caption


def test_a_class_without_training_images_resembles_nothing(data_of, monkeypatch):
    data, (images, labels) = data_of("mlp", epochs=1), data_of("mlp", epochs=1).images("train")
    parts = {"test": data.images("test"), "train": (images[labels != 4], labels[labels != 4])}
    monkeypatch.setattr(data, "images", parts.get)
    found = failures_data(data)
    absent = found.true[: len(found.nearest_class)] == 4
    assert absent.any()
    assert np.isinf(found.distances[2]).tolist() == absent.tolist()
    assert np.isnan(found.resembled[2]).any(axis=(1, 2)).tolist() == absent[: found.resembled.shape[1]].tolist()
    plot_failures(found)


def test_a_run_without_a_failure_says_so(data_of, monkeypatch):
    data = data_of("mlp")
    said = data.predictions()
    monkeypatch.setitem(data._predictions, "test", said._replace(labels=said.predicted))
    with pytest.raises(DoesNotApplyError, match="every test image rightly"):
        failures_data(data)
