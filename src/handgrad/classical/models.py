"""The classical models, each with its scikit-learn estimator; fitted, and images scored, with their progress."""

import os
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.errors import Bounded, UsageError, bounded

CACHE_MEGABYTES = 500
Array = NDArray[Any]
TICK_SECONDS = 0.1
PROBE_IMAGES, PROBE_SECONDS = 250, 0.3
ROWS = 500  # are scored at a time


@dataclass(frozen=True)
class ClassicalModel(Bounded, ABC):
    """Hyper-parameters, each `bounded`; a subclass is a class here and a row of CLASSICAL.

    Its time, for estimates: n images are fitted in about n ** fit_power, one is then predicted in n ** predict_power.

    Raises  UsageError for a number out of bounds.
    """

    title: ClassVar[str] = ""
    probabilistic: ClassVar[bool] = True
    fit_power: ClassVar[float] = 1.0
    predict_power: ClassVar[float] = 0.0

    @property
    def least_images(self) -> int:
        """Fewer than these it cannot be fitted to."""
        return 2

    @abstractmethod
    def estimator(self, seed: int) -> Any:
        """A scikit-learn classifier that has seen nothing yet; all its randomness comes from `seed`."""

    @abstractmethod
    def size(self, estimator: Any) -> int:
        """How many numbers the fitted `estimator` predicts from."""


@dataclass(frozen=True)
class LinearSVM(ClassicalModel):
    """Maximum margin between classes, each error weighed by C.

    Math    min 1/2 |w|^2 + C sum_n max(0, 1 - y_n (w . x_n + b))
    Ref     Cortes & Vapnik, Support-Vector Networks, 1995; solved by LIBSVM (Chang & Lin, 2011)
    """

    title: ClassVar[str] = "linear support vector machine"
    probabilistic: ClassVar[bool] = False
    fit_power: ClassVar[float] = 1.8
    predict_power: ClassVar[float] = 0.6
    C: float = bounded(1.0, "(0, inf)")

    def estimator(self, seed: int) -> Any:
        """LIBSVM's solver draws nothing at random, so `seed` is not used."""
        return _classifier(C=self.C, kernel="linear")

    def size(self, estimator: Any) -> int:
        """Support vectors with their coefficients, and a threshold for each pair."""
        return int(estimator.support_vectors_.size + estimator.dual_coef_.size + estimator.intercept_.size)


@dataclass(frozen=True)
class SVM(LinearSVM):
    """The same with a kernel of radial basis functions.

    Math    w . x becomes sum_n a_n y_n k(x_n, x),  k(u, v) = exp(-gamma |u - v|^2)
    """

    title: ClassVar[str] = "support vector machine with a kernel of radial basis functions"
    C: float = bounded(5.0, "(0, inf)")
    gamma: float = bounded(0.05, "(0, inf)")

    def estimator(self, seed: int) -> Any:
        """As for the linear one."""
        return _classifier(C=self.C, kernel="rbf", gamma=self.gamma)


def _classifier(**settings: Any) -> Any:
    from sklearn.svm import SVC

    return SVC(cache_size=CACHE_MEGABYTES, decision_function_shape="ovr", break_ties=True, **settings)


