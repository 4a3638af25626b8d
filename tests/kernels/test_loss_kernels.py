"""Losses and their gradients against the naive oracles, and what must happen to numbers that are not finite."""

import itertools
import math

import numpy as np
import pytest
from tests import naive
from tests.rounding import ELEMENTARY, SUMS, assert_close, deviations, gamma

from handgrad.kernels.losses import absolute_error, count_correct, cross_entropy, softmax, squared_error

DTYPES = ["float32", "float64"]
FEW = gamma(10)  # of what is worked by hand, in so many operations
LOSSES = {
    "cross_entropy": (cross_entropy, ()),
    "smoothed": (cross_entropy, (0.1,)),
    "very smoothed": (cross_entropy, (0.9,)),
    "squared_error": (squared_error, ()),
    "absolute_error": (absolute_error, ()),
}


def oracle(name, logits, labels):
    if name.endswith("_error"):
        return getattr(naive, name)(logits, labels)
    return naive.cross_entropy(logits, labels, *LOSSES[name][1])


def loss_and_gradient(name, logits, labels):
    kernel, settings = LOSSES[name]
    dlogits = np.full_like(logits, 7.5)
    settings = settings or ((0.0,) if kernel is cross_entropy else ())
    loss = kernel(logits, np.array(labels), dlogits, np.array(settings, logits.dtype))
    return loss, dlogits


def terms(logits):
    """The longest sums are over classes, and over images."""
    return ELEMENTARY + SUMS * max(logits.shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("rows", "classes"), [(1, 2), (6, 10), (3, 37)])
def test_loss_and_gradient(rows, classes, name, dtype):
    generator = np.random.default_rng(classes)
    logits = generator.normal(0, 3, (rows, classes)).astype(dtype)
    labels = generator.integers(0, classes, rows)
    loss, dlogits = loss_and_gradient(name, logits, labels)
    exact = logits.astype(float)

    def compute(logits):
        return dict(zip(("loss", "dlogits"), loss_and_gradient(name, logits, labels), strict=True))

    allowed = deviations(compute, [exact], terms(logits), dtype)
    assert_close(loss, oracle(name, exact, labels), allowed["loss"], f"{name}: loss")
    expected = naive.gradient(lambda moved: oracle(name, moved, labels), exact)
    assert_close(dlogits, expected, allowed["dlogits"], f"{name}: dlogits")
    assert dlogits.dtype == dtype


def test_cross_entropy_by_hand():
    # softmax(0, log 3) = (1/4, 3/4). Label 0: the loss is -log(1/4) = log 4, its gradient (1/4 - 1, 3/4).
    loss, dlogits = loss_and_gradient("cross_entropy", np.array([[0.0, math.log(3)]]), [0])
    assert loss == pytest.approx(math.log(4), rel=FEW)
    np.testing.assert_allclose(dlogits, [[-0.75, 0.75]], rtol=FEW)


def test_squared_error_by_hand():
    # p = (1/4, 3/4), onehot (1, 0), e = (-3/4, 3/4): the loss is (9/16 + 9/16) / 2 = 9/16. With p = (q, 1 - q) it is
    # (1 - q)^2, dq/dlogits = (q (1 - q), -q (1 - q)) = (3/16, -3/16): times -2 (1 - q) = -3/2 makes (-9/32, 9/32).
    loss, dlogits = loss_and_gradient("squared_error", np.array([[0.0, math.log(3)]]), [0])
    assert loss == pytest.approx(9 / 16, rel=FEW)
    np.testing.assert_allclose(dlogits, [[-9 / 32, 9 / 32]], rtol=FEW)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LOSSES)
def test_huge_logits_stay_finite(name, dtype):
    logits = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]], dtype)
    loss, dlogits = loss_and_gradient(name, logits, [1, 2])
    assert math.isfinite(loss)
    assert np.isfinite(dlogits).all()


def test_huge_logits_by_hand():
    # Label 1 is 20,000 below the winner; the second image is undecided among three: (20000 + log 3) / 2.
    logits = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]])
    assert loss_and_gradient("cross_entropy", logits, [1, 2])[0] == pytest.approx((2e4 + math.log(3)) / 2, rel=FEW)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LOSSES)
def test_not_finite_logits_are_seen_in_the_loss(name, dtype):
    for bad, place, label in itertools.product([math.nan, math.inf], range(3), range(3)):
        logits = np.zeros((2, 3), dtype)
        logits[1, place] = bad
        assert not math.isfinite(loss_and_gradient(name, logits, [0, label])[0]), (bad, place, label)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_label_of_probability_zero_costs_infinitely_much(dtype):
    logits = np.array([[0.0, -math.inf]], dtype)
    assert loss_and_gradient("cross_entropy", logits, [1])[0] == math.inf
    assert loss_and_gradient("cross_entropy", logits, [0])[0] == pytest.approx(0, abs=1e-30)


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax(dtype):
    logits = np.random.default_rng(0).normal(0, 5, (5, 7)).astype(dtype)
    out = np.empty_like(logits)
    total = softmax(logits, out)
    exact = logits.astype(float)

    def compute(logits):
        probabilities = np.empty_like(logits)
        return {"total": softmax(logits, probabilities), "probabilities": probabilities}

    allowed = deviations(compute, [exact], terms(logits), dtype)
    assert_close(out, naive.softmax(exact), allowed["probabilities"], "softmax: probabilities")
    expected = sum(np.log(np.sum(np.exp(row - row.max()))) for row in exact)
    assert_close(total, expected, allowed["total"], "softmax: total")
    softmax(logits, logits)
    assert np.array_equal(logits, out), "in place"


@pytest.mark.parametrize("dtype", DTYPES)
def test_count_correct(dtype):
    generator = np.random.default_rng(1)
    logits = generator.integers(0, 4, (200, 5)).astype(dtype)  # few values: ties in most rows
    labels = generator.integers(0, 5, 200)
    assert count_correct(logits, labels) == naive.right_answers(logits, labels) == np.sum(logits.argmax(1) == labels)


def test_of_equal_logits_the_first_counts():
    logits = np.array([[2.0, 2.0, 1.0]] * 3)
    assert [count_correct(logits, np.full(3, label)) for label in range(3)] == [3, 0, 0]
