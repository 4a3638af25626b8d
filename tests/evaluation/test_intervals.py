"""How sure a number is: intervals, calibration, tests between models."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.made_up import any_predictions, predictions
from tests.slow import quick

from handgrad.evaluation import (
    Predictions,
    calibration,
    holm,
    mcnemar,
    mean_interval,
    mean_share,
    pairwise,
    wilson,
)
from handgrad.evaluation.difference import interval as interval_of
from handgrad.evaluation.difference import over_seeds

RIGHTS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def test_wilson_by_hand():
    # 9 of 10: z = 1.96; centre (0.9 + z^2/20) / (1 + z^2/10) = 0.7888, half 0.1938 (Newcombe 1998 writes such tables)
    share, low, high, size = wilson(9, 10)
    assert (share, size) == (0.9, 10)
    assert (low, high) == pytest.approx((0.5958, 0.9821), abs=1e-4)


def test_wilson_at_the_ends():
    """All right does not prove perfection: of n, the lower end is 1 / (1 + z^2 / n)."""
    assert wilson(359, 359)[:3] == pytest.approx((1, 1 / (1 + 1.959964**2 / 359), 1))
    assert wilson(0, 4).low == pytest.approx(0, abs=1e-12)
    nothing = wilson(0, 0)
    assert math.isnan(nothing.mean)
    assert nothing[1:] == (0, 1, 0)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_a_mean_of_shares_has_an_interval_of_shares(values):
    """Student's t alone has -37 % to 217 % for 80 % and 100 %, two seeds of a small problem."""
    mean, low, high, size = mean_share(values)
    assert 0 <= low <= mean <= high <= 1 or mean == pytest.approx(low) or mean == pytest.approx(high)
    assert size == len(values)
    whole = mean_interval(values)
    assert (low, high) == (max(whole.low, 0), min(whole.high, 1))


def test_welch():
    first, second = [88.0, 90.0, 92.0, 91.0], [80.0, 89.0]
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    assert interval_of(over_seeds(first), over_seeds(second)) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("sides", [([1.0], [2.0, 3.0]), ([1.0, 2.0], [2.0]), ([1.0, 1.0], [2.0, 2.0])])
def test_welch_knows_when_it_cannot_know(sides):
    assert all(map(math.isnan, interval_of(*map(over_seeds, sides))))


def test_mcnemar_by_hand():
    first = np.array([1, 1, 1, 1, 0, 1, 0], bool)
    second = np.array([0, 0, 0, 0, 1, 1, 0], bool)
    # 4 against 1 of 5 that differ: p = 2 C(5,0) / 2^5 + C(5,1) / 2^5 = 7/32
    b, c, p, difference = mcnemar(first, second)
    assert (b, c, p) == (4, 1, pytest.approx(7 / 32))
    assert difference.mean == pytest.approx(3 / 7)
    assert difference.low < 0 < difference.high


def test_the_interval_of_a_difference_by_hand():
    """Where one model has everything right that the other has, both limits are powers of one share."""
    # 6 of 6 images, all right for the first alone: the limit of either share solves x^6 / 2 = 0.025.
    # Half way along the ellipse both are 1.96 / sqrt(2) = 1.386 off, where x^6 / 2 = Phi(-1.386) = 0.0829.
    both = (2 * 0.0829) ** (1 / 6)
    low, high = mcnemar(np.ones(6, bool), np.zeros(6, bool)).difference[1:3]
    assert low == pytest.approx(min(2 * 0.05 ** (1 / 6) - 1, both * (2 * both - 1)), abs=2e-3)
    assert high == 1
    # Nothing differs in 100 images: anything up to x with (1 - x)^100 / 2 = 0.025, either way.
    low, high = mcnemar(np.ones(100, bool), np.ones(100, bool)).difference[1:3]
    assert (low, high) == pytest.approx((0.05**0.01 - 1, 1 - 0.05**0.01))


@pytest.mark.parametrize("images", quick([1, 7, 1000], [1, 7]))
def test_p_and_interval_agree(images):
    """The difference's interval excludes 0 if and only if p < 0.05, in every small table."""
    clear = 0
    for b in range(min(images, 13) + 1):
        for c in range(min(images - b, 13) + 1):
            rest = [False] * (images - b - c)
            found = mcnemar(np.array([True] * b + [False] * c + rest), np.array([False] * b + [True] * c + rest))
            assert (found.p < 0.05) == (found.difference.low > 0 or found.difference.high < 0), (b, c)
            assert found.difference.low <= found.difference.mean <= found.difference.high
            clear += found.p < 0.05
    assert (clear > 0) == (images >= 5)  # 5 against 0: p = 1/32


