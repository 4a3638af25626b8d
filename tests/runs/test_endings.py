"""Why runs end, and with which weights."""

import json
import logging
import re

import numpy as np
import pytest

from handgrad.errors import DivergedError, UsageError
from handgrad.runs import Run, open_run
from handgrad.runs.recording import journal, writing_log
from handgrad.training import Callback, load_model


class Watch(Callback):
    """Remembers the weights after each epoch, and may spoil those of one."""

    def __init__(self, spoil=None, factor=1.0):
        self.weights, self.spoil, self.factor = [], spoil, factor

    def epoch_ended(self, trainer, epoch):
        self.weights.append(trainer.network.parameters.copy())
        if epoch.epoch == self.spoil:
            trainer.network.parameters *= self.factor


def test_the_best_epoch_is_kept(start):
    """After the second epoch the weights are set to nothing: the third cannot be the best."""
    watch = Watch(spoil=2, factor=0.0)
    run = start(callbacks=[watch], learning_rate=1e-3, epochs=4)
    best = run.metrics["best_epoch"]
    assert best == 2
    np.testing.assert_array_equal(run.load_model().parameters, watch.weights[1])
    assert run.metrics["validation"]["accuracy"] == run.metrics["epochs"][1]["validation_accuracy"]


def test_the_last_epoch_is_kept_where_that_is_asked_for(start):
    watch = Watch(spoil=2, factor=0.0)
    run = start(callbacks=[watch], learning_rate=1e-3, epochs=4, keep="last")
    assert run.metrics["best_epoch"] == 2
    np.testing.assert_array_equal(run.load_model().parameters, watch.weights[3])


def test_best_by_loss(start):
    run = start(monitor="validation_loss", epochs=5)
    losses = [epoch["validation_loss"] for epoch in run.metrics["epochs"]]
    assert run.metrics["best_epoch"] == 1 + losses.index(min(losses))


def test_patience(start):
    """Steps too small to change an answer: the first epoch stays the best, and two more are waited for."""
    run = start(learning_rate=1e-12, patience=2, epochs=50)
    assert run.metrics["stopped"] == "patience"
    assert len(run.metrics["epochs"]) == 3
    assert run.metrics["best_epoch"] == 1


def test_a_time_limit_and_what_is_left_of_it(start, go_on, same_end):
    """Each start trains one compiled call: many starts end as a single one without a limit."""
    whole = start(batch_size=500, name="whole")
    run = start(batch_size=500, time_limit=1e-9, name="bits")
    starts = 1
    while run.metrics["stopped"] == "time limit":
        assert run.metrics["steps"] == starts
        assert run.load_model().parameters.size == 1210
        run, starts = go_on(run), starts + 1
    assert starts == 9
    assert same_end(run, whole)


def test_no_validation(start):
    run = start(validation_fraction=0)
    assert set(run.metrics["validation"].values()) == {None}
    assert run.metrics["best_epoch"] is None
    assert run.metrics["epochs"][0]["validation_loss"] is None
    assert run.metrics["steps"] == 3 * 45  # 1438 images in batches of 32
    assert run.metrics["test"]["accuracy"] > 0.5


def test_a_batch_larger_than_the_data(start):
    run = start(batch_size=100_000)
    assert run.metrics["steps"] == 3
    assert run.metrics["epochs"][0]["train_loss"] == run.read_history().losses[0]


def test_no_images_left_to_train_on(start, tmp_path):
    with pytest.raises(UsageError, match="cannot hold out a part"):
        start(train_fraction=1e-6, validation_fraction=0.99)
    assert not (tmp_path / "runs").exists()


def test_the_test_set_is_measured_where_that_is_asked_for(start):
    run = start(log_test=True, evaluate_every=20)
    last = run.metrics["epochs"][-1]
    assert {"test_loss", "test_accuracy"} <= set(last)
    best = run.metrics["epochs"][run.metrics["best_epoch"] - 1]
    assert best["test_accuracy"] == run.metrics["test"]["accuracy"]
    evaluations = run.read_history().evaluations
    assert [each.step for each in evaluations] == [20, 40, 60, 80, 100, 120]
    assert all(0 <= each.test_accuracy <= 1 for each in evaluations)


