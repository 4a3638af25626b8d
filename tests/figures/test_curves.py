"""Numbers over iterations, by hand and against the run's own files."""

import numpy as np
import pytest

from handgrad.data import load
from handgrad.figures.curves import accuracy_data, loss_data, running_mean, smoothing_window
from handgrad.figures.learning_rate import learning_rate_data


def test_running_mean_by_hand():
    """Of 1, 5, 3, 7 over two: 1, (1 + 5) / 2, (5 + 3) / 2, (3 + 7) / 2."""
    assert list(running_mean(np.array([1.0, 5.0, 3.0, 7.0]), 2)) == [1, 3, 4, 5]


def test_running_mean_weighs_batches_by_their_images():
    """(0.5 * 100 + 1 * 20) / 120."""
    smooth = running_mean(np.array([0.5, 1.0]), 2, np.array([100.0, 20.0]))
    assert smooth[1] == pytest.approx(70 / 120)


@pytest.mark.parametrize(
    ("count", "window"), [(1, 1), (49, 1), (99, 1), (100, 2), (340, 5), (8440, 100), (50_000, 1000)]
)
def test_a_running_mean_spans_a_fiftieth_at_most(count, window):
    assert smoothing_window(count) == window


def test_curves_hold_what_the_history_holds(data_of):
    data = data_of("mlp")
    curves = loss_data(data)
    assert list(curves.training) == data.run.read_history().losses
    epochs, evaluations = data.history.epochs, data.history.evaluations
    values = {row.step: row.validation_loss for row in (*evaluations, *epochs)}
    assert dict(zip(curves.validation.steps, curves.validation.values, strict=True)) == values
    assert list(curves.validation.steps) == sorted(values)


def test_an_epochs_last_batch_is_smaller(data_of):
    """1,293 training images in batches of 100: twelve of them and one of 93."""
    data = data_of("mlp")
    rows = len(data.split.train_rows)
    assert rows % 100
    assert list(data.batch_rows) == 2 * [*([100] * (rows // 100)), rows % 100]
    curves = accuracy_data(data)
    right = curves.training / 100 * data.batch_rows
    np.testing.assert_allclose(right, data.history.correct)


def test_the_test_set_measured_once_is_one_point_at_the_weights_kept(data_of):
    data = data_of("mlp")
    curves = accuracy_data(data)
    best = data.run.metrics["best_epoch"]
    assert curves.test_once
    assert list(curves.test.steps) == [data.history.epochs[best - 1].step]
    assert list(curves.test.values) == [100 * data.run.metrics["test"]["accuracy"]]


def test_weights_kept_of_the_last_epoch(data_of):
    data = data_of("no hidden layer")
    assert list(loss_data(data).test.steps) == [len(data.history.losses)]


def test_the_test_set_measured_each_epoch(data_of):
    data = data_of("cnn")
    curves = loss_data(data)
    assert not curves.test_once
    assert list(curves.test.values) == [epoch.test_loss for epoch in data.history.epochs]


def test_without_validation(data_of):
    curves = loss_data(data_of("one epoch"))
    assert len(curves.validation.steps) == 0
    assert "validation" not in curves.caption


def test_learning_rates_are_those_of_the_epochs(data_of):
    data = data_of("mlp")
    rates = learning_rate_data(data).rates
    assert len(rates) == len(data.history.losses)
    for epoch in data.history.epochs:
        assert rates[epoch.step - 1] == epoch.learning_rate


def test_the_table_has_a_row_an_iteration(data_of):
    data = data_of("cnn")
    lines = loss_data(data).table.csv().splitlines()
    assert lines[0] == "iteration,epoch,training_loss,training_loss_mean_of_1,validation_loss,test_loss"
    assert len(lines) == 1 + len(data.history.losses)
    assert lines[1] == f"1,{1 / data.steps_per_epoch!r},{data.history.losses[0]!r},{data.history.losses[0]!r},,"


def test_the_digits_are_the_digits(data_of):
    assert data_of("mlp").dataset.fingerprint == load("digits").fingerprint
