"""Least squares that trusts neither equal variances nor large numbers."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from handgrad.evaluation import Interval, student

Array = NDArray[Any]
TINY = 1e-9
MANY = 1000  # degrees of freedom beyond which the correction for few changes nothing


class Estimate(NamedTuple):
    """A number with its 95 % interval, and the two-sided p-value of its being 0."""

    difference: Interval
    p: float


@dataclass(frozen=True)
class Fit:
    """The least-squares fit of `y` by the columns of `design`, which may depend on each other.

    Shapes  design (n, k); y (n,)
    Math    coefficients b = (X'X)^+ X'y;  residuals e = y - Xb;  leverage h_i = x_i' (X'X)^+ x_i
    """

    design: Array
    y: Array

    @cached_property
    def inverse(self) -> Array:
        """(X'X)^+, of shape (k, k)."""
        return np.linalg.pinv(self.design.T @ self.design, rcond=1e-10, hermitian=True)

    @cached_property
    def coefficients(self) -> Array:
        """b, of shape (k,)."""
        return self.inverse @ (self.design.T @ self.y)

    @cached_property
    def residuals(self) -> Array:
        """e, of shape (n,)."""
        return self.y - self.design @ self.coefficients

    @cached_property
    def leverage(self) -> Array:
        """h, of shape (n,)."""
        return np.sum((self.design @ self.inverse) * self.design, axis=1)

    @cached_property
    def freedom(self) -> int:
        """n less the rank of the design."""
        return len(self.y) - round(float(self.leverage.sum()))

    def estimate(self, contrast: Array) -> Estimate | None:
        """contrast . b; None where the data does not decide it, or a single residual would judge it.

        Shapes  contrast (k,)
        Math    variance = sum_i a_i^2 e_i^2 / (1 - h_i) with a = X (X'X)^+ contrast, which is HC2
                degrees of freedom tr(D M)^2 / tr(D M D M), M = I - H, D = diag(a_i^2 / (1 - h_i)), Bell & McCaffrey's
        Ref     Imbens & Kolesar (2016), Review of Economics and Statistics 98: robust errors in small samples
        """
        weights = self.design @ (self.inverse @ contrast)
        if not np.allclose(self.design.T @ weights, contrast, atol=1e-6):
            return None
        left = 1 - self.leverage
        alone = left < TINY
        if np.any(np.abs(weights[alone]) > TINY):
            return None
        d = np.divide(weights**2, left, out=np.zeros_like(left), where=~alone)
        variance = float(d @ self.residuals**2)
        return estimate(float(contrast @ self.coefficients), variance, self._freedom_of(d))

    def _freedom_of(self, d: Array) -> float:
        if self.freedom > MANY:
            return self.freedom
        traces = float(d @ np.diag(self._annihilator)) ** 2, float(d @ self._annihilator**2 @ d)
        return traces[0] / traces[1] if traces[1] > 0 else math.nan

    @cached_property
    def _annihilator(self) -> Array:
        """M, of shape (n, n)."""
        return np.eye(len(self.y)) - self.design @ self.inverse @ self.design.T


def estimate(mean: float, variance: float, freedom: float) -> Estimate | None:
    """Student's interval and test; None without a variance."""
    if not variance > 0 or not freedom > 0:
        return None
    error = math.sqrt(variance)
    half = student(freedom) * error
    return Estimate(Interval(mean, mean - half, mean + half, 0), 2 * float(stdtr(freedom, -abs(mean) / error)))
