"""Estimated hours: from works that are counted by hand, and times that are made up or measured."""

import numpy as np
import pytest

from handgrad.config import RunConfig
from handgrad.data import load
from handgrad.sweeps import read_sweep
from handgrad.sweeps.timing import Work, estimate, fit, work_of

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
    assert work_of(config, digits) == pytest.approx(
        Work(steps, steps * parameters, 2 * images * parameters, 2 * images * outputs)
    )


def test_a_convolution_multiplies_its_weights_at_every_place():
    config = RunConfig(dataset="digits", layers=["conv2d:3,3"], epochs=1)
    digits = load("digits")
    images = 0.9 * len(digits.y_train)
    convolution, output = (9 + 1) * 3, 3 * 64 * 10 + 10
    assert work_of(config, digits).products == pytest.approx(images * (convolution * 64 + output))


def test_fit_finds_the_rates_and_no_negative_ones():
    generator = np.random.default_rng(0)
    works = [Work(*row) for row in generator.uniform(1, 100, (20, 4))]
    timing = fit(works, [2.0 * work.steps + 0.5 * work.products for work in works])
    assert timing.rates == pytest.approx((2.0, 0.0, 0.5, 0.0), abs=1e-9)
    assert timing.error == pytest.approx(0, abs=1e-9)
    assert timing.seconds(Work(10, 1, 4, 1)) == pytest.approx(22)
    assert min(fit(works, generator.uniform(1, 2, 20)).rates) >= 0


def test_the_mean_is_that_of_the_whole_space():
    def made_up(config, dataset):
        return 1e-3 * work_of(config, dataset).steps

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