def test_seeing_the_test_set_changes_nothing(start):
    assert start(log_test=True).model_file.read_bytes() == start(evaluate_every=7).model_file.read_bytes()


def test_divergence_names_the_step_and_what_overflowed(start, tmp_path):
    changes = {"optimizer": "sgd", "learning_rate": 1e20, "num_layers": 3}
    with pytest.raises(DivergedError) as caught:
        start(name="lost", log_every=50, **changes)
    found = re.match(
        r"training diverged: the loss of step (\d+) \(epoch 1\) is (nan|inf); the outputs of layer \d \(Dense\) are "
        r"the first not finite. Lower --learning_rate",
        str(caught.value),
    )
    run = open_run(tmp_path / "runs" / "lost")
    losses = [loss for line in run.history_file.read_text().splitlines() for loss in json.loads(line).get("losses", [])]
    assert int(found[1]) == len(losses) <= 50
    assert losses[-1] is None
    assert None not in losses[:-1]
    assert run.metrics["stopped"] == "diverged"
    assert run.metrics["steps"] == len(losses)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_divergence_keeps_the_best_weights(start, tmp_path, keep):
    """The weights overflow after the third epoch; the second was the best."""
    watch = Watch(spoil=3, factor=1e38)
    with pytest.raises(DivergedError, match=r"step 124 \(epoch 4\)"):
        start(callbacks=[watch], name="lost", epochs=5, keep=keep, monitor="validation_loss", checkpoint_seconds=0)
    run = open_run(tmp_path / "runs" / "lost")
    best = run.metrics["best_epoch"]
    np.testing.assert_array_equal(run.load_model().parameters, watch.weights[best - 1])
    np.testing.assert_array_equal(load_model(run.best_file).parameters, watch.weights[best - 1])
    assert run.metrics["validation"]["loss"] == run.metrics["epochs"][best - 1]["validation_loss"]
    assert len(run.metrics["epochs"]) == 3


LAST_STEP = {"optimizer": "sgd", "learning_rate": 1e30, "batch_size": 5000, "epochs": 1, "name": "lost"}


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_an_overflow_in_the_very_last_update(start, tmp_path, activation):
    """The loss of the only step is finite: the validation loss, NaN here and infinite there, tells."""
    with pytest.raises(DivergedError, match=r"the validation loss after step 1 \(epoch 1\) is (nan|inf)"):
        start(activation=activation, hidden_size=128, **LAST_STEP | {"learning_rate": 1e38})
    run = open_run(tmp_path / "runs" / "lost")
    assert run.metrics["stopped"] == "diverged"
    assert run.metrics["epochs"] == []


def test_an_overflow_that_no_validation_set_shows(start, tmp_path):
    with pytest.raises(DivergedError, match="the final network's outputs are NaN"):
        start(validation_fraction=0, **LAST_STEP)
    run = open_run(tmp_path / "runs" / "lost")
    assert run.metrics["stopped"] == "diverged"
    assert set(run.metrics["test"].values()) == {None}
    with pytest.raises(UsageError, match="has no model yet"):
        run.load_model()


def test_a_diverged_run_diverges_again(start, go_on, tmp_path):
    changes = {"optimizer": "sgd", "learning_rate": 1e20, "num_layers": 3, "name": "lost"}
    with pytest.raises(DivergedError) as first:
        start(**changes)
    with pytest.raises(DivergedError) as second:
        go_on(open_run(tmp_path / "runs" / "lost"))
    assert str(first.value) == str(second.value)


def test_a_line_that_comes_too_late_does_not_open_the_log_again(tmp_path):
    """Another thread may have found the handler just before it was taken away."""
    with writing_log(Run(tmp_path)):
        handler = journal.handlers[-1]
        journal.info("in time")
    handler.handle(logging.LogRecord("handgrad", logging.INFO, "", 0, "too late", (), None))
    assert handler.stream is None
    assert [line.split(" ", 2)[2] for line in (tmp_path / "log.txt").read_text().splitlines()] == ["INFO in time"]
