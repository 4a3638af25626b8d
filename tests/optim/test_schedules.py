"""What every row of SCHEDULES must do, and parity with PyTorch's schedulers step by step."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ingredients import optim
from tests.optim.bounds import refusals
from tests.rounding import assert_close, gamma

from handgrad.errors import UsageError
from handgrad.optim import SCHEDULES

TOTALS = [1, 2, 3, 10, 1000]
FACTOR = 20  # roundings in a factor: a cosine or power of a quotient


def all_rates(schedule, total):
    return schedule.rates(0.5, 0, total, total)


@pytest.mark.parametrize("name", SCHEDULES)
def test_finite_and_not_negative(name):
    for warmup, total in itertools.product([1, 5, 2000], TOTALS):
        rates = all_rates(SCHEDULES[name](warmup_steps=warmup), total)
        assert rates.shape == (total,)
        assert rates.dtype == np.float64
        assert np.isfinite(rates).all(), (warmup, total)
        assert (rates >= 0).all(), (warmup, total)
        assert (rates <= 0.5 * (1 + gamma(FACTOR))).all(), (warmup, total)


@pytest.mark.parametrize("name", SCHEDULES)
def test_steps_beyond_the_planned_total_stay_finite(name):
    rates = SCHEDULES[name]().rates(0.5, 90, 30, 100)
    assert np.isfinite(rates).all()
    assert (rates >= 0).all()


@pytest.mark.parametrize("name", SCHEDULES)
@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 100), max_size=6))
def test_does_not_depend_on_how_steps_are_cut(name, cuts):
    schedule = SCHEDULES[name]()
    edges = [0, *sorted(cuts), 100]
    chunks = [schedule.rates(0.5, a, b - a, 100) for a, b in itertools.pairwise(edges)]
    assert np.array_equal(np.concatenate(chunks), all_rates(schedule, 100))


@pytest.mark.parametrize("name", SCHEDULES)
def test_warm_up_comes_before_the_schedule(name):
    warm, cold = SCHEDULES[name](warmup_steps=4), SCHEDULES[name](warmup_steps=1)
    # Step s of the warm-up has s/5 of the rate with which the schedule itself begins; the schedule then has 40 steps.
    begin = cold.rates(0.5, 1, 1, 41)[0]
    np.testing.assert_allclose(
        warm.rates(0.5, 0, 4, 44), begin * np.array([0.2, 0.4, 0.6, 0.8]), rtol=2 * gamma(FACTOR)
    )
    np.testing.assert_allclose(warm.rates(0.5, 4, 40, 44), cold.rates(0.5, 1, 40, 41), rtol=2 * gamma(FACTOR))


@pytest.mark.parametrize("name", SCHEDULES)
def test_out_of_range(name):
    for cls, field, bad in refusals([SCHEDULES[name]]):
        with pytest.raises(UsageError, match=rf"^{field} must be .*, got {bad!r} \(--{field}\)$"):
            cls(**{field: bad})


# Schedule, steps, and by the step, counted from 0, what is left of the learning rate
BY_HAND = {
    "constant": (optim.Constant(), 3, {0: 1, 1: 1, 2: 1}),
    "warmup": (optim.Warmup(warmup_steps=1), 3, {0: 0.5, 1: 1, 2: 1}),
    "step": (optim.StepDecay(schedule_steps=2, schedule_factor=0.5), 5, {0: 1, 1: 1, 2: 0.5, 3: 0.5, 4: 0.25}),
    # a factor of 1/4 every 2 steps: 1/2 a step
    "exponential": (optim.Exponential(0, 2, 0.25), 4, {0: 1, 1: 0.5, 2: 0.25, 3: 0.125}),
    # (1 + cos 0, cos 60°, cos 120°) / 2 = 1, 3/4, 1/4
    "cosine": (optim.Cosine(), 3, {0: 1, 1: 0.75, 2: 0.25}),
    # The peak is step 0.3 * 30 - 1 = 8. Up from 0.04: (1 - cos 90°) / 2 = 1/2 of the other 0.96 is 0.48.
    # Down over 29 - 8 = 21 steps to 4e-6: after 7 of them (1 + cos 60°) / 2 = 3/4, and 1/4 of 4e-6.
    "one_cycle": (optim.OneCycle(), 30, {0: 0.04, 4: 0.52, 8: 1, 15: 0.75 + 1e-6, 29: 4e-6}),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name):
    schedule, total, factors = BY_HAND[name]
    rates = all_rates(schedule, total)
    for step, factor in factors.items():
        assert_close(rates[step], 0.5 * factor, 0.5 * gamma(FACTOR), f"{name}: learning_rate of step {step}")


TOTAL = 200
PAIRS = {
    "constant": (optim.Constant(), lambda lr, o: lr.ConstantLR(o, factor=1.0)),
    "step": (optim.StepDecay(0, 30, 0.7), lambda lr, o: lr.StepLR(o, 30, 0.7)),
    "exponential": (optim.Exponential(0, 30, 0.7), lambda lr, o: lr.ExponentialLR(o, 0.7 ** (1 / 30))),
    "cosine": (optim.Cosine(), lambda lr, o: lr.CosineAnnealingLR(o, TOTAL)),
    "one_cycle": (optim.OneCycle(), lambda lr, o: lr.OneCycleLR(o, 0.5, TOTAL, cycle_momentum=False)),
    "warmup": (optim.Warmup(warmup_steps=49), lambda lr, o: lr.LinearLR(o, 1 / 50, 1.0, 49)),
}


@pytest.mark.parametrize(("schedule", "counterpart"), PAIRS.values(), ids=PAIRS.keys())
def test_as_in_pytorch(schedule, counterpart, torch):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler, expected = counterpart(torch.optim.lr_scheduler, optimizer), []
    for step in range(TOTAL):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < TOTAL - 1:
            scheduler.step()
    # PyTorch goes from a rate to the next by the quotient of two factors, each off by gamma, the largest being 1.
    rates, expected = all_rates(schedule, TOTAL), np.array(expected)
    allowed = 2 * gamma(FACTOR) * expected * np.cumsum(0.5 / expected)
    assert_close(rates, expected, allowed, f"{type(schedule).__name__}: learning_rate")


def test_one_cycle_rises_to_its_peak_once():
    rates = all_rates(optim.OneCycle(), 1000)
    top = int(rates.argmax())
    assert math.isclose(rates[top], 0.5)
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
