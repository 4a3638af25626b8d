"""The history: which epoch is best, how long nothing has improved, and its lines on disk."""

import json
import math

import pytest

from handgrad.training import Epoch, Evaluation, History
from handgrad.training.history import read_record, records

NAN = math.nan


def history(accuracies, losses=None):
    losses = losses or [1.0] * len(accuracies)
    rows = [
        Epoch(n, 10 * n, 0.5, 0.5, loss, accuracy, 0.1, 0.25)
        for n, (accuracy, loss) in enumerate(zip(accuracies, losses, strict=True), 1)
    ]
    return History(epochs=rows)


@pytest.mark.parametrize(
    ("accuracies", "best", "stale"),
    [
        ([0.5], 1, 0),
        ([0.5, 0.6, 0.7], 3, 0),
        ([0.5, 0.7, 0.6, 0.6], 2, 2),
        ([0.7, 0.7, 0.7], 1, 2),
        ([0.0, 0.0], 1, 1),
        ([NAN, 0.5, NAN], 2, 1),
    ],
)
def test_best_by_accuracy(accuracies, best, stale):
    past = history(accuracies)
    assert past.best("validation_accuracy").epoch == best
    assert past.stale_epochs("validation_accuracy") == stale


def test_equal_accuracies_are_told_apart_by_loss():
    """Of few validation images, several epochs often have as many right; the same choice is made after a resume."""
    past = history([0.7, 0.9, 0.9, 0.9, 0.8], [0.1, 0.5, 0.3, 0.3, 0.2])
    assert past.best("validation_accuracy").epoch == 3
    assert past.stale_epochs("validation_accuracy") == 2


def test_best_by_loss():
    past = history([0.1, 0.2, 0.9], [2.0, 1.5, 1.75])
    assert past.best("validation_loss").epoch == 2
    assert past.stale_epochs("validation_loss") == 1


def test_nothing_to_choose_from():
    for past in (History(), history([NAN, NAN], [NAN, NAN])):
        assert past.best("validation_accuracy") is None
        assert past.stale_epochs("validation_accuracy") == 0


def full():
    past = history([0.5, NAN], [1.0, NAN])
    past.losses, past.correct = [0.1 + 0.2, 1e-300, 7.0] * 7, [1, 2, 3] * 7
    past.gradient_norms = {5: 0.1, 10: 1 / 3, 20: 4.0}
    past.evaluations = [Evaluation(4, 0.5, 0.6), Evaluation(14, 0.25, 0.7, 0.1, 0.2)]
    return past


def through_json(lines):
    back = History()
    for line in lines:
        read_record(back, json.loads(json.dumps(line, allow_nan=False)))
    return back


def test_lines_bring_back_every_bit():
    assert through_json(records(full(), 21)).same_as(full())


def test_lines_up_to_a_step():
    back = through_json(records(full(), 10))
    assert len(back.losses) == len(back.correct) == 10
    assert sorted(back.gradient_norms) == [5, 10]
    assert [each.step for each in back.evaluations] == [4]
    assert [each.epoch for each in back.epochs] == [1]


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_can_be_written(loss):
    past = History(losses=[1.0, loss], correct=[3, 0], gradient_norms={1: 0.5, 2: loss})
    back = through_json(records(past, 2))
    assert back.losses[0] == 1.0
    assert math.isnan(back.losses[1])
    assert back.gradient_norms == {1: 0.5}


@pytest.mark.parametrize(
    "line",
    [
        {"first": 3, "losses": [1.0], "correct": [1], "norms": {}},
        {"losses": [1.0]},
        {"first": 1, "losses": ["x"], "correct": [1]},
        {"first": 1, "losses": [1.0], "correct": [None]},
        {"epoch": {"epoch": 1}},
        {"evaluation": {"step": 1, "nonsense": 2}},
        {"nonsense": 1},
        [],
        7,
        None,
    ],
)
def test_lines_that_are_none(line):
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        read_record(History(), line)


def test_same_as_sees_every_difference():
    """But the seconds."""
    changes = [
        {"losses": [9.0] * 21},
        {"correct": [9] * 21},
        {"gradient_norms": {}},
        {"evaluations": []},
        {"epochs": full().epochs[:1]},
    ]
    for change in changes:
        other = full()
        vars(other).update(change)
        assert not full().same_as(other)
    later = full()
    later.epochs = [Epoch(**vars(epoch) | {"seconds": 99.0}) for epoch in later.epochs]
    assert full().same_as(later)
