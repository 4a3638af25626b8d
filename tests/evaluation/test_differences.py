"""Runs in pairs: by hand, against SciPy, and what equal runs and thresholds come to."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from handgrad.config import RunConfig
from handgrad.evaluation import Predictions, mcnemar, over_images, paired
from handgrad.evaluation.difference import FISHER, IDENTICAL, MCNEMAR, compare, counted, exact
from handgrad.runs.comparison import Setup, Side, between

CONFIG = RunConfig(dataset="digits")


def test_pairs_by_hand():
    # differences 1, 2, 3: mean 2, s 1, t = 2 sqrt(3) / 1 = 3.4641; t(0.975, 2) = 4.3027, half 4.3027 / sqrt(3) = 2.4841
    found = paired([91.0, 93.0, 95.0], [90.0, 91.0, 92.0])
    assert (found.value, found.test) == (2.0, "t")
    assert found.statistic == pytest.approx(3.4641, abs=1e-4)
    assert (found.low, found.high) == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-4)
    assert found.p == pytest.approx(0.0742, abs=1e-4)  # 1 - t / sqrt(t^2 + 2) = 1 - 3.4641 / 3.7417, for two degrees


def test_pairs_as_scipy():
    a, b = [97.1, 97.4, 97.2, 97.9], [96.9, 97.0, 97.1, 97.2]
    expected = stats.ttest_rel(a, b)
    found = paired(a, b)
    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert paired(a, b, by=0.1).p == pytest.approx(stats.ttest_1samp(np.subtract(a, b), 0.1).pvalue)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=2, max_size=6), st.floats(-50, 50))
def test_what_all_seeds_share_makes_no_difference(pairs, shift):
    a, b = map(list, zip(*pairs, strict=True))
    one, other = paired(a, b), paired([x + shift for x in a], [x + shift for x in b])
    if not math.isnan(one.p) and one.high - one.low > 1e-3:
        assert (other.value, other.low, other.high) == pytest.approx((one.value, one.low, one.high), abs=1e-5)


def test_runs_that_do_not_differ_in_any_pair_are_equal():
    found = paired([97.0, 96.5], [97.0, 96.5])
    assert found.equal
    assert (found.low, found.high, found.sign) == (0, 0, 0)
    beside = paired([97.0, 96.5], [97.0, 96.5], by=1)
    assert (beside.sign, beside.equal) == (-1, False)


def test_pairs_that_all_differ_alike_say_nothing_of_the_next():
    found = paired([97.0, 96.5], [96.0, 95.5])
    assert not found.equal
    assert math.isnan(found.p)
    assert math.isnan(found.low)


def rights(both, first, second, neither):
    """Two arrays of which images two models have right."""
    counts = (both, first, second, neither)
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


def test_the_same_images_tell_more_than_two_shares():
    """9,931 against 9,869 of 10,000: a clear difference over the same images, in per cent and as a share."""
    first, second = rights(9_850, 81, 19, 50)
    found = over_images(first, second, scale=100)
    assert (found.test, found.sign) == (MCNEMAR, 1)
    assert found.value == pytest.approx(0.62)
    assert found.p == mcnemar(first, second).p
    assert "81 right in the first only, 19 in the second only" in found.how
    assert over_images(second, first).sign == -1


def test_images_against_a_threshold_by_hand():
    # b - c - n by = 81 - 19 - 10000 0.003 = 32; variance 100 - 62^2 / 10000 = 99.6156; z = 32 / 9.98076 = 3.2062
    first, second = rights(9_850, 81, 19, 50)
    assert over_images(first, second, by=0.3, scale=100).statistic == pytest.approx(3.2062, abs=1e-4)
    assert over_images(first, second, by=0.5, scale=100).sign == 0
    assert over_images(first, second, by=1.0, scale=100).sign == -1


def test_models_that_have_the_same_images_right_are_equal():
    found = over_images(*rights(90, 0, 0, 10))
    assert (found.test, found.equal) == (IDENTICAL, True)


def test_fisher_by_hand():
    # 3 of 3 against 0 of 3: 1 of the C(6, 3) = 20 tables with these sums on either side, so p = 2 / 20
    found = compare(counted(3, 3, 1), counted(0, 3, 1))
    assert (found.test, found.p) == (FISHER, pytest.approx(0.1))


@given(st.integers(0, 20), st.integers(0, 20))
def test_fisher_as_scipy(one, other):
    found = compare(counted(one, 20, 1), counted(other, 20, 1))
    if found.test == FISHER:
        assert found.p == pytest.approx(stats.fisher_exact([[one, 20 - one], [other, 20 - other]]).pvalue)


def test_counts_that_are_equal_are_no_tie():
    assert compare(exact(5), exact(5)).equal
    assert not compare(exact(6), exact(5)).equal


def test_seeds_that_would_decide():
    # differences 1, 2, 3: s / mean = 0.5; t(0.975, n - 1) 0.5 / sqrt(n): n 3 1.242, n 4 1.591 -> 0.796: four suffice
    assert paired([91.0, 93.0, 95.0], [90.0, 91.0, 92.0]).seeds_needed() == 4
    # differences 0.1, 1, 1.9: 0.9 / 1; n 5 2.776 0.9 = 2.50 > sqrt(5) = 2.24, n 6 2.571 0.9 = 2.31 < sqrt(6) = 2.45
    assert paired([90.1, 92.0, 93.9], [90.0, 91.0, 92.0]).seeds_needed() == 6
    assert paired([91.0, 90.0, 92.0], [90.0, 92.0, 91.0]).seeds_needed() is None  # no difference at all in the mean


def side(values, seeds=(0, 1, 2), predictions=None, **settings):
    setups = [Setup(CONFIG.replaced(seed=seed, **settings)) for seed in seeds]
    return Side(setups, values, predictions)


@pytest.mark.parametrize(
    ("other", "how"),
    [
        (side([90.0, 91.0, 92.0], activation="tanh"), "paired over 3 seeds"),
        (side([90.0, 91.0, 92.0], epochs=3), "paired over 3 seeds"),
        (side([90.0, 91.0, 92.0], batch_size=64), "unpaired: batch_size differs"),
        (side([90.0, 91.0, 92.0], validation_fraction=0.2), "unpaired: validation_fraction differs"),
        (side([90.0, 91.0], seeds=(0, 1)), "unpaired: 3 seeds against 2; add some with --seeds"),
        (Side((), [90.0, 91.0, 92.0]), "unpaired: an ensemble has no run of its own"),
    ],
)
def test_what_makes_pairs(other, how):
    one = side([91.0, 93.0, 95.0])
    found = between(one, other)
    assert found.how == how
    assert found.p == pytest.approx(
        (stats.ttest_rel if how.startswith("paired") else lambda a, b: stats.ttest_ind(a, b, equal_var=False))(
            one.values, other.values
        ).pvalue
    )


def test_seeds_are_paired_by_their_number():
    assert between(side([1.0, 2.0, 4.0]), side([3.0, 1.5, 0.0], seeds=(2, 1, 0))).value == pytest.approx(2.5 / 3)


def test_models_that_no_seed_changes_are_compared_over_images():
    first, second = rights(9_850, 81, 19, 50)
    labels = np.zeros(10_000, np.int64)

    def predicting(right):
        scores = np.stack([right, ~right], axis=1).astype(np.float32)
        return lambda: [Predictions(scores, labels[: len(right)], ("0", "1"), True)] * 3

    one, other = side([99.31] * 3, predictions=predicting(first)), side([98.69] * 3, predictions=predicting(second))
    found = between(one, other, scale=100)
    assert (found.test, found.sign) == (MCNEMAR, 1)
    moving = side([98.6, 98.69, 98.7], predictions=predicting(second))
    assert between(one, moving, scale=100).how == "paired over 3 seeds"
    fewer = side([50.0] * 3, predictions=predicting(np.repeat([True, False], 1_000)))
    found = between(one, fewer, scale=100)
    assert (found.how, found.test) == ("not over the same images", "z")
    # n1 = 10,000, p1 = 0.9931, n2 = 2,000, p2 = 0.5: z = 0.4931 / sqrt(0.9109 0.0891 (1 / 10,000 + 1 / 2,000)) = 70.7
    assert found.statistic == pytest.approx(70.7, abs=0.1)


def test_values_in_steps_are_as_uncertain_as_their_rounding():
    assert math.isnan(paired([8000] * 3, [200] * 3).p)
    found = paired([8000] * 3, [200] * 3, step=100)
    # each difference has variance 2 100^2 / 12 = 1,667: t(0.975, 2) sqrt(1,667 / 3) = 4.303 23.57
    assert (found.sign, found.high - found.value) == (1, pytest.approx(101.4, abs=0.1))
    assert paired([8000] * 3, [8000] * 3, step=100).sign == 0
