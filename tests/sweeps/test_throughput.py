"""How closely trials follow one another: times read from logs, and matched by hand."""

import pytest
from tests.sweeps.conftest import drive

from handgrad.runs import Run
from handgrad.sweeps.timing import Span, lengths, spans, waits

LOG = """\
2030-01-02 10:00:00,100 INFO training from step 0 of 90, 410 parameters
2030-01-02 10:00:00,250 INFO step 1 is made
2030-01-02 10:00:01,000 INFO epoch 1  step 45
2030-01-02 10:00:02,500 INFO interrupted at step 45, 2.1 s of training
2030-01-02 10:05:00,000 INFO training from step 45 of 90, 410 parameters
2030-01-02 10:05:00,125 INFO step 46 is made
2030-01-02 10:05:03,625 INFO finished at step 90, 5.4 s of training
2030-01-02 10:06:00,000 INFO training from step 45 of 90, 410 parameters
2030-01-02 10:06:00,125 INFO step 46 is made
"""


def test_a_log_has_a_stretch_for_each_time_that_its_training_came_to_an_end(tmp_path):
    (tmp_path / "log.txt").write_text(LOG)
    first, second = spans([Run(tmp_path)])
    assert first.over - first.stepped == pytest.approx(2.25)
    assert second.over - second.stepped == pytest.approx(3.5)
    assert second.stepped - first.stepped == pytest.approx(299.875)


# Two places: a and b from 0 on; c takes a's at 4.5 (free since 4), d takes b's at 6.25 (free since 6), e takes c's.
FIVE = {"a": (0, 4), "b": (1, 6), "c": (4.5, 8), "d": (6.25, 9), "e": (9.0, 10)}


def test_waits_and_lengths_of_five_trials_in_two_places():
    found = [Span(*FIVE[name]) for name in "ecadb"]
    assert waits(found, 2) == [0.5, 0.25, 1.0]
    mean = 1.75 / 3
    assert lengths(found, 2) == pytest.approx([1 + 1, 3.5 + 0.5, 4 + mean, 2.75 + 0.25, 5 + mean])


def test_too_few_to_wait_for_one_another():
    assert waits([Span(0, 1)], 2) == []
    assert lengths([Span(0, 1), Span(0, 2)], 2) == [1, 2]


def test_trials_of_a_sweep_one_after_the_other(make_sweep):
    sweep = make_sweep({"activation": ("relu", "tanh")}, base={"epochs": 1})
    drive(sweep)
    found = spans(sweep.run(trial) for trial in sweep.trials())
    assert len(found) == 2
    assert all(each.stepped <= each.over for each in found)
    (between,) = waits(found, 1)
    assert 0 <= between < 60
