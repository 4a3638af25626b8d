"""The statistics, against SciPy and by hand; and what turning a comparison round must do."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, fisher_exact, norm, ttest_ind

from handgrad.claims.wording import highest_of
from handgrad.evaluation.difference import bare, compare, counted, exact, minus, over_seeds, share, spread

ACCURACIES = st.integers(0, 10_000).map(lambda right: counted(right, 10_000, 100))
SEEDS = st.lists(st.floats(80, 100), min_size=2, max_size=6).map(over_seeds)
FEW = st.integers(0, 20).map(lambda right: counted(right, 20, 100))


def test_two_shares_by_hand():
    # p = (0.9728 + 0.9721) / 2 = 0.97245; sqrt(p (1 - p) 2 / 10000) = 0.0023147; z = -0.0007 / 0.0023147 = -0.3024
    difference = compare(share(97.21, 10_000, 100), share(97.28, 10_000, 100))
    assert difference.test == "z"
    assert difference.statistic == pytest.approx(-0.3024, abs=1e-4)
    assert difference.sign == 0


def test_two_shares_as_scipy():
    difference = compare(share(0.9504, 10_000, 1), share(0.9466, 5000, 1))
    expected = chi2_contingency([[9504, 496], [4733, 267]], correction=False)
    assert difference.p == pytest.approx(expected.pvalue)
    assert difference.statistic**2 == pytest.approx(expected.statistic)


def test_few_images_are_compared_exactly():
    difference = compare(counted(19, 20, 100), counted(17, 20, 100))
    assert difference.test == "Fisher's exact test"
    assert difference.p == pytest.approx(fisher_exact([[19, 1], [17, 3]])[1])
    assert difference.p == pytest.approx(0.605, abs=5e-4)


def test_seeds_as_scipy():
    a, b = [97.1, 97.4, 97.2, 97.3], [96.9, 97.0, 96.2]
    difference = compare(over_seeds(a), over_seeds(b))
    expected = ttest_ind(a, b, equal_var=False)
    assert (difference.statistic, difference.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert (difference.low, difference.high) == pytest.approx(tuple(expected.confidence_interval()))


def test_a_printed_spread_is_the_list_it_came_from():
    # 97, 98, 99: mean 98, deviation 1
    assert spread(98, 1, 3) == over_seeds([97, 98, 99])


def test_the_interval_of_a_share():
    # 1.96 sqrt(0.974 0.026 / 10000) = 0.0031
    assert share(97.4, 10_000, 100).half_width == pytest.approx(0.312, abs=1e-3)


def test_against_a_margin():
    # (8.40 - 10) / sqrt(0.9721 0.0279 / 10000 + 0.8881 0.1119 / 10000) = -1.6 / 0.3557 = -4.498
    difference = compare(share(97.21, 10_000, 100), share(88.81, 10_000, 100), by=10)
    assert difference.statistic == pytest.approx(-4.498, abs=2e-3)
    assert difference.sign == -1


def test_a_gap_by_hand():
    # variances in points^2: 0.9693 0.0307 / 6 + 0.9608 0.0392 = 0.00496 + 0.03766
    gap = minus(share(96.93, 60_000, 100), share(96.08, 10_000, 100))
    assert gap.value == pytest.approx(0.85)
    assert gap.variance == pytest.approx(0.04262, abs=1e-5)


def test_numbers_without_a_spread_cannot_be_told_apart():
    assert compare(bare(1.2664), bare(1.9)).sign == 0
    assert math.isnan(compare(bare(1.2664), bare(1.9)).p)


def test_runs_that_all_ended_alike_say_nothing_of_the_next():
    assert compare(over_seeds([97.0, 97.0]), over_seeds([96.0, 96.0])).sign == 0


def test_exact_numbers():
    assert compare(exact(109_386), exact(2_174)).sign == 1
    assert compare(exact(5), exact(5)).sign == 0


@settings(deadline=None)
@given(st.one_of(ACCURACIES, SEEDS), st.one_of(ACCURACIES, SEEDS))
def test_turned_round_everything_is_mirrored(a, b):
    mirrored(a, b)


@settings(deadline=None)
@given(FEW, FEW)
def test_turned_round_few_images_are_mirrored(a, b):
    mirrored(a, b)


def mirrored(a, b):
    one, other = compare(a, b), compare(b, a)
    assume(not math.isnan(one.p))
    assert other.value == -one.value
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low))
    assert other.p == pytest.approx(one.p)
    assert other.sign == -one.sign


@settings(deadline=None)
@given(st.one_of(ACCURACIES, SEEDS))
def test_nothing_differs_from_itself(a):
    assert compare(a, a).sign == 0


def test_the_best_of_two_is_above_the_mean_by_one_over_root_pi():
    assert highest_of(1) == pytest.approx(0, abs=1e-9)
    assert highest_of(2) == pytest.approx(1 / math.sqrt(math.pi))
    assert highest_of(3) == pytest.approx(1.5 / math.sqrt(math.pi))


def test_the_best_of_many_is_near_its_quantile():
    # Blom's approximation of the mean of the highest of n: the quantile (n - 0.375) / (n + 0.25)
    assert highest_of(1000) == pytest.approx(norm.ppf(999.625 / 1000.25), rel=5e-3)
