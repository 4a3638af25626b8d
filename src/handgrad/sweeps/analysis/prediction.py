"""What a configuration may be expected to reach, from its own runs and from those of similar ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.sweeps.analysis.factors import is_number, positions
from handgrad.sweeps.definition import SweepDefinition

Array = NDArray[Any]
FEWEST = 10  # configurations to learn from
MOST = 300  # runs that the parameters of the law are fitted to
MOST_KNOWN = 1500  # runs that it is conditioned on
OUTLYING = 3.0  # times as far below the median as the best is above it: from there on, a run is merely bad


class Surrogate:
    """A Gaussian process over configurations: a sum of each parameter's part, a smooth rest, and noise.

    All four sizes are those that make the runs likeliest. The mean at a tried configuration lies between what it
    reached and what similar ones did, the nearer to these the noisier the runs: so it is not too good where the
    configuration was chosen for its result. Runs far below the median count as if they were less far, as otherwise
    they would decide how rough the surface is.

    Shapes  gains (n,), one a run, more is better
    Math    k(x, x') = s1^2 x.x' + s2^2 exp(-|x - x'|^2 / 2 l^2) + noise^2 [same run]
    Ref     Rasmussen & Williams (2006), chapter 2; Efron (2011), JASA 106, on selection and shrinkage
    """

    def __init__(self, definition: SweepDefinition, names: Sequence[str], values: Sequence[Any], gains: Array) -> None:
        self._definition, self._names = definition, names
        self._levels = {name: sorted({repr(each[name]) for each in values}) for name in names}
        self._numeric = {name: all(is_number(each[name]) for each in values) for name in names}
        order = np.random.default_rng(0).permutation(len(gains))
        x, y = self._columns(values)[order], self._pulled_in(gains)[order]
        self._middle, self._size = float(y.mean()), float(y.std()) or 1.0
        self._process = _fitted(x, (y - self._middle) / self._size)

    @property
    def noise(self) -> float:
        """The standard deviation of a run around what its configuration reaches on average."""
        return self._size * float(np.sqrt(self._process.kernel_.k2.noise_level))

    def expected(self, values: Sequence[dict[str, Any]]) -> tuple[Array, Array]:
        """Means of the gain, and their covariance.  Shapes  -> (n,), (n, n)"""
        mean, covariance = self._process.predict(self._columns(values), return_cov=True)
        covariance = covariance - self._process.kernel_.k2.noise_level * np.eye(len(mean))
        return self._middle + self._size * mean, self._size**2 * covariance

    def means(self, values: Sequence[dict[str, Any]]) -> Array:
        """Of the gain.  Shapes  -> (n,)"""
        return self._middle + self._size * self._process.predict(self._columns(values))

    def _columns(self, values: Sequence[dict[str, Any]]) -> Array:
        """Two different levels are at a distance of 1, as are the ends of a scale."""
        columns = []
        for name in self._names:
            if self._numeric[name] and len(self._levels[name]) > 2:
                columns.append(positions(self._definition.parameters[name], [each[name] for each in values]))
            else:
                columns += [
                    np.array([repr(each[name]) == level for each in values]) / np.sqrt(2)
                    for level in self._levels[name]
                ]
        return np.column_stack(columns).astype(float)

    @staticmethod
    def _pulled_in(gains: Array) -> Array:
        middle = float(np.median(gains))
        return np.maximum(gains, middle - OUTLYING * (float(gains.max()) - middle))


def _fitted(x: Array, y: Array) -> Any:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel

    parts = ConstantKernel(0.5, (1e-3, 1e2)) * DotProduct(1.0, "fixed")
    rest = ConstantKernel(0.3, (1e-3, 1e2)) * RBF(2.0, (0.5, 20.0))
    kernel = parts + rest + WhiteKernel(0.1, (1e-4, 2.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a size at its bound is an answer: there is no such part
        learned = GaussianProcessRegressor(kernel).fit(x[:MOST], y[:MOST])
        return GaussianProcessRegressor(learned.kernel_, optimizer=None).fit(x[:MOST_KNOWN], y[:MOST_KNOWN])
