"""Bounds declared beside hyper-parameters."""

import numpy as np
import pytest
from tests.ingredients import optim

from handgrad.errors import UsageError, in_words, within


@pytest.mark.parametrize(
    ("value", "interval", "inside"),
    [
        (0.0, "[0, 1)", True),
        (1.0, "[0, 1)", False),
        (0.0, "(0, inf)", False),
        (float("inf"), "(0, inf)", False),
        (float("nan"), "(-inf, inf)", False),
        (1.0, "(0, 1]", True),
    ],
)
def test_an_interval_includes_what_its_brackets_say(value, interval, inside):
    assert within(value, interval) is inside


def test_intervals_in_words():
    words = [in_words(each) for each in ("(0, inf)", "[0, inf)", "[0, 1)")]
    assert words == ["positive", "zero or positive", "in [0, 1)"]


def test_numpy_numbers_are_numbers_and_counts_are_whole():
    assert optim.Adam(np.float32(0.1)).learning_rate == np.float32(0.1)
    with pytest.raises(UsageError, match="schedule_steps must be a whole number, got 2"):
        optim.StepDecay(schedule_steps=2.5)


@pytest.mark.parametrize("wrong", ["0.1", True, None, float("nan"), -1.0])
def test_what_is_no_positive_number_is_refused_by_name(wrong):
    with pytest.raises(UsageError, match=r"learning_rate must be positive, got .* \(--learning_rate\)"):
        optim.Adam(wrong)
