"""Which configurations of a sweep are good, and which of these are as different as can be: examples by hand."""

import math

import pytest
from tests.sweeps.conftest import BASE

from handgrad.config import RunConfig
from handgrad.evaluation import Interval
from handgrad.sweeps import SweepDefinition
from handgrad.sweeps.analysis.result import Entry
from handgrad.sweeps.posthoc.transfer import Space, choose, farthest_first, good, place
from handgrad.sweeps.space import Categorical, IntUniform, LogUniformValues, Normal, Uniform
from handgrad.sweeps.store import Trial


def entry(rank, tied=True, **values):
    trial = Trial(number=10 + rank, values=values, run=f"run-{rank}", seed=0)
    return Entry(rank, values, (trial,), Interval(0.9, 0.8, 1.0, 100), "images", tied, 1.0, "")


PLACES = {
    "listed numbers by their order": (Categorical((64, 32, 128)), {32: 0, 64: 0.5, 128: 1}),
    "names": (Categorical(("relu", "tanh")), {"relu": None}),
    "a switch is no number": (Categorical((True, False)), {True: None}),
    "numbers beside a list": (Categorical((16, (16, 8))), {16: None}),
    "whole numbers": (IntUniform(1, 5), {1: 0, 2: 0.25, 5: 1}),
    "evenly": (Uniform(0.0, 0.5), {0.1: 0.2}),
    "by decades": (LogUniformValues(1e-4, 1e-2), {1e-4: 0, 1e-3: 0.5, 1e-2: 1}),
    "by quantiles": (Normal(0.3, 0.1), {0.3: 0.5, 0.4: 0.5 + math.erf(1 / math.sqrt(2)) / 2}),
}


@pytest.mark.parametrize(("distribution", "places"), PLACES.values(), ids=PLACES)
def test_the_place_of_a_value_on_its_scale(distribution, places):
    for value, expected in places.items():
        assert place(distribution, value) == (None if expected is None else pytest.approx(expected, abs=1e-6))


@pytest.fixture
def space():
    parameters = {
        "optimizer": Categorical(("adam", "momentum")),
        "momentum": Categorical((0.5, 0.9)),
        "num_layers": IntUniform(1, 5),
        "learning_rate": LogUniformValues(1e-4, 1e-2),
    }
    return Space(SweepDefinition(parameters), RunConfig(**BASE))


def test_the_distance_is_a_mean_over_the_parameters(space):
    one = {"optimizer": "momentum", "momentum": 0.5, "num_layers": 1, "learning_rate": 1e-3}
    assert space.distance(one, one) == 0
    assert space.distance(one, one | {"momentum": 0.9}) == pytest.approx(1 / 4)
    assert space.distance(one, one | {"num_layers": 3}) == pytest.approx(0.5 / 4)
    assert space.distance(one, one | {"learning_rate": 1e-2, "num_layers": 5}) == pytest.approx((0.5 + 1) / 4)


def test_what_changes_nothing_counts_nothing(space):
    adam = {"optimizer": "adam", "momentum": 0.5, "num_layers": 1, "learning_rate": 1e-3}
    assert space.distance(adam, adam | {"momentum": 0.9}) == 0
    other = adam | {"momentum": 0.9, "optimizer": "momentum"}
    assert space.parts(adam, other) == {"optimizer": 1.0}


def test_farthest_first_on_a_line():
    """From 0 the farthest is 10, then 5, which is 5 from both; 1 and 4 are both 1 from another, and 1 comes first."""
    points = [0, 1, 4, 5, 10]
    assert farthest_first(points, 4, lambda a, b: abs(a - b)) == [0, 10, 5, 1]


def test_what_differs_in_nothing_is_left_out():
    assert farthest_first([3, 3, 4, 3, 4], 5, lambda a, b: abs(a - b)) == [3, 4]


def test_good_are_those_of_the_best_quarter_that_are_not_told_apart_from_the_best():
    tied = [True, True, True, False, True, *[True] * 15]
    entries = [entry(rank, tied=each) for rank, each in enumerate(tied, 1)]
    assert [each.rank for each in good(entries, 3)] == [1, 2, 3, 5]
    assert [each.rank for each in good(entries, 5)] == [1, 2, 3, 4, 5]
    assert [each.rank for each in good(entries[:4], 3)] == [1, 2, 3]
    assert [each.rank for each in good(entries[:4], 4)] == [1, 2, 3, 4]


def test_the_choice_explains_itself(space):
    """Sixteen configurations, the best quarter of which differ by hand; all others are worse and far away."""
    best = {"optimizer": "adam", "momentum": 0.5, "num_layers": 1, "learning_rate": 1e-3}
    near = best | {"num_layers": 2}
    far = best | {"num_layers": 5, "learning_rate": 1e-2}
    between = best | {"num_layers": 4}
    rest = [best | {"optimizer": "momentum", "num_layers": 1 + n % 5} for n in range(12)]
    entries = [entry(rank, **values) for rank, values in enumerate([best, near, far, between, *rest], 1)]
    choice = choose(entries, 3, space.definition, space.base)
    assert (choice.candidates, choice.tried) == (4, 16)
    assert [pick.entry.rank for pick in choice.picks] == [1, 3, 4]
    first, second, third = choice.picks
    assert (first.nearest, first.names) == (None, ())
    assert second.nearest.rank == 1
    assert second.distance == pytest.approx((1 + 0.5) / 4)
    assert second.names == ("num_layers", "learning_rate")
    assert third.nearest.rank == 1  # 0.75 / 4 from the best, (0.25 + 0.5) / 4 from the second: of equal ones the first
    assert third.distance == pytest.approx(0.75 / 4)
