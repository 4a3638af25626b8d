"""Numbers of each class, against scikit-learn's and worked by hand."""

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from tests.made_up import any_predictions, predictions

from handgrad.errors import UsageError
from handgrad.evaluation import class_report, confusion_counts, frequent_confusions, roc, shares_of_true_class


def test_by_hand():
    # class 0: 2 of 3 found, 2 of 2 guesses right; class 1: 1 of 1 found, 1 of 2 guesses right
    report = class_report(predictions([0, 0, 0, 1], [0, 0, 1, 1]))
    np.testing.assert_allclose(report.precision, [1, 1 / 2])
    np.testing.assert_allclose(report.recall, [2 / 3, 1])
    np.testing.assert_allclose(report.f1, [4 / 5, 2 / 3])
    assert report.support.tolist() == [3, 1]
    assert report.macro == pytest.approx((3 / 4, 5 / 6, 11 / 15))
    assert report.weighted == pytest.approx(((3 + 1 / 2) / 4, 3 / 4, (3 * 4 / 5 + 2 / 3) / 4))
    assert report.undefined == ()


def test_a_class_that_is_never_predicted():
    """As a network that is trained too little leaves it: its numbers are 0 and count in the average."""
    report = class_report(predictions([0, 0, 1, 1, 2], [0, 0, 1, 1, 1]))
    assert (report.precision[2], report.recall[2], report.f1[2]) == (0, 0, 0)
    assert report.macro.recall == pytest.approx(2 / 3)
    assert report.undefined == ("precision of class 2: never predicted; given as 0, which makes F1 0 as well",)


def test_classes_without_images():
    """Class 1 is predicted all the same; class 3 occurs nowhere, and is left out of the average."""
    report = class_report(predictions([0, 0, 2], [0, 1, 2], 4))
    assert report.macro.recall == pytest.approx((1 / 2 + 0 + 1) / 3)
    assert report.undefined == (
        "recall of class 1: no images; given as 0, which makes F1 0 as well",
        "precision, recall and F1 of class 3: no images, never predicted; given as 0, not in macro",
    )


@pytest.mark.slow
@given(any_predictions())
def test_scikit_learn_agrees(said):
    """Its defaults for the averages, and all classes for the table; nothing is warned of."""
    true, guessed = said.labels, said.predicted
    report = class_report(said)
    for average in ("macro", "weighted"):
        expected = [
            score(true, guessed, average=average, zero_division=0)
            for score in (sklearn.metrics.precision_score, sklearn.metrics.recall_score, sklearn.metrics.f1_score)
        ]
        assert getattr(report, average) == pytest.approx(expected)
    assert report.weighted.recall == pytest.approx(said.right.mean())
    never = set(range(said.classes)) - set(guessed.tolist())
    without = set(range(said.classes)) - set(true.tolist())
    assert len(report.undefined) == len(never | without)
    assert all(report.precision[k] == 0 for k in never)
    counts = sklearn.metrics.confusion_matrix(true, guessed, labels=range(said.classes))
    np.testing.assert_array_equal(confusion_counts(said), counts)


def test_no_images():
    nothing = predictions([0, 1], [0, 1])._replace(labels=np.zeros(0, np.int64), scores=np.zeros((0, 2)))
    for numbers in (class_report, roc):
        with pytest.raises(UsageError, match="no images"):
            numbers(nothing)


COUNTS = np.array([[90, 0, 10], [1, 1, 0], [0, 0, 0]])


def test_shares():
    np.testing.assert_allclose(shares_of_true_class(COUNTS), [[0.9, 0, 0.1], [0.5, 0.5, 0], [0, 0, 0]])


def test_confusions_in_words():
    first, second = frequent_confusions(COUNTS, ("9", "Bag", "4"))
    assert first.sentence == "9 taken for 4: 10 times, 10.0 % of nines"
    assert second.sentence == "Bag taken for 9: once, 50.0 % of Bag images"
    assert frequent_confusions(COUNTS, ("9", "Bag", "4"), top=1) == [first]
    assert frequent_confusions(np.diag([5, 5]), ("a", "b")) == []


def test_of_equally_many_the_larger_share_comes_first():
    counts = np.array([[100, 3, 0], [0, 7, 3], [0, 3, 27]])
    assert [each.true for each in frequent_confusions(counts, "abc")] == ["b", "c", "a"]


@given(any_predictions())
def test_confusions_add_up(said):
    counts = confusion_counts(said)
    found = frequent_confusions(counts, said.class_names, top=99)
    assert sum(each.times for each in found) == np.count_nonzero(~said.right)
    assert [each.times for each in found] == sorted((each.times for each in found), reverse=True)


@given(any_predictions())
def test_areas(said):
    """Each class's is scikit-learn's, and the probability that an image of the class is scored above another one."""
    result = roc(said)
    areas = []
    for label, curve in enumerate(result.curves):
        own, others = said.scores[said.labels == label, label], said.scores[said.labels != label, label]
        if not len(own) or not len(others):
            assert curve is None
            continue
        wins = (own[:, None] > others).mean() + 0.5 * (own[:, None] == others).mean()
        assert curve.auc == pytest.approx(wins)
        assert (curve.fpr[0], curve.tpr[0], curve.fpr[-1], curve.tpr[-1]) == (0, 0, 1, 1)
        areas.append(wins)
    assert (result.macro is None) == (not areas)
    if result.macro:
        assert result.macro.auc == pytest.approx(np.mean(areas))
        assert np.trapezoid(result.macro.tpr, result.macro.fpr) == pytest.approx(np.mean(areas), abs=2e-3)


def test_the_macro_area_is_scikit_learn_s():
    rng = np.random.default_rng(0)
    scores, labels = rng.dirichlet(np.ones(4), 200), rng.integers(0, 4, 200)
    said = predictions(labels.tolist(), labels.tolist(), 4)._replace(scores=scores)
    expected = sklearn.metrics.roc_auc_score(labels, scores, multi_class="ovr", average="macro")
    assert roc(said).macro.auc == pytest.approx(expected)


def test_scores_that_only_rank_have_curves_too():
    said = predictions([0, 0, 1, 1], [0, 1, 1, 1])
    ranked = said._replace(scores=np.log(said.scores) * 7 - 100, probabilistic=False)
    assert roc(ranked).macro.auc == roc(said).macro.auc
