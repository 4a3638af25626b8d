"""Gaussian processes whose sizes are not known: many at once, weighted by how likely each makes what was seen."""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular
from scipy.linalg.lapack import dpotrf, dtrtrs

Array = NDArray[Any]
LEVEL = 4.0  # variance of the mean of all, which is not known either
PARTS = (0.003, 0.03, 0.1, 0.3, 1.0)  # variances of what a parameter adds
RESTS = ((0.0, 1.0), *product((0.03, 0.1, 0.3, 1.0), (3.0, 10.0)))  # variance and reach of what depends on all of them
NOISES = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)  # deviations of a seed's noise
USUAL = 0.3  # the scale of a half-Cauchy distribution of them: seeds seldom matter as much as configurations do
MOST = 200  # runs that decide how likely the sizes are
WORK = 15_000  # members times runs, at most


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


class Seen(NamedTuple):
    """Runs: how many of the parameters any two agree in, their results, and their noise's variance.

    That is noise^2 seed + images, noise as in Sizes.

    Shapes  agreement (n, n); y, seed, images (n,)
    """

    agreement: Array
    parameters: int
    y: Array
    seed: Array
    images: Array

    def first(self, count: int) -> "Seen":
        """The first ones of them."""
        some = slice(0, count)
        return Seen(self.agreement[some, some], self.parameters, self.y[some], self.seed[some], self.images[some])

    def factor(self, sizes: Sizes, kernel: Array | None = None) -> Array:
        """The lower Cholesky factor of the results' covariance.  Shapes  -> (n, n)"""
        covariance = sizes.kernel(self.agreement, self.parameters) if kernel is None else kernel.copy()
        covariance[np.diag_indices_from(covariance)] += sizes.noise**2 * self.seed + self.images
        return np.asarray(dpotrf(covariance.T, lower=1, clean=1, overwrite_a=1)[0])

    def log_likelihoods(self) -> Iterator[tuple[Sizes, float]]:
        """Of all sizes, with what was likely beforehand, up to a constant."""
        for part, (rest, reach) in product(PARTS, RESTS):
            kernel = Sizes(part, rest, reach, 0.0).kernel(self.agreement, self.parameters)
            for noise in NOISES:
                sizes = Sizes(part, rest, reach, noise)
                factor = self.factor(sizes, kernel)
                half = dtrtrs(factor, self.y, lower=1)[0]
                fit = -0.5 * float(half @ half) - float(np.log(np.diag(factor)).sum())
                yield sizes, fit - math.log1p((noise / USUAL) ** 2) - (math.log(len(RESTS) - 1) if rest else 0.0)


class Member(NamedTuple):
    """One of the processes, given what was seen; the weights of all sum to 1.

    Shapes  factor (n, n); pull (n,), the covariance's inverse times y
    """

    sizes: Sizes
    weight: float
    factor: Array
    pull: Array

    def predict(self, across: Array, among: Array, parameters: int) -> tuple[Array, Array]:
        """Mean and covariance of others.  Shapes  across (m, n), among (m, m) -> (m,), (m, m)"""
        toward = self.sizes.kernel(across, parameters)
        part = solve_triangular(self.factor, toward.T, lower=True, check_finite=False)
        return toward @ self.pull, self.sizes.kernel(among, parameters) - part.T @ part

    def left_out(self, y: Array) -> tuple[Array, Array]:
        """Mean and variance of each run, with its noise, from all others: Rasmussen & Williams (2006), 5.4.2."""
        own = np.diag(cho_solve((self.factor, True), np.eye(len(y)), check_finite=False))
        return y - self.pull / own, 1 / own


def members(seen: Seen) -> list[Member]:
    """Those of the likeliest sizes."""
    every, log_likely = zip(*seen.first(MOST).log_likelihoods(), strict=True)
    weights = np.exp(np.array(log_likely) - max(log_likely))
    best = np.argsort(-weights, kind="stable")[: max(5, WORK // len(seen.y))]
    best = best[weights[best] > 1e-3]
    shares = weights[best] / weights[best].sum()
    return [_member(seen, every[i], share) for i, share in zip(best.tolist(), shares.tolist(), strict=True)]


def _member(seen: Seen, sizes: Sizes, weight: float) -> Member:
    factor = seen.factor(sizes)
    return Member(sizes, weight, factor, cho_solve((factor, True), seen.y, check_finite=False))
