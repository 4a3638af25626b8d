"""What a configuration may be expected to reach: Gaussian processes over its own runs and those of similar ones."""

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from handgrad.evaluation import Interval
from handgrad.sweeps.analysis.model import MOST_LEVELS, is_number, positions
from handgrad.sweeps.definition import Metric, SweepDefinition

Array = NDArray[Any]
LEVEL = 4.0  # variance of the mean of all, which is not known either
PARTS = (0.003, 0.03, 0.1, 0.3, 1.0)  # variances of what a parameter adds
RESTS = ((0.0, 1.0), *product((0.03, 0.1, 0.3, 1.0), (3.0, 10.0)))  # variance and reach of what depends on all of them
NOISES = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)  # deviations of a seed's noise
USUAL = 0.3  # the scale of a half-Cauchy distribution of them: seeds seldom matter as much as configurations do
MOST_RUNS = 200  # runs that decide how likely the sizes are
MOST_PREDICTED = 15_000  # members times runs, at most
FEWEST = 5  # configurations to learn from
SMOOTH = 0.3  # of a scale's length: numbers so far apart still agree to 61 %
MOST_KNOWN = 1500  # runs that it is conditioned on
NODES = scipy.special.ndtri((np.arange(25) + 0.5) / 25)  # of a normal distribution, equally likely
SEED_SHARE = 0.25  # of the images' variance, which is taken to be a seed's at least: one seed each cannot tell


class Sizes(NamedTuple):
    """The variance of a parameter's part and of the rest, how far that reaches, and the deviation of the noise."""

    part: float
    rest: float
    reach: float
    noise: float

    def kernel(self, agreement: Array, parameters: int) -> Array:
        """Of everything but noise, from the number of parameters in which two configurations agree."""
        rest = self.rest * np.exp((agreement - parameters) / self.reach) if self.rest else 0.0
        return np.asarray(LEVEL + self.part * agreement + rest)


class Observed(NamedTuple):
    """Runs: how many of the parameters any two agree in, their results, and their noise's variance.

    That is noise^2 seed + images, noise as in Sizes.

    Shapes  agreement (n, n); y, seed, images (n,)
    """

    agreement: Array
    parameters: int
    y: Array
    seed: Array
    images: Array

    def first(self, count: int) -> "Observed":
        some = slice(0, count)
        return Observed(self.agreement[some, some], self.parameters, self.y[some], self.seed[some], self.images[some])

    def factor(self, sizes: Sizes, kernel: Array | None = None) -> Array:
        """The lower Cholesky factor of the results' covariance.  Shapes  -> (n, n)"""
        covariance = sizes.kernel(self.agreement, self.parameters) if kernel is None else kernel.copy()
        covariance[np.diag_indices_from(covariance)] += sizes.noise**2 * self.seed + self.images
        return np.asarray(scipy.linalg.lapack.dpotrf(covariance.T, lower=1, clean=1, overwrite_a=1)[0])

    def log_likelihoods(self) -> Iterator[tuple[Sizes, float]]:
        """Of all sizes, with what was likely beforehand, up to a constant."""
        for part, (rest, reach) in product(PARTS, RESTS):
            kernel = Sizes(part, rest, reach, 0.0).kernel(self.agreement, self.parameters)
            for noise in NOISES:
                sizes = Sizes(part, rest, reach, noise)
                factor = self.factor(sizes, kernel)
                half = scipy.linalg.lapack.dtrtrs(factor, self.y, lower=1)[0]
                fit = -0.5 * float(half @ half) - float(np.log(np.diag(factor)).sum())
                yield sizes, fit - math.log1p((noise / USUAL) ** 2) - (math.log(len(RESTS) - 1) if rest else 0.0)


class Member(NamedTuple):
    """One of the processes, given what was observed; the weights of all sum to 1.

    Shapes  factor (n, n); pull (n,), the covariance's inverse times y
    """

    sizes: Sizes
    weight: float
    factor: Array
    pull: Array

    def predict(self, across: Array, among: Array, parameters: int) -> tuple[Array, Array]:
        """Mean and covariance of others.  Shapes  across (m, n), among (m, m) -> (m,), (m, m)"""
        toward = self.sizes.kernel(across, parameters)
        part = scipy.linalg.solve_triangular(self.factor, toward.T, lower=True, check_finite=False)
        return toward @ self.pull, self.sizes.kernel(among, parameters) - part.T @ part

    def left_out(self, y: Array) -> tuple[Array, Array]:
        """Mean and variance of each run, with its noise, from all others: Rasmussen & Williams (2006), 5.4.2."""
        own = np.diag(scipy.linalg.cho_solve((self.factor, True), np.eye(len(y)), check_finite=False))
        return y - self.pull / own, 1 / own


