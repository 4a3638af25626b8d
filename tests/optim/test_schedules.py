"""What every row of SCHEDULES must do, and parity with PyTorch's schedulers step by step."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.optim.bounds import refusals

from handgrad.errors import UsageError
from handgrad.optim import SCHEDULES, Constant, Cosine, Exponential, OneCycle, StepDecay, Warmup

TOTALS = [1, 2, 3, 10, 1000]


def all_rates(schedule, total):
    return schedule.rates(0.5, 0, total, total)


@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize("warmup", [1, 5, 2000])
@pytest.mark.parametrize("name", SCHEDULES)
def test_finite_and_not_negative(name, warmup, total):
    rates = all_rates(SCHEDULES[name](warmup_steps=warmup), total)
    assert rates.shape == (total,)
    assert rates.dtype == np.float64
    assert np.isfinite(rates).all()
    assert (rates >= 0).all()
    assert (rates <= 0.5 + 1e-15).all()


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
    np.testing.assert_allclose(warm.rates(0.5, 0, 4, 44), begin * np.array([0.2, 0.4, 0.6, 0.8]), rtol=1e-14)
    np.testing.assert_allclose(warm.rates(0.5, 4, 40, 44), cold.rates(0.5, 1, 40, 41), rtol=1e-14)


@pytest.mark.parametrize("name", SCHEDULES)
def test_out_of_range(name):
    for cls, field, bad in refusals([SCHEDULES[name]]):
        with pytest.raises(UsageError, match=rf"^{field} must be .*, got {bad} \(--{field}\)$"):
            cls(**{field: bad})


def test_by_hand():
    assert list(all_rates(Constant(), 3)) == [0.5, 0.5, 0.5]
    assert list(all_rates(Warmup(warmup_steps=1), 3)) == [0.25, 0.5, 0.5]
    assert list(all_rates(StepDecay(schedule_steps=2, schedule_factor=0.5), 5)) == [0.5, 0.5, 0.25, 0.25, 0.125]
    # a factor of 1/4 every 2 steps: 1/2 a step
    np.testing.assert_allclose(all_rates(Exponential(0, 2, 0.25), 4), [0.5, 0.25, 0.125, 0.0625], rtol=1e-15)
    # (1 + cos 0, cos 60°, cos 120°) / 2 = 1, 3/4, 1/4
    np.testing.assert_allclose(all_rates(Cosine(), 3), [0.5, 0.375, 0.125], rtol=1e-15)


TOTAL = 200
PAIRS = {
    "constant": (Constant(), lambda lr, o: lr.ConstantLR(o, factor=1.0)),
    "step": (StepDecay(0, 30, 0.7), lambda lr, o: lr.StepLR(o, 30, 0.7)),
    "exponential": (Exponential(0, 30, 0.7), lambda lr, o: lr.ExponentialLR(o, 0.7 ** (1 / 30))),
    "cosine": (Cosine(), lambda lr, o: lr.CosineAnnealingLR(o, TOTAL)),
    "one_cycle": (OneCycle(), lambda lr, o: lr.OneCycleLR(o, 0.5, TOTAL, cycle_momentum=False)),
    "warmup": (Warmup(warmup_steps=49), lambda lr, o: lr.LinearLR(o, 1 / 50, 1.0, 49)),
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
    np.testing.assert_allclose(all_rates(schedule, TOTAL), expected, rtol=1e-11, atol=1e-14)


def test_one_cycle_rises_to_its_peak_once():
    rates = all_rates(OneCycle(), 1000)
    top = int(rates.argmax())
    assert math.isclose(rates[top], 0.5)
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
