"""Splits: stratified, disjoint, complete, and the same for the same seed for ever."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handgrad.data import Dataset, holdout, kfold, split, take_fraction
from handgrad.errors import UsageError

LABELS = np.random.default_rng(3).integers(0, 5, 500)
QUICK = settings(max_examples=100, deadline=None)
some_labels = st.lists(st.integers(0, 6), min_size=1, max_size=60).map(np.array)
seeds = st.integers(0, 2**64 - 1)


@QUICK
@given(some_labels, st.fractions(0, Fraction(99, 100)), seeds)
def test_holdout_is_a_stratified_partition(labels, fraction, seed):
    counts = np.bincount(labels)
    if fraction and counts.max() < 2:
        with pytest.raises(UsageError, match="no class has two members"):
            holdout(labels, float(fraction), seed)
        return
    train, held = holdout(labels, float(fraction), seed)
    assert sorted([*train, *held]) == list(range(len(labels)))
    assert (np.diff(train) > 0).all()
    assert (np.diff(held) > 0).all()
    # No class goes missing from training, and each gives its share to within the rounding, where none is too small to.
    assert set(labels[train]) == set(labels)
    for label, count in enumerate(counts):
        if counts[counts > 0].min() > 1 and fraction < Fraction(1, 2):
            assert abs((labels[held] == label).sum() - float(fraction) * count) <= 2


@pytest.mark.parametrize(("fraction", "expected"), [(0.1, 50), (0.25, 125), (0.5, 250), (0.0, 0), (0.0001, 1)])
def test_holdout_has_the_asked_size_in_all(fraction, expected):
    assert len(holdout(LABELS, fraction, 0)[1]) == expected


def test_holdout_of_ten_equal_classes_is_exact():
    labels = np.repeat(np.arange(10), 600)
    _, held = holdout(labels, 0.1, 1)
    assert np.bincount(labels[held]).tolist() == [60] * 10


def test_a_single_member_stays_in_training():
    labels = np.array([0] * 10 + [1])
    assert 10 in holdout(labels, 0.5, 0)[0]


@pytest.mark.parametrize(
    "make", [lambda seed: holdout(LABELS, 0.2, seed)[1], lambda seed: kfold(LABELS, 5, seed)[0][1]]
)
def test_seeds_decide(make):
    np.testing.assert_array_equal(make(1), make(1))
    assert len(np.intersect1d(make(1), make(2))) < 50


def test_the_rows_of_a_seed_never_change():
    """A run of last year is split as it was: these numbers were written down when the split was made."""
    labels = np.array([0, 1] * 10)
    assert holdout(labels, 0.3, 7)[1].tolist() == [6, 11, 12, 15, 16, 17]
    assert take_fraction(labels, 0.3, 7).tolist() == [2, 5, 15, 16, 18, 19]
    assert kfold(labels, 5, 7)[0][1].tolist() == [0, 5, 6, 7]


@QUICK
@given(some_labels, st.integers(2, 12), seeds)
def test_folds_are_a_stratified_partition(labels, folds, seed):
    counts = np.bincount(labels)
    if folds > counts.max():
        with pytest.raises(UsageError, match="members of the largest class"):
            kfold(labels, folds, seed)
        return
    parts = kfold(labels, folds, seed)
    assert len(parts) == folds
    for train, held in parts:
        assert sorted([*train, *held]) == list(range(len(labels)))
    sizes = [len(held) for _, held in parts]
    assert max(sizes) - min(sizes) <= 1
    assert sorted(np.concatenate([held for _, held in parts])) == list(range(len(labels)))
    for label in range(len(counts)):
        members = [(labels[held] == label).sum() for _, held in parts]
        assert max(members) - min(members) <= 1


@QUICK
@given(some_labels, st.fractions(Fraction(1, 100), 1), seeds)
def test_a_fraction_keeps_every_class(labels, fraction, seed):
    rows = take_fraction(labels, float(fraction), seed)
    assert (np.diff(rows) > 0).all()
    assert set(labels[rows]) == set(labels)
    assert len(rows) == max(len(set(labels)), round(float(fraction) * len(labels)))


def test_the_whole_is_the_whole():
    np.testing.assert_array_equal(take_fraction(LABELS, 1.0, 5), np.arange(500))


@QUICK
@given(some_labels, st.floats(0.01, 1), st.floats(0.01, 1), seeds)
def test_a_smaller_fraction_lies_within_a_larger_one(labels, one, other, seed):
    small, large = (set(take_fraction(labels, fraction, seed)) for fraction in sorted((one, other)))
    assert small <= large


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 1.5, float("nan"), float("inf")])
def test_refuses_validation_fractions(fraction):
    with pytest.raises(UsageError, match=r"fraction must be .* got"):
        holdout(LABELS, fraction, 0)


@pytest.mark.parametrize("fraction", [0, -1, 1.01, float("nan")])
def test_refuses_data_fractions(fraction):
    with pytest.raises(UsageError, match=r"fraction of the data must be .* got"):
        take_fraction(LABELS, fraction, 0)


@pytest.mark.parametrize("folds", [-1, 0, 1, 1000])
def test_refuses_folds(folds):
    with pytest.raises(UsageError, match=f"got {folds}"):
        kfold(LABELS, folds, 0)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_refuses_seeds(seed):
    with pytest.raises(UsageError, match=f"seed must be .* got {seed}"):
        holdout(LABELS, 0.1, seed)


def test_split_gathers_nothing_and_leaks_nothing():
    images = np.arange(500 * 4, dtype=np.uint16).astype(np.uint8).reshape(500, 2, 2)
    dataset = Dataset("d", images, LABELS, images[:0], LABELS[:0], tuple("abcde"))
    parts = split(dataset, validation=0.1, seed=0, fraction=0.5)
    assert np.shares_memory(parts.x, dataset.x_train)
    assert not set(parts.train_rows) & set(parts.validation_rows)
    assert (len(parts.train_rows), len(parts.validation_rows)) == (225, 25)
    np.testing.assert_array_equal(parts.y_train, LABELS[parts.train_rows])
    np.testing.assert_array_equal(parts.y_validation, LABELS[parts.validation_rows])
