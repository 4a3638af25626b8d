"""What a configuration may be expected to reach, from its own runs and from those of similar ones."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from handgrad.evaluation import Interval
from handgrad.sweeps.analysis.factors import MOST_LEVELS, is_number, positions
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.metric import Metric

Array = NDArray[Any]
FEWEST = 10  # configurations to learn from
MOST = 300  # runs that the sizes of the law's parts are fitted to
KNOTS = np.linspace(0, 1, 5)
MOST_KNOWN = 1500  # runs that it is conditioned on


class Stretch:
    """Objectives on a scale on which noise is about the same everywhere, and more is better.

    Of accuracies that is minus the logarithm of the errors, of losses minus their logarithm, of all else the gain.
    """

    def __init__(self, metric: Metric, smallest: float) -> None:
        self._sign = 1 if metric.goal == "maximize" else -1
        self._errors = metric.name.endswith("accuracy") and metric.goal == "maximize"
        self._logs = self._errors or (metric.name.endswith("loss") and metric.goal == "minimize")
        self._smallest = smallest

    def there(self, objectives: Array) -> Array:
        """Objectives stretched."""
        wrong = 1 - objectives if self._errors else objectives
        return -np.log(np.maximum(wrong, self._smallest)) if self._logs else self._sign * objectives

    def back(self, stretched: Array) -> Array:
        """Objectives again."""
        if not self._logs:
            return self._sign * stretched
        return 1 - np.exp(-stretched) if self._errors else np.exp(-stretched)

    def interval(self, mean: float, error: float, size: int) -> Interval:
        """95 % around a stretched mean, in objectives."""
        half = float(ndtri(0.975)) * error
        middle, one, other = self.back(np.array([mean, mean - half, mean + half])).tolist()
        return Interval(middle, min(one, other), max(one, other), size)

    def slope(self, objective: float) -> float:
        """How much an objective changes with its stretched value."""
        if not self._logs:
            return 1.0
        return max(1 - objective if self._errors else objective, self._smallest)


class Surrogate:
    """A Gaussian process over configurations: a sum of each parameter's part, a smooth rest, and noise.

    The sizes of the parts are those that make the runs likeliest, the noise at least that of the `images` which an
    accuracy is measured on. The mean at a tried configuration lies between what it reached and what similar ones did,
    the nearer to these the noisier the runs: so it is not too good where the configuration was chosen for its result.
    Runs as far below the median as the best is above it, or farther, count as if they were just there: how bad they are
    says nothing of the best.

    Shapes  objectives (n,), one a run
    Math    k(x, x') = 4 + s1^2 x.x' + s2^2 exp(-|x - x'|^2 / 2 l^2) + noise^2 [same run]
    Ref     Rasmussen & Williams (2006), chapter 2; Efron (2011), JASA 106, on selection and shrinkage
    """

    def __init__(
        self,
        definition: SweepDefinition,
        names: Sequence[str],
        values: Sequence[dict[str, Any]],
        objectives: Array,
        images: int = 0,
    ) -> None:
        self.stretch = Stretch(definition.metric, 0.5 / images if images else 1e-3 * float(np.median(objectives)))
        self._definition, self._names = definition, names
        self._levels = {name: sorted({repr(each[name]) for each in values}) for name in names}
        self._numeric = {name: all(is_number(each[name]) for each in values) for name in names}
        stretched = self.stretch.there(objectives)
        order = np.lexsort((*self._columns(values).T, stretched))  # the same for every order of the trials
        order = np.random.default_rng(0).permutation(order)
        x, y = self._columns(values)[order], _pulled_in(stretched)[order]
        self._middle, self._size = float(y.mean()), float(y.std())
        least = _of_images(objectives, images) / self.stretch.slope(float(np.quantile(objectives, 0.75)))
        self._process = _fitted(x, (y - self._middle) / self._size, (least / self._size) ** 2)
        self._doubt = _doubt(self._process)

    def noise(self, objective: float) -> float:
        """The standard deviation of a run around what its configuration reaches on average, at this objective."""
        return self._size * math.sqrt(self._noise) * self.stretch.slope(objective)

    def expected(self, values: Sequence[dict[str, Any]]) -> tuple[Array, Array]:
        """Means, stretched, and their covariance.  Shapes  -> (n,), (n, n)"""
        mean, covariance = self._process.predict(self._columns(values), return_cov=True)
        covariance = covariance - self._noise * np.eye(len(mean))
        return self._middle + self._size * mean, (self._size * self._doubt) ** 2 * covariance

    def interval(self, mean: float, variance: float, size: int) -> Interval:
        """Of what another run reaches, with another seed on other images, from its stretched mean and variance."""
        return self.stretch.interval(mean, math.sqrt(max(0.0, variance) + self._size**2 * self._noise), size)

    def means(self, values: Sequence[dict[str, Any]]) -> Array:
        """Stretched.  Shapes  -> (n,)"""
        return self._middle + self._size * self._process.predict(self._columns(values))

    @property
    def _noise(self) -> float:
        return float(self._process.kernel_.k2.noise_level)

    def _columns(self, values: Sequence[dict[str, Any]]) -> Array:
        """Two different levels are at a distance of 1; what lies between two knots of a scale has a part of both.

        Shapes  -> (n, columns)
        """
        columns = []
        for name in self._names:
            own = [each[name] for each in values]
            if self._numeric[name] and len(self._levels[name]) > MOST_LEVELS:
                place = positions(self._definition.parameters[name], own)[:, None]
                columns.append(np.maximum(0, 1 - np.abs(place - KNOTS) * (len(KNOTS) - 1)))
            else:
                columns.append(np.array([[repr(value) == level for level in self._levels[name]] for value in own]))
        return np.column_stack(columns) / math.sqrt(2)


def _doubt(process: Any) -> float:
    """By how much errors exceed what the process claims, where it promises most: 1 or more.

    Each run of the quarter with the best predictions is predicted from all others.

    Math    z_i = [K^-1 y]_i / sqrt([K^-1]_ii);  the root of the mean of z^2
    Ref     Rasmussen & Williams (2006), section 5.4.2
    """
    inverse = np.linalg.inv(process.L_ @ process.L_.T)
    pull, y = inverse @ process.y_train_, process.y_train_
    predicted, z = y - pull / np.diag(inverse), pull / np.sqrt(np.diag(inverse))
    best = np.argsort(-predicted, kind="stable")[: max(1, len(y) // 4)]
    return max(1.0, float(np.sqrt(np.mean(z[best] ** 2))))


def _pulled_in(gains: Array) -> Array:
    pulled = np.maximum(gains, 2 * float(np.median(gains)) - float(gains.max()))
    return pulled if np.ptp(pulled) > 0 else gains


def _of_images(objectives: Array, images: int) -> float:
    """The standard deviation that so many images leave a good run's accuracy; 0 where they are not known."""
    share = float(np.clip(np.quantile(objectives, 0.75), 0, 1))
    return math.sqrt(share * (1 - share) / images) if images else 0.0


def _fitted(x: Array, y: Array, least: float) -> Any:
    """The process, with a noise variance of at least `least`."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel

    level = ConstantKernel(4.0, "fixed")  # the mean of all is not known either
    parts = ConstantKernel(0.5, (1e-5, 1e2)) * DotProduct(1e-3, "fixed")
    rest = ConstantKernel(0.3, (1e-5, 1e2)) * RBF(3.0, (1.5, 20.0))
    least = min(max(least, 1e-4), 0.9)
    kernel = level + parts + rest + WhiteKernel(max(0.1, least), (least, 2.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a size at its bound is an answer: there is no such part
        learned = GaussianProcessRegressor(kernel).fit(x[:MOST], y[:MOST])
        return GaussianProcessRegressor(learned.kernel_, optimizer=None).fit(x[:MOST_KNOWN], y[:MOST_KNOWN])
