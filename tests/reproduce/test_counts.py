"""Counts behind per-class tables: worked examples, and tables made from known counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from handgrad.claims import read_document, report_file
from handgrad.claims.evidence import evidence_of
from handgrad.claims.printed import from_matrix, from_shares


def test_matrix_by_hand():
    #  true 0: 3 right, 1 taken for 1;  true 1: 2 taken for 0, 4 right;  nothing is taken for 2
    counts = from_matrix([[3, 1, 0], [2, 4, 0], [1, 1, 0]])
    assert (counts.rights, counts.totals, counts.guesses) == ([3, 4, 0], [4, 6, 2], [6, 6, 0])
    assert (counts.right, counts.images) == (7, 12)


def test_shares_by_hand():
    # class 0: 3 of 4 right, 5 guesses; class 1: 4 of 6 right, 5 guesses: recall 3/4, 4/6, precision 3/5, 4/5
    counts = from_shares([0.75, 0.66666667], [0.6, 0.8], None, 10)
    assert (counts.rights, counts.totals, counts.guesses) == ([3, 4], [4, 6], [5, 5])


def test_a_table_that_fits_no_counts_gives_none():
    assert from_shares([0.75, 0.66666667], [0.6, 0.7], None, 10) is None


def test_a_table_that_leaves_a_choice_gives_none():
    # of 40 images, 10 + 30 or 20 + 20 or 30 + 10 would do
    assert from_shares([0.5, 0.5], [0.5, 0.5], None, 40) is None


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "images"), [(10, 10**6), (100, 10_000)])
def test_shares_that_fit_countless_counts_are_given_up_at_once(classes, images):
    halves = [0.5] * classes
    assert from_shares(halves, halves, halves, images) is None


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_printed_digits_lead_back_to_the_counts(seed):
    draw = np.random.default_rng(seed)
    true = draw.integers(0, 10, 500)
    taken = np.where(draw.random(500) < 0.8, true, draw.integers(0, 10, 500))
    columns = precision_recall_fscore_support(true, taken, labels=range(10), zero_division=0)[:3]
    precision, recall, f1 = ([round(float(share), 8) for share in column] for column in columns)
    counts = from_shares(recall, precision, f1, 500)
    if counts is not None:  # a table whose shares are simple fractions can leave a choice
        assert counts.totals == np.bincount(true, minlength=10).tolist()
        assert counts.guesses == np.bincount(taken, minlength=10).tolist()
        assert counts.right == int(np.sum(true == taken))


@pytest.mark.parametrize(
    ("name", "right", "images"), [("sigmoid", 7154, 8000), ("relu", 1787, 2000), ("regularised", 1823, 2000)]
)
def test_the_report_of_2018(name, right, images):
    evidence = evidence_of(read_document(report_file("ee6132-2018")), name)
    counted = evidence.estimates["counted_accuracy"]
    assert (counted.right, counted.images, evidence.blind) == (right, images, ())


def test_one_class_is_never_predicted():
    # class 0: 3 of 4 right, 5 guesses; class 1: 4 of 6 right, 7 guesses; class 2: none of 2 right, none guessed
    counts = from_shares([0.75, 0.66666667, 0], [0.6, 0.57142857, None], None, 12)
    assert (counts.totals, counts.guesses) == ([4, 6, 2], [5, 7, 0])


def test_a_precision_of_0_leaves_open_how_often_the_class_was_guessed():
    assert from_shares([0.75, 0.66666667, 0], [0.6, 0.57142857, 0], None, 12) is None


@pytest.mark.parametrize(("fold", "blind"), [(0, ((2, True),)), (1, ((2, False),))])
def test_a_class_that_is_never_right_is_seen_without_the_counts(fold, blind):
    # fold 0 prints a precision of 0: the class was guessed, and never rightly; fold 1 has none
    assert evidence_of(read_document(report_file("ee6132-2018")), f"hog_mlp_fold_{fold}").blind == blind