def members(observed: Observed) -> list[Member]:
    """Those of the likeliest sizes."""
    every, log_likely = zip(*observed.first(MOST_RUNS).log_likelihoods(), strict=True)
    weights = np.exp(np.array(log_likely) - max(log_likely))
    best = np.argsort(-weights, kind="stable")[: max(5, MOST_PREDICTED // len(observed.y))]
    best = best[weights[best] > 1e-3]
    shares = weights[best] / weights[best].sum()
    found = []
    for i, share in zip(best.tolist(), shares.tolist(), strict=True):
        factor = observed.factor(every[i])
        pull = scipy.linalg.cho_solve((factor, True), observed.y, check_finite=False)
        found.append(Member(every[i], share, factor, pull))
    return found


class VarianceStabilizer:
    """Objectives on a scale on which noise is about the same everywhere, and more is better.

    Of accuracies that is minus the logarithm of the errors, of losses minus their logarithm, of all else the gain.
    """

    def __init__(self, metric: Metric, smallest: float) -> None:
        self._sign = 1 if metric.goal == "maximize" else -1
        self._errors = metric.share and metric.goal == "maximize"
        self._logs = self._errors or (not metric.foreign and metric.name.endswith("loss") and metric.goal == "minimize")
        self._smallest = smallest

    def forward(self, objectives: Array) -> Array:
        wrong = 1 - objectives if self._errors else objectives
        return -np.log(np.maximum(wrong, self._smallest)) if self._logs else self._sign * objectives

    def inverse(self, transformed: Array) -> Array:
        if not self._logs:
            return self._sign * transformed
        return 1 - np.exp(-transformed) if self._errors else np.exp(-transformed)

    def slope(self, objectives: Array) -> Array:
        """How much objectives change with their transformed values."""
        if not self._logs:
            return np.ones_like(objectives)
        return np.maximum(1 - objectives if self._errors else objectives, self._smallest)


class Surrogate:
    """Gaussian processes over configurations: a sum of each parameter's part, a smooth rest, and noise.

    A run's noise has two parts: that of the seed, of one deviation in the objective's own unit, and that of the
    `images` which an accuracy is measured on. The mean at a tried configuration lies between what it reached and what
    similar ones did, the nearer to these the noisier the runs: so it is not too good where the configuration was chosen
    for its result. Runs as far below the median as the best is above it, or farther, count as if they were just there:
    how bad they are says nothing of the best.

    Shapes  objectives (n,), one a run
    Math    k(x, x') = 4 + s1^2 a + s2^2 exp((a - p) / r) + noise^2 [same run], where a of the p parameters agree: of
            those on a scale, exp(-d^2 / 2 SMOOTH^2) counts
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
        self.transform = VarianceStabilizer(
            definition.metric, 0.5 / images if images else 1e-3 * float(np.median(objectives))
        )
        self._definition, self._images = definition, images
        tried = {name: [each[name] for each in values] for name in names}
        self._scaled = [n for n, own in tried.items() if all(map(is_number, own)) and len(set(own)) > MOST_LEVELS]
        self._listed = [name for name in names if name not in self._scaled]
        transformed = self.transform.forward(objectives)
        order = np.lexsort(
            (np.array([definition.key(each) for each in values]), transformed)
        )  # whatever the order of the trials
        order = np.random.default_rng(0).permutation(order)[:MOST_KNOWN]
        pulled = np.maximum(transformed, 2 * float(np.median(transformed)) - float(transformed.max()))
        self._known, y = [values[i] for i in order.tolist()], (pulled if np.ptp(pulled) > 0 else transformed)[order]
        self._middle, self._size = float(y.mean()), float(y.std())
        self._unit = self._size * self.transform.slope(np.quantile(objectives, 0.75))
        agreement, y = self._agreement(self._known, self._known), (y - self._middle) / self._size
        where = np.full(len(y), float(np.quantile(objectives, 0.75)))
        for _ in range(2):  # noise depends on where a run is expected, and that on noise
            observed = Observed(agreement, len(names), y, *self._variances(where))
            self._members = members(observed)
            where = self.transform.inverse(self.means(self._known))
        self._doubt, self._freedom = self._checked(observed)

    def noise(self, objective: float) -> float:
        """The standard deviation of a run around what its configuration reaches on average, at this objective."""
        seed, images = self._variances(np.array(objective))
        share = sum(member.weight * member.sizes.noise**2 for member in self._members)
        return self._size * math.sqrt(share * seed + images) * float(self.transform.slope(np.array(objective)))

    def expected(self, values: Sequence[dict[str, Any]]) -> tuple[Array, Array]:
        """Means, transformed, and their covariance.  Shapes  -> (n,), (n, n)"""
        parts = [(member.weight, *predicted) for member, predicted in self._predicted(values)]
        mean = np.sum([weight * each for weight, each, _ in parts], axis=0)
        spread = [w * (self._doubt**2 * c + np.outer(m - mean, m - mean)) for w, m, c in parts]
        return self._middle + self._size * mean, self._size**2 * np.sum(spread, axis=0)

    def interval(self, values: dict[str, Any], size: int) -> Interval:
        """Of what another run reaches, with another seed on other images."""
        rows = []
        for member, (mean, covariance) in self._predicted([values]):
            nodes = mean[0] + self._doubt * math.sqrt(max(covariance[0, 0], 0.0)) * NODES
            centres = self.transform.inverse(self._middle + self._size * nodes)
            seed, images = self._variances(centres)
            noise = np.sqrt(member.sizes.noise**2 * seed + images) * self._size * self.transform.slope(centres)
            rows.append((np.full(len(nodes), member.weight / len(nodes)), centres, noise))
        weights, centres, noise = (np.concatenate(each) for each in zip(*rows, strict=True))
        low, high = (_quantile(p, weights, centres, noise, self._freedom) for p in (0.025, 0.975))
        middle = float(self.transform.inverse(self.means([values]))[0])
        return Interval(middle, low, high, size)

    def means(self, values: Sequence[dict[str, Any]]) -> Array:
        """Means, transformed.  Shapes  -> (n,)"""
        across, count = self._agreement(values, self._known), len(self._scaled) + len(self._listed)
        pulls = [m.weight * (m.sizes.kernel(across, count) @ m.pull) for m in self._members]
        return self._middle + self._size * np.sum(pulls, axis=0)

    def _predicted(self, values: Sequence[dict[str, Any]]) -> list[tuple[Member, tuple[Array, Array]]]:
        across, among = self._agreement(values, self._known), self._agreement(values, values)
        count = len(self._scaled) + len(self._listed)
        return [(member, member.predict(across, among, count)) for member in self._members]

    def _variances(self, objectives: Array) -> tuple[Array, Array]:
        """Of a seed's noise of unit size, and of the images' with the least of a seed's, transformed."""
        slopes = self.transform.slope(objectives) * self._size
        share = np.clip(objectives, 0, 1)
        of_images = (1 + SEED_SHARE) * share * (1 - share) / self._images if self._images else np.zeros_like(share)
        return (self._unit / slopes) ** 2, np.maximum(of_images / slopes**2, 1e-6)

    def _agreement(self, some: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]]) -> Array:
        """In how many parameters two configurations agree, nearly or wholly.  Shapes  -> (some, others)"""
        total = np.zeros((len(some), len(others)))
        for name in self._listed:
            one, other = (np.array([repr(each[name]) for each in group]) for group in (some, others))
            total += one[:, None] == other
        for name in self._scaled:
            scale = self._definition.parameters[name]
            one, other = (positions(scale, [each[name] for each in group]) for group in (some, others))
            total += np.exp(-0.5 * ((one[:, None] - other) / SMOOTH) ** 2)
        return total

    def _checked(self, observed: Observed) -> tuple[float, float]:
        """By how much errors exceed what is claimed, where most is promised, and how many runs tell of noise.

        Each run of the quarter with the best predictions is predicted from all others.

        Math    degrees of freedom n - tr(H), H what takes y to the means at the same runs; at least FEWEST - 1
        """
        means, variances = map(np.array, zip(*(member.left_out(observed.y) for member in self._members), strict=True))
        weights = np.array([member.weight for member in self._members])
        mean = weights @ means
        variance = weights @ (variances + (means - mean) ** 2)
        best = np.argsort(-mean, kind="stable")[: max(1, len(mean) // 4)]
        doubt = max(1.0, float(np.sqrt(np.mean((observed.y - mean)[best] ** 2 / variance[best]))))
        noises = np.array([member.sizes.noise**2 * observed.seed + observed.images for member in self._members])
        return doubt, max(FEWEST - 1.0, float(weights @ np.sum(noises / variances, axis=1)))


def _quantile(p: float, weights: Array, centres: Array, deviations: Array, freedom: float) -> float:
    """Of a mixture of Student's distributions, by bisection."""
    low, high = float((centres - 10 * deviations).min()), float((centres + 10 * deviations).max())
    for _ in range(60):
        middle = (low + high) / 2
        below = float(weights @ scipy.special.stdtr(freedom, (middle - centres) / deviations)) < p
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2