@dataclass(frozen=True)
class Logistic(ClassicalModel):
    """A network without hidden layers, whose loss is convex: L-BFGS finds its one minimum.

    Math    min 1/2 |W|^2 + C sum_n -log softmax(W x_n + b)[y_n]
    """

    title: ClassVar[str] = "logistic regression"
    C: float = bounded(1.0, "(0, inf)")
    iterations: int = bounded(1000, "[1, 1000000]")

    def estimator(self, seed: int) -> Any:
        """L-BFGS starts from zeros and draws nothing at random, so `seed` is not used."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=self.C, max_iter=int(self.iterations))

    def size(self, estimator: Any) -> int:
        """Weights and biases."""
        return int(estimator.coef_.size + estimator.intercept_.size)


@dataclass(frozen=True)
class KNN(ClassicalModel):
    """Each class has the share of votes that the nearest training images give it, by Euclidean distance.

    Ref     Cover & Hart, Nearest Neighbor Pattern Classification, 1967
    """

    title: ClassVar[str] = "nearest neighbours"
    predict_power: ClassVar[float] = 1.0
    neighbors: int = bounded(3, "[1, 1000000]")

    @property
    def least_images(self) -> int:
        """As many as are asked."""
        return int(self.neighbors)

    def estimator(self, seed: int) -> Any:
        """Nothing is random here, so `seed` is not used."""
        from sklearn.neighbors import KNeighborsClassifier

        return KNeighborsClassifier(n_neighbors=int(self.neighbors), algorithm="brute")

    def size(self, estimator: Any) -> int:
        """All of the training images."""
        return int(estimator.n_samples_fit_ * estimator.n_features_in_)


@dataclass(frozen=True)
class RandomForest(ClassicalModel):
    """The mean of trees, each grown on images drawn with replacement, each split on the best of a few random features.

    Ref     Breiman, Random Forests, 2001
    """

    title: ClassVar[str] = "random forest"
    fit_power: ClassVar[float] = 1.1
    predict_power: ClassVar[float] = 0.1
    trees: int = bounded(100, "[1, 100000]")
    depth: int = bounded(0, "[0, 1000]")  # 0: until every leaf is pure

    def estimator(self, seed: int) -> Any:
        """Fitted on all cores; each tree has a seed of its own, so their number changes nothing."""
        from sklearn.ensemble import RandomForestClassifier

        depth = int(self.depth) or None
        return RandomForestClassifier(int(self.trees), max_depth=depth, random_state=seed % 2**32, n_jobs=-1)

    def size(self, estimator: Any) -> int:
        """Nodes of all trees."""
        return sum(int(tree.tree_.node_count) for tree in estimator.estimators_)


class Stage(NamedTuple):
    """What a model is at: "fit" or "score" and of what, for how many seconds, of about how many."""

    name: str
    seconds: float
    expected: float
    over: bool


Progress = Callable[[Stage], None]


class Estimate(NamedTuple):
    """Seconds to fit all images and to score one, from a trial on `images` of them that took `seconds`."""

    fit: float
    score: float
    images: int
    seconds: float


class Fitted(NamedTuple):
    """A fitted estimator, the seconds that it took, and what it had to complain about."""

    model: ClassicalModel
    estimator: Any
    seconds: float
    complaints: tuple[str, ...]


def quiet(stage: Stage) -> None:
    """Report nothing."""


def check_labels(model: ClassicalModel, y: Array) -> None:
    """Raises  UsageError when these are too few images, or of one class alone."""
    if len(y) < model.least_images:
        raise UsageError(f"the {len(y)} training images are too few for {model}: raise train_fraction")
    if len(np.unique(y)) < 2:
        raise UsageError("all training images are of one class, but a classifier needs two or more. Add another class")


def estimate(model: ClassicalModel, x: Array, y: Array, seed: int) -> Estimate:
    """How long `model` would take on all of x, from a fit on a share of them and the power that its time grows with.

    Math    seconds(all) = seconds(share) * (all / share) ** power
    """
    order = _mixed(y, seed)
    images = min(max(PROBE_IMAGES, model.least_images), len(y))
    fit(model, x[order[:images]], y[order[:images]], seed)  # imports what it needs, and wakes threads
    trial = fit(model, x[order[:images]], y[order[:images]], seed)
    while trial.seconds < PROBE_SECONDS and 2 * images <= len(y):
        images *= 2
        trial = fit(model, x[order[:images]], y[order[:images]], seed)
    some = x[order[:ROWS]]
    begin = time.perf_counter()
    scores(trial, some, int(y.max()) + 1)
    scored = (time.perf_counter() - begin) / len(some)
    growth = len(y) / images
    whole = trial.seconds * growth**model.fit_power
    return Estimate(whole, scored * growth**model.predict_power, images, trial.seconds)


def _mixed(y: Array, seed: int) -> Array:
    """All rows in random order, but for a second class early on: whatever is taken from the front can be fitted."""
    order = np.random.Generator(np.random.Philox(key=[seed, len(y)])).permutation(len(y))
    other = int(np.argmax(y[order] != y[order[0]]))
    order[[1, other]] = order[[other, 1]]
    return order


def fit(
    model: ClassicalModel, x: Array, y: Array, seed: int, progress: Progress = quiet, expected: float = float("nan")
) -> Fitted:
    """Fit the estimator of `model`; whatever `progress` raises abandons it.

    Shapes  x (N, D) float; y (N,) int
    Raises  UsageError as `check_labels`.
    """
    check_labels(model, y)
    estimator = model.estimator(seed)
    begin = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _watched(lambda: estimator.fit(x, y), "fit", progress, expected)
    # Threads add the votes of trees up in the order in which they come, which changes last bits.
    estimator.set_params(**({"n_jobs": 1} if "n_jobs" in estimator.get_params() else {}))
    complaints = tuple(dict.fromkeys(str(warning.message).splitlines()[0] for warning in caught))
    return Fitted(model, estimator, time.perf_counter() - begin, complaints)


def scores(
    fitted: Fitted,
    x: Array,
    classes: int,
    what: str = "images",
    progress: Progress = quiet,
    expected: float = float("nan"),
) -> Array:
    """Probabilities, or an SVM's decision values: the highest in a row is the class predicted.

    A class that no training image had gets probability 0, or a decision value below all others.

    Shapes  x (N, D) float -> (N, classes) float64
    """
    estimator, known = fitted.estimator, fitted.estimator.classes_
    score = estimator.predict_proba if fitted.model.probabilistic else estimator.decision_function
    parts = np.array_split(x, max(1, len(x) // ROWS)) if len(x) else []

    def task() -> Any:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(score, parts))

    found = _watched(task, f"score {what}", progress, expected)
    values = np.concatenate(found) if found else np.empty((0, len(known)))
    if fitted.model.probabilistic:
        values = values / values.sum(axis=1, keepdims=True, dtype=np.float64)  # some are rounded to float32
    elif values.ndim == 1:  # of two classes, the decision value of the second
        values = np.column_stack([-values, values])
    out = np.zeros((len(x), classes))
    if not fitted.model.probabilistic and len(x):
        out[:] = values.min(axis=1, keepdims=True) - 1
    out[:, known] = values
    return out


def _watched(task: Callable[[], Any], name: str, progress: Progress, expected: float) -> Any:
    """What `task` returns or raises, done in a thread; whoever must not wait for one abandoned ends by os._exit."""
    executor, begin = ThreadPoolExecutor(1), time.perf_counter()
    future = executor.submit(task)
    executor.shutdown(wait=False)  # at the end of the process Python waits for the thread
    while not future.done():
        progress(Stage(name, time.perf_counter() - begin, expected, over=False))
        wait([future], TICK_SECONDS)
    progress(Stage(name, time.perf_counter() - begin, expected, over=True))
    return future.result()
