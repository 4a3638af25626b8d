"""HandgradClassifier keeps scikit-learn's conventions, by its own checks and in what people do with estimators."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr, shuffle
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks
from tests.commands import python
from tests.slow import quick

from handgrad import DivergedError, HandgradClassifier
from handgrad.data import holdout
from handgrad.errors import HandgradError
from handgrad.nn import Network

CONFIGURATIONS = [
    HandgradClassifier(hidden_layer_sizes=(32, 16), optimizer="nadam"),
    HandgradClassifier(layers=("conv2d:8,3", "relu", "flatten", "dense:32", "relu"), image_shape=(1, -1)),
    HandgradClassifier(dtype="float64"),
]
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


CHECKS = list(estimator_checks_generator(HandgradClassifier()))
LONG = {  # of which others look at a part
    "check_classifiers_train",
    "check_classifiers_classes",
    "check_classifier_data_not_an_array",
    "check_estimators_dtypes",
    "check_pipeline_consistency",
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weights_pandas_series",
    "check_positive_only_tag_during_fit",
    "check_readonly_memmap_input",
    "check_dtype_object",
    "check_estimators_fit_returns_self",
    "check_estimators_overwrite_params",
}


@pytest.mark.parametrize(
    ("estimator", "check"),
    quick(CHECKS, lambda row: row[1].func.__name__ not in LONG),
    ids=[check.func.__name__ for _, check in CHECKS],
)
def test_conventions(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(CONFIGURATIONS)
def test_conventions_of(estimator, check):
    check(estimator)


@pytest.fixture(autouse=True)
def from_python(monkeypatch):
    monkeypatch.setattr(HandgradError, "names_flags", False)


@pytest.fixture(scope="module")
def digits():
    """Samples of the digits from 0 to 1, and their labels."""
    x, y = shuffle(*load_digits(return_X_y=True), random_state=0)
    return x[:600] / 16, y[:600]


def short(**parameters):
    return HandgradClassifier(**{"random_state": 0, "max_iter": 3, **parameters})


def test_learns_the_digits(digits):
    x, y = digits
    classifier = HandgradClassifier(random_state=0, batch_size=32).fit(x[:500], NAMES[y[:500]])
    assert classifier.score(x[500:], NAMES[y[500:]]) > 0.9
    assert classifier.classes_.tolist() == sorted(NAMES)
    assert [w.shape for w in classifier.coefs_] == [(64, 100), (100, 10)]
    assert [b.shape for b in classifier.intercepts_] == [(100,), (10,)]
    assert len(classifier.loss_curve_) == classifier.n_iter_ < 200  # the loss came to rest
    assert classifier.validation_scores_ is None


def test_predicts_as_scikit_learn_does_with_the_same_weights(digits):
    x, y = digits
    ours, theirs = short(dtype="float64").fit(x, y), MLPClassifier((100,), max_iter=1)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        theirs.fit(x, y)
    theirs.coefs_, theirs.intercepts_ = ours.coefs_, ours.intercepts_
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), rtol=1e-9, atol=1e-15)


@pytest.mark.slow
def test_alpha_is_the_penalty_of_scikit_learn(digits):
    """One step of plain SGD from the same weights on one batch is the same in both."""
    x, y = digits
    settings = {"alpha": 50.0, "batch_size": 600, "learning_rate_init": 0.1, "max_iter": 1, "random_state": 0}
    ours = HandgradClassifier(optimizer="sgd", dtype="float64", **settings)
    first = clone(ours).set_params(learning_rate_init=1e-300).fit(x, y)
    theirs = MLPClassifier(solver="sgd", momentum=0.0, **settings)
    drawn = iter(zip(first.coefs_, first.intercepts_, strict=True))
    theirs._init_coef = lambda inputs, outputs, dtype: [each.copy() for each in next(drawn)]
    with pytest.warns(UserWarning, match="Maximum iterations"):
        theirs.fit(x, y)
    for one, other in zip(ours.fit(x, y).coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


CHANGES = {
    "hidden_layer_sizes": np.array([16, 8]),
    "activation": "tanh",
    "layers": ["dense:32", "tanh"],
    "dropout": 0.5,
    "batch_norm": True,
    "weight_init": "he",
    "loss": "squared_error",
    "label_smoothing": 0.2,
    "optimizer": "sgd",
    "learning_rate_init": 0.01,
    "schedule": "one_cycle",
    "class_weight": {0: 10, **dict.fromkeys(range(1, 10), 1)},
    "alpha": 10.0,
    "l1": 0.01,
    "clip_norm": 0.01,
    "batch_size": 32,
    "max_iter": 2,
    "early_stopping": True,
    "dtype": "float64",
    "random_state": np.random.RandomState(3),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_parameter_has_its_effect(digits, name):
    base, changed = short().fit(*digits), short(**{name: CHANGES[name]}).fit(*digits)
    assert not np.array_equal(base.predict_proba(digits[0]), changed.predict_proba(digits[0]))


def test_momentum_and_the_held_out_share_have_their_effect(digits):
    for base, change in (
        (short(optimizer="momentum"), {"momentum": 0.5}),
        (short(early_stopping=True), {"validation_fraction": 0.3}),
    ):
        one, other = base.fit(*digits), clone(base).set_params(**change).fit(*digits)
        assert not np.array_equal(one.coefs_[0], other.coefs_[0])


def test_what_has_no_effect_is_said(digits):
    with pytest.warns(UserWarning, match=r"^no effect here: momentum \(optimizer sgd; momentum.* nag.* use it\)"):
        short(optimizer="sgd", momentum=0.5).fit(*digits)


def test_stops_where_nothing_becomes_better(digits):
    assert short(max_iter=20, tol=10.0, n_iter_no_change=4).fit(*digits).n_iter_ == 6
    stopped = short(max_iter=60, early_stopping=True, n_iter_no_change=2, learning_rate_init=0.02).fit(*digits)
    best = np.argmax(stopped.validation_scores_)
    assert best + 1 < stopped.n_iter_ == len(stopped.validation_scores_) < 60


def test_convolutions_on_images(digits):
    x, y = digits
    flat = short(model="cnn", image_shape=(8, 8), activation="tanh", batch_size=16, learning_rate_init=0.01, max_iter=8)
    flat.fit(x[:500], y[:500])
    assert flat.score(x[500:], y[500:]) > 0.7
    assert flat.coefs_[0].shape == (4, 1, 3, 3)
    assert flat.n_features_in_ == 64
    images = clone(flat).fit(x[:500].reshape(-1, 8, 8), y[:500])
    np.testing.assert_array_equal(flat.predict_proba(x), images.predict_proba(x.reshape(-1, 8, 8)))


def test_partial_fits_are_the_epochs_of_a_fit(digits):
    whole, parts = short(dropout=0.2).fit(*digits), short(dropout=0.2)
    for _ in range(3):
        parts.partial_fit(*digits, classes=range(10))
    np.testing.assert_array_equal(whole.predict_proba(digits[0]), parts.predict_proba(digits[0]))
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.n_iter_ == 3


def test_partial_fit_after_a_pickle_and_on_other_samples(digits):
    x, y = digits
    ours = short().partial_fit(x[:50], y[:50], classes=range(10))
    copy = pickle.loads(pickle.dumps(ours))
    for each in (ours, copy):
        each.partial_fit(x[50:], y[50:])
    np.testing.assert_array_equal(ours.coefs_[0], copy.coefs_[0])
    with pytest.raises(ValueError, match="y has 10, which is not among the classes"):
        ours.partial_fit(x, y + 1)


@pytest.mark.slow
def test_pickled_for_another_process(digits, tmp_path):
    fitted = short(batch_norm=True).fit(*digits)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(fitted))
    np.save(tmp_path / "x.npy", digits[0])
    code = "import pickle, numpy, pathlib; here = pathlib.Path({!r}); model = pickle.loads((here / 'model.pkl')."
    code += "read_bytes()); numpy.save(here / 'p.npy', model.predict_proba(numpy.load(here / 'x.npy')))"
    assert python(code.format(str(tmp_path))).err == ""
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), fitted.predict_proba(digits[0]))


def test_cross_validated_behind_a_scaler():
    pipeline = make_pipeline(StandardScaler(), HandgradClassifier(random_state=0, learning_rate_init=0.01))
    assert cross_val_score(pipeline, *load_iris(return_X_y=True), cv=3).mean() > 0.9


@pytest.mark.slow
def test_searched_in_two_processes(digits):
    search = GridSearchCV(short(max_iter=30, batch_size=20), {"hidden_layer_sizes": [(2,), (64,)]}, cv=2, n_jobs=2).fit(
        *digits
    )
    assert search.best_params_ == {"hidden_layer_sizes": (64,)}
    assert search.best_score_ > 0.7


def test_frames_keep_their_names():
    """A frame in, a Series of texts as labels, set_output before the network, and weights from a Series."""
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: python -m pip install pandas")
    x, y = load_iris(return_X_y=True, as_frame=True)
    y = y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
    weights = pandas.Series(np.ones(len(y)))
    pipeline = make_pipeline(StandardScaler(), short()).set_output(transform="pandas")
    pipeline.fit(x, y, handgradclassifier__sample_weight=weights)
    assert pipeline.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert set(pipeline.predict(x)) <= set(y)
    assert pipeline[-1].feature_names_in_.tolist() == x.columns.tolist()
    with pytest.raises(ValueError, match="feature names should match"):
        pipeline.predict(x.rename(columns={x.columns[0]: "other"}))
    assert isinstance(y, pandas.Series)


def test_shown_in_notebooks_by_what_was_given():
    assert repr(short()) == "HandgradClassifier(max_iter=3, random_state=0)"
    assert "HandgradClassifier" in estimator_html_repr(short())


def test_a_line_an_epoch(digits, capsys):
    short(verbose=True, early_stopping=True).fit(*digits)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("epoch 1: loss 2.")
    assert ", validation accuracy 0." in lines[0]


MISTAKES = {
    "learning_rate_init must be positive, got -1.0": {"learning_rate_init": -1},
    "alpha must be zero or positive, got -1.0": {"alpha": -1},
    "max_iter must be a whole number, got 2.5": {"max_iter": 2.5},
    "hidden_layer_sizes must be 1 to 1000000, got -1": {"hidden_layer_sizes": (8, -1)},
    "did you mean relu": {"activation": "reluu"},
    "random_state must be 0 to": {"random_state": -1},
    "cannot be used to seed": {"random_state": "a"},
    "tol must be zero or positive, got nan": {"tol": float("nan")},
    "early_stopping must be True or False, got 'yes'": {"early_stopping": "yes"},
    "verbose must be True or False, got 2": {"verbose": 2},
    "early_stopping needs validation_fraction above 0": {"early_stopping": True, "validation_fraction": 0},
    "n_iter_no_change must be 0 to": {"n_iter_no_change": -1},
    "model must be one of mlp, cnn, .*, got 'svm'": {"model": "svm"},
    "model cnn needs image_shape": {"model": "cnn"},
    "image_shape must have 64 pixels, as X has features, got \\(28, 28\\)": {"model": "cnn", "image_shape": (28, 28)},
    "image_shape must have 64 pixels, as X has features, got '8x8'": {"image_shape": "8x8"},
    "leave out hidden_layer_sizes, got \\(5,\\)": {"layers": ["dense:8"], "hidden_layer_sizes": (5,)},
    "dtype must be one of float32, float64": {"dtype": "float16"},
    "class_weight must be zero or positive for every class, got {3: -1": {"class_weight": {3: -1}},
    "Choose batch_size 600, or leave out": {"batch_norm": True, "batch_size": 599},
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_mistake_is_one_line_in_words_of_python(digits, message):
    with pytest.raises(ValueError, match=message) as caught:
        short(**MISTAKES[message]).fit(*digits)
    assert "--" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_balanced_classes_and_partial_fit(digits):
    x, y = digits
    few = np.r_[np.flatnonzero(y == 0)[:5], np.flatnonzero(y > 0)]
    weights = {0: len(few) / 50, **{k: len(few) / 10 / (y == k).sum() for k in range(1, 10)}}
    balanced, given = short(class_weight="balanced"), short(class_weight=weights)
    np.testing.assert_allclose(balanced.fit(x[few], y[few]).coefs_[0], given.fit(x[few], y[few]).coefs_[0], rtol=1e-6)
    with pytest.raises(ValueError, match="class_weight='balanced' needs all samples at once"):
        balanced.partial_fit(x, y, classes=range(10))


def test_a_sample_of_weight_two_counts_as_two(digits):
    """In the loss and in the penalty, where an epoch is one batch; one of weight 0 is left out of any batch."""
    x, y = digits
    counts = np.random.default_rng(0).integers(0, 4, len(y))
    settings = {"batch_size": 2000, "alpha": 50.0, "dtype": "float64", "learning_rate_init": 0.01}
    weighted, repeated = short(**settings), short(**settings)
    weighted.fit(x, y, sample_weight=counts)
    repeated.fit(x.repeat(counts, axis=0), y.repeat(counts))
    np.testing.assert_allclose(weighted.coefs_[0], repeated.coefs_[0], rtol=1e-7, atol=1e-12)
    assert weighted.score(x, y, counts) == pytest.approx(repeated.score(x.repeat(counts, axis=0), y.repeat(counts)))
    some = counts > 1
    left_out, fewer = short(batch_norm=True).fit(x, y, some), short(batch_norm=True).fit(x[some], y[some])
    np.testing.assert_array_equal(left_out.predict_proba(x), fewer.predict_proba(x))


def test_class_weights_multiply_sample_weights(digits):
    x, y = digits
    weights, classes = np.random.default_rng(1).random(len(y)) + 0.1, dict(enumerate(np.arange(1.0, 11.0)))
    both = short(class_weight=classes).fit(x, y, weights)
    product = short().fit(x, y, weights * np.array([*classes.values()])[y])
    np.testing.assert_array_equal(both.coefs_[0], product.coefs_[0])
    parts = short(class_weight=classes).partial_fit(x, y, range(10), weights).partial_fit(x, y, sample_weight=weights)
    np.testing.assert_array_equal(parts.coefs_[0], short(class_weight=classes, max_iter=2).fit(x, y, weights).coefs_[0])
    shares = [weights[y == k].sum() for k in range(10)]
    balanced = short(class_weight="balanced", dtype="float64").fit(x, y, weights).coefs_[0]
    given = short(dtype="float64").fit(x, y, weights * (sum(shares) / (10 * np.array(shares)))[y]).coefs_[0]
    np.testing.assert_allclose(balanced, given, rtol=1e-9)


def test_early_stopping_weighs_the_held_out_samples(digits):
    x, y = digits
    weights = np.where(y == 3, 1.0, 1e-9)
    stopping = short(early_stopping=True, validation_fraction=0.3, max_iter=1).fit(x, y, weights)
    _, held = holdout(y, 0.3, 0)
    right = stopping.predict(x[held]) == y[held]
    assert stopping.validation_scores_[0] == pytest.approx(np.average(right, weights=weights[held]))
    assert stopping.validation_scores_[0] == pytest.approx(right[y[held] == 3].mean(), abs=1e-6)


def test_labels_and_samples_that_do_not_fit(digits):
    x, y = digits
    with pytest.raises(ValueError, match="zero"):
        short().fit(x, y, 0 * y)
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        short().fit(x, y, y - 1)
    with pytest.raises(ValueError, match="y should be a 1d array"):
        short().fit(x, np.eye(10)[y])
    with pytest.raises(ValueError, match="2 classes or more, got 1 class"):
        short().fit(x, y * 0)
    with pytest.raises(ValueError, match=r"X must hold images of shape \(2, 32\), got \(8, 8\)"):
        short(image_shape=(2, 32)).fit(x.reshape(-1, 8, 8), y)
    with pytest.raises(ValueError, match="Found array with dim 3"):
        short().fit(x.reshape(-1, 8, 8), y)
    with pytest.raises(DivergedError, match="Lower learning_rate_init or set clip_norm"):
        short(optimizer="sgd", learning_rate_init=1e9).fit(x, y)


@pytest.mark.parametrize("parameters", [{"early_stopping": True}, {"schedule": "one_cycle"}])
def test_no_partial_fit_where_epochs_are_counted(parameters):
    assert not hasattr(short(**parameters), "partial_fit")


def test_a_batch_size_of_its_own_leaves_no_batch_of_one(digits):
    """201 samples in batches of 200 would leave one, which batch_norm refuses."""
    x, y = digits
    assert isinstance(short(batch_norm=True).fit(x[:201], y[:201]).network_, Network)
