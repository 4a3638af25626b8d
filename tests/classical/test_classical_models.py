"""Every classical model keeps the same promises; a new one is tested by its row."""

import dataclasses
import threading

import numpy as np
import pytest
from sklearn.metrics import pairwise
from tests.optim.bounds import refusals
from tests.slow import quick

from handgrad.classical import CLASSICAL, Stage, estimate, fit, scores
from handgrad.data import load
from handgrad.errors import UsageError

SEED = 2


@pytest.fixture(scope="module")
def digits():
    dataset = load("digits")
    x_train, x_test = (
        each.reshape(len(each), -1).astype(np.float32) / 255 for each in (dataset.x_train, dataset.x_test)
    )
    return x_train, dataset.y_train, x_test, dataset.y_test


MODELS = quick(CLASSICAL.values(), lambda kind: kind is not CLASSICAL["random_forest"])
every_model = pytest.mark.parametrize("kind", MODELS, ids=CLASSICAL.keys())


@every_model
def test_learns_the_digits(kind, digits):
    x, y, x_test, y_test = digits
    fitted = fit(kind(), x, y, SEED)
    found = scores(fitted, x_test, 10)
    assert found.shape == (359, 10)
    assert (found.argmax(axis=1) == y_test).mean() > 0.95
    assert not fitted.complaints
    if kind.probabilistic:
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    assert fitted.model.size(fitted.estimator) > 100


@every_model
def test_the_same_again(kind, digits):
    x, y, x_test, _ = digits
    one, two = (scores(fit(kind(), x[:400], y[:400], SEED), x_test, 10) for _ in range(2))
    np.testing.assert_array_equal(one, two)


@every_model
def test_scores_do_not_depend_on_company(kind, digits):
    """Images are scored in parts, by several threads."""
    x, y, x_test, _ = digits
    fitted = fit(kind(), x[:300], y[:300], SEED)
    many = scores(fitted, np.tile(x_test, (4, 1)), 10)
    np.testing.assert_allclose(many[359:718], scores(fitted, x_test, 10), rtol=1e-6, atol=1e-9)
    assert scores(fitted, x_test[:0], 10).shape == (0, 10)


@every_model
def test_two_classes_and_one_that_is_absent(kind, digits):
    """Of ten classes, 3 and 8 alone are known: they are distinguished, and nothing is ever taken for another."""
    x, y, x_test, y_test = digits
    known, tested = np.isin(y, (3, 8)), np.isin(y_test, (3, 8))
    found = scores(fit(kind(), x[known], y[known], SEED), x_test[tested], 10)
    assert found.shape == (tested.sum(), 10)
    assert np.isfinite(found).all()
    assert (found.argmax(axis=1) == y_test[tested]).mean() > 0.9
    assert set(scores(fit(kind(), x[known], y[known], SEED), x_test, 10).argmax(axis=1)) == {3, 8}


@every_model
def test_what_cannot_be_fitted(kind, digits):
    x, y, _, _ = digits
    with pytest.raises(UsageError, match="all training images are of one class"):
        fit(kind(), x[y == 3], y[y == 3], SEED)
    with pytest.raises(UsageError, match="the 1 training images are too few"):
        fit(kind(), x[:1], y[:1], SEED)


@every_model
def test_estimates(kind, digits):
    x, y, _, _ = digits
    expected = estimate(kind(), x, y, SEED)
    assert 0 < expected.fit < 60
    assert 0 < expected.score < 1
    assert expected.images in (250, 500, 1000)
    # Few images, most of one class, are enough to try.
    assert estimate(kind(), x[y == 3][:40], np.array([0] * 39 + [1]), SEED).images == 40


@pytest.mark.parametrize(("kind", "name", "bad"), refusals(CLASSICAL.values()))
def test_bounds(kind, name, bad):
    with pytest.raises(UsageError, match=f"{name} must be .*\\(--{name}\\)"):
        kind(**{name: bad})


@pytest.mark.parametrize("name", [(k, f.name) for k, kind in CLASSICAL.items() for f in dataclasses.fields(kind)])
def test_every_hyper_parameter_reaches_scikit_learn(name):
    """A value that is nobody's default turns up among the estimator's own."""
    model, field = name
    values = CLASSICAL[model](**{field: 7}).estimator(0).get_params().values()
    assert 7 in values
    assert 7 not in CLASSICAL[model]().estimator(0).get_params().values()


def test_the_svm_is_the_textbooks(digits):
    """Of two classes: sign of sum_n a_n y_n exp(-gamma |x_n - x|^2) + b over the support vectors."""
    x, y, x_test, _ = digits
    known = np.isin(y, (3, 8))
    fitted = fit(CLASSICAL["svm"](C=2, gamma=0.1), x[known], y[known], SEED)
    machine = fitted.estimator
    kernel = np.exp(-0.1 * pairwise.euclidean_distances(x_test, machine.support_vectors_, squared=True))
    expected = kernel @ machine.dual_coef_[0] + machine.intercept_
    found = scores(fitted, x_test, 10)
    np.testing.assert_allclose(found[:, 8], expected, atol=1e-5)
    np.testing.assert_allclose(found[:, 3], -expected, atol=1e-5)


def test_neighbours_vote(digits):
    x, y, x_test, _ = digits
    found = scores(fit(CLASSICAL["knn"](neighbors=5), x, y, SEED), x_test[:20], 10)
    for image, shares in zip(x_test, found, strict=False):
        nearest = np.argsort(((x - image) ** 2).sum(axis=1))[:5]
        np.testing.assert_allclose(shares, np.bincount(y[nearest], minlength=10) / 5)


def test_a_fit_that_does_not_converge_says_so(digits):
    x, y, _, _ = digits
    (complaint,) = fit(CLASSICAL["logistic"](iterations=2), x, y, SEED).complaints
    assert "failed to converge" in complaint


class Slow:
    """An estimator whose fit lasts until `enough` is set."""

    classes_ = np.arange(2)
    enough, ended = threading.Event(), threading.Event()

    def fit(self, x, y):
        self.enough.wait(60)
        self.ended.set()

    def get_params(self):
        return {}

    def set_params(self):
        pass


@dataclasses.dataclass(frozen=True)
class SlowModel(CLASSICAL["svm"]):
    def estimator(self, seed):
        return Slow()


def test_who_watches_is_told_how_long_it_takes():
    told = []

    def watch(stage):
        told.append(stage)
        if len(told) == 3:
            Slow.enough.set()

    Slow.enough.clear()
    fit(SlowModel(), np.eye(2), np.arange(2), SEED, watch, 0.5)
    *during, last = told
    assert len(during) >= 3
    assert [stage.seconds for stage in told] == sorted(stage.seconds for stage in told)
    assert last == Stage("fit", last.seconds, 0.5, over=True)
    assert all(stage._replace(seconds=0) == Stage("fit", 0, 0.5, over=False) for stage in during)


def test_who_watches_can_end_it():
    def refuse(stage):
        raise InterruptedError

    Slow.enough.clear()
    Slow.ended.clear()
    with pytest.raises(InterruptedError):
        fit(SlowModel(), np.eye(2), np.arange(2), SEED, refuse)
    assert not Slow.ended.is_set(), "it was waited for"
    Slow.enough.set()