@given(RIGHTS)
def test_mcnemar(pairs):
    first, second = np.array(pairs, bool).T
    one, other = mcnemar(first, second), mcnemar(second, first)
    assert (one.b, one.c, one.p) == (other.c, other.b, other.p)
    assert 0 < one.p <= 1
    assert one.difference.mean == pytest.approx(first.mean() - second.mean())
    assert -1 <= one.difference.low <= one.difference.high <= 1
    assert mcnemar(first, first)[:3] == (0, 0, 1)


@pytest.mark.slow
def test_the_interval_of_a_difference_holds_what_it_promises():
    """It covers the true difference in about 95 of 100 samples of 200 images."""
    rng, covered = np.random.default_rng(0), 0
    for _ in range(200):
        cell = rng.choice(4, 200, p=[0.8, 0.1, 0.06, 0.04])  # both right, first alone, second alone, none
        difference = mcnemar(cell < 2, (cell == 0) | (cell == 2)).difference
        covered += difference.low <= 0.04 <= difference.high
    assert 0.91 <= covered / 200 <= 0.99


def test_a_clear_difference_has_a_tiny_p_and_no_zero():
    # 100 against 0: p = P(B = 0) = 2^-100
    assert mcnemar(np.ones(100, bool), np.zeros(100, bool)).p == pytest.approx(2.0**-100)


def test_holm_by_hand():
    # sorted 0.01 0.03 0.04 0.04: times 4, 3, 2, 1 is 0.04 0.09 0.08 0.04, never falling: 0.04 0.09 0.09 0.09
    assert holm([0.04, 0.01, 0.03, 0.04]) == pytest.approx([0.09, 0.04, 0.09, 0.09])
    assert holm([0.7]) == [0.7]
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([]) == []


def test_pairs_of_several():
    rights = [np.array(row, bool) for row in ([1, 1, 0], [1, 0, 0], [0, 0, 1])]
    found = pairwise(rights)
    assert [(each.first, each.second) for each in found] == [(0, 1), (0, 2), (1, 2)]
    assert [each.test.p for each in found] == pytest.approx([1 / 2, 5 / 8, 1])  # 1 to 0, 2 to 1, 1 to 1
    assert pairwise(rights[:1]) == []


def test_calibration_by_hand():
    """Two bins: two images at 0.4 of which none is right, two at 0.9 of which one is right."""
    scores = np.array([[0.4, 0.3, 0.3], [0.4, 0.3, 0.3], [0.9, 0.1, 0], [0.9, 0.1, 0]])
    result = calibration(Predictions(scores, np.array([1, 2, 0, 1]), ("a", "b", "c")), bins=2)
    np.testing.assert_allclose(result.confidence, [0.4, 0.9])
    np.testing.assert_allclose(result.accuracy, [0, 0.5])
    assert result.images.tolist() == [2, 2]
    assert result.ece == pytest.approx(0.5 * 0.4 + 0.5 * 0.4)


def test_the_upper_edge_belongs_to_a_bin():
    result = calibration(predictions([0, 0], [0, 0], 2, sure=0.5), bins=2)
    assert result.images.tolist() == [2, 0]
    assert math.isnan(result.accuracy[1])
    assert calibration(predictions([0], [0], 2, sure=1.0)).images.tolist() == [0] * 14 + [1]


def ece(said, bins):
    """Image by image: the oracle."""
    places = [[] for _ in range(bins)]
    for scores, label in zip(said.scores, said.labels, strict=True):
        sure = max(scores)
        bin_ = next(m for m in range(bins) if sure <= np.linspace(0, 1, bins + 1)[m + 1])
        places[bin_].append((sure, scores.argmax() == label))
    gaps = [abs(sum(sure for sure, _ in each) - sum(right for _, right in each)) for each in places]
    return sum(gaps) / len(said.labels)


@given(any_predictions(), st.integers(1, 20))
def test_calibration(said, bins):
    result = calibration(said, bins)
    assert result.ece == pytest.approx(ece(said, bins))
    assert result.images.sum() == len(said.labels)
    assert calibration(said._replace(probabilistic=False)) is None
