"""The course of a training in one number, on curves whose shape is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handgrad.claims.evidence import bend, first_at_or_below, logged, of_course, roughness
from handgrad.training.history import Epoch, History

LOSSES = st.lists(st.floats(-10, 10), min_size=3, max_size=30)


def test_points_are_means_and_a_short_rest_is_left_out():
    assert logged([1, 3, 5, 7, 100], 2) == [2, 6]
    assert logged([1], 2) == []


@given(LOSSES, st.floats(-10, 10))
def test_the_first_point_that_is_low_enough(points, level):
    found = first_at_or_below(points, level)
    assert all(point > level for point in points[: found - 1 if found else len(points)])
    assert found is None or points[found - 1] <= level


def test_roughness_by_hand():
    # second differences of 4, 2, 3, 1: 3 - 4 + 4 = 3 and 1 - 6 + 2 = -3; their mean size 3, over the range of 3
    assert roughness([4, 2, 3, 1]) == pytest.approx(1.0)
    assert roughness([5, 4, 3, 2]) == 0
    assert math.isnan(roughness([1, 1, 1]))
    assert math.isnan(roughness([1, 2]))


def test_noise_is_rougher_than_the_curve_below_it():
    curve = np.exp(-np.arange(50) / 10)
    noise = np.random.default_rng(0).normal(0, 0.05, 50)
    assert roughness(curve + noise) > 5 * roughness(curve)


@given(LOSSES.filter(lambda points: max(points) - min(points) > 0.1), st.floats(0.5, 4), st.floats(-5, 5))
def test_the_unit_of_the_loss_does_not_matter(points, scale, shift):
    assert roughness([scale * point + shift for point in points]) == pytest.approx(roughness(points), rel=1e-6)


@pytest.mark.parametrize("place", [2, 5, 11])
def test_a_line_with_one_bend_bends_there(place):
    assert bend([min(epoch, place) * 1.5 for epoch in range(1, 13)]) == place


def test_too_short_a_course_has_no_bend():
    assert bend([1, 2, 3]) is None


def history(losses, accuracies=()):
    rows = [Epoch(n, n, 0.5, 0.5, 0.5, accuracy, 0.1, 1.0) for n, accuracy in enumerate(accuracies, 1)]
    return History(losses=list(losses), epochs=rows)


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        ("starting_loss", 3.5),
        ("steps_to_loss@2", 4),  # the second point, of steps 3 and 4
        ("steps_to_loss@0.5", 6),  # never: all of the steps
        ("roughness", 0.5 / 2.5),  # points 3.5, 2, 1: second difference 1 - 4 + 3.5, range 2.5
        ("plateau_epoch", 2),
        ("best_epoch", 3),
    ],
)
def test_a_course_by_hand(measure, value):
    course = history([4, 3, 2, 2, 1, 1], [0.5, 0.8, 0.82, 0.81])
    assert of_course(measure, course, 2) == pytest.approx(value)


@pytest.mark.parametrize("measure", ["starting_loss", "steps_to_loss@1", "roughness", "plateau_epoch", "best_epoch"])
def test_nothing_is_measured_of_nothing(measure):
    assert of_course(measure, history([], [math.nan]), 10) is None
