"""Fits a classical model and scores images with it, reporting progress.

An estimator is one long compiled call that reports no progress and cannot be stopped. So it runs in its own thread,
and what is reported is how long it has run, beside the estimate of how long it takes.
"""

import os
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.classical.models import ClassicalModel
from handgrad.errors import UsageError

Array = NDArray[Any]
TICK_SECONDS = 0.1
PROBE_IMAGES, PROBE_SECONDS = 250, 0.3
ROWS = 500  # are scored at a time


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
