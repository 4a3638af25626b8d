"""Estimated hours, from costs that are counted by hand; how closely trials follow one another, from times in logs."""

import numpy as np
import pytest
from tests.sweeps.conftest import drive

from benchmarks.training_times import Span, lengths, spans, waits
from handgrad.config import RunConfig
from handgrad.data import load
from handgrad.runs import Run
from handgrad.sweeps import read_sweep
from handgrad.sweeps.timing import Cost, cost_of, estimate, fit

DIGITS = {"dataset": {"value": "digits"}, "dropout": {"value": 0}, "batch_norm": {"value": False}}
SWEEP = {
    "method": "random",
    "parameters": {
        **DIGITS,
        "num_layers": {"values": [1, 2]},
        "hidden_size": {"min": 8, "max": 256},
        "batch_size": {"values": [16, 32, 64]},
        "epochs": {"min": 1, "max": 20},
    },
}


def test_work_of_a_small_network():
    # Flatten, Dense 16, ReLU, Dense 10 on the 8 x 8 digits, of which a tenth is held out.
    config = RunConfig(
        dataset="digits", num_layers=1, hidden_size=16, batch_norm=False, dropout=0, epochs=2, batch_size=100
    )
    digits = load("digits")
    images = 0.9 * len(digits.y_train)
    parameters = 64 * 16 + 16 + 16 * 10 + 10
    outputs = 64 + 16 + 16 + 10
    steps = 2 * np.ceil(images / 100)
    assert cost_of(config, digits) == pytest.approx(
        Cost(steps, steps * parameters, 2 * images * parameters, 2 * images * outputs)
    )


def test_a_convolution_multiplies_its_weights_at_every_place():
    config = RunConfig(dataset="digits", layers=["conv2d:3,3"], epochs=1)
    digits = load("digits")
    images = 0.9 * len(digits.y_train)
    convolution, output = (9 + 1) * 3, 3 * 64 * 10 + 10
    assert cost_of(config, digits).products == pytest.approx(images * (convolution * 64 + output))


def test_fit_finds_the_rates_and_no_negative_ones():
    generator = np.random.default_rng(0)
    costs = [Cost(*row) for row in generator.uniform(1, 100, (20, 4))]
    timing = fit(costs, [2.0 * work.steps + 0.5 * work.products for work in costs])
    assert timing.rates == pytest.approx((2.0, 0.0, 0.5, 0.0), abs=1e-9)
    assert timing.error == pytest.approx(0, abs=1e-9)
    assert timing.seconds(Cost(10, 1, 4, 1)) == pytest.approx(22)
    assert min(fit(costs, generator.uniform(1, 2, 20)).rates) >= 0


def test_the_mean_is_that_of_the_whole_space():
    def made_up(config, dataset):
        return 1e-3 * cost_of(config, dataset).steps

    guess = estimate(read_sweep(SWEEP), RunConfig(), made_up)
    # Mean over 1 to 20 epochs, 10.5, times the mean over the batch sizes of the steps in an epoch.
    images = 0.9 * len(load("digits").y_train)
    expected = 1e-3 * 10.5 * np.mean([np.ceil(images / size) for size in (16, 32, 64)])
    assert guess.seconds == pytest.approx(expected, rel=0.15)  # 200 draws
    assert guess.low == pytest.approx(guess.high) == pytest.approx(guess.seconds)


def test_measured_times_are_of_the_right_order():
    guess = estimate(read_sweep(SWEEP), RunConfig())
    assert 0 < guess.low <= guess.seconds <= guess.high
    assert guess.seconds < 60


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


def test_a_log_has_a_span_for_each_time_that_its_training_came_to_an_end(tmp_path):
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
