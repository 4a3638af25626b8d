"""The additive model of a sweep: parameters as factors, least squares with robust errors, and their combination."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from handgrad.evaluation import Interval, student
from handgrad.sweeps.analysis.result import Range
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.space import Distribution

Array = NDArray[Any]
MOST_LEVELS = 6  # of numbers that were not listed one by one; more are put into ranges
RANGES = 3
UNEVEN = 10.0  # the largest gap between neighbours over the smallest, beyond which a straight line says nothing
TINY = 1e-9
MANY = 1000  # degrees of freedom beyond which the correction for few changes nothing
FEWEST = 3  # configurations that a value needs for its effect to be estimated
SPARE = 8  # configurations more than coefficients, below which nothing is taken apart


class Factor(NamedTuple):
    """One parameter over configurations: configuration i has `levels[codes[i]]`.

    Levels are ordered by size where they are numbers, else as in the sweep's file. `scale` are the numbers such that a
    step of 1 is what `per` says: a "doubling", a "tenfold", or so much more; None where there are none to speak of.

    Shapes  codes (n,) int; scale (n,) float
    """

    name: str
    levels: tuple[Any, ...]
    codes: Array
    scale: Array | None = None
    per: str = ""

    def take(self, rows: Array) -> "Factor":
        """Of some configurations, without levels that are gone.  Shapes  rows (n,) bool"""
        left, codes = np.unique(self.codes[rows], return_inverse=True)
        scale = None if self.scale is None else self.scale[rows]
        return self._replace(levels=tuple(self.levels[i] for i in left), codes=codes, scale=scale)

    def counts(self) -> Array:
        return np.bincount(self.codes, minlength=len(self.levels))


def factors(definition: SweepDefinition, values: Sequence[dict[str, Any]]) -> list[Factor]:
    """A factor for each parameter that varies among the configurations with these `values`."""
    if not values:
        return []
    found = [_factor(name, d, [each[name] for each in values]) for name, d in definition.varying.items()]
    return [factor for factor in found if len(factor.levels) > 1]


def is_number(value: Any) -> bool:
    """Whether it lies on a scale; a yes or no does not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _factor(name: str, distribution: Distribution, values: Sequence[Any]) -> Factor:
    numeric = all(map(is_number, values))
    scale, per = _scale(distribution, values) if numeric else (None, "")
    listed = distribution.axis.type == "categorical" or len({repr(value) for value in values}) <= MOST_LEVELS
    if listed or not numeric:
        distinct = {repr(value): value for value in values}
        if numeric:
            levels = tuple(sorted(distinct.values()))
        else:
            order = [repr(choice) for choice in distribution.axis.choices]
            levels = tuple(distinct[key] for key in sorted(distinct, key=lambda key: (order.index(key), key)))
        place = {repr(level): i for i, level in enumerate(levels)}
        return Factor(name, levels, np.array([place[repr(value)] for value in values]), scale, per)
    edges = [distribution.quantile(i / RANGES) for i in range(RANGES + 1)]
    codes = np.searchsorted(edges[1:-1], values, side="right")
    ranges = tuple(Range(low, high) for low, high in pairwise(edges))
    return Factor(name, ranges, codes, scale, per).take(np.full(len(values), True))


def _scale(distribution: Distribution, values: Sequence[float]) -> tuple[Array | None, str]:
    distinct = sorted(set(values))
    if len(distinct) < 2:
        return None, ""
    if distinct[0] > 0 and (distribution.axis.log or _even_ratios(distinct)):
        doublings = distinct[-1] / distinct[0] < 50
        return (np.log2(values), "doubling") if doublings else (np.log10(values), "tenfold")
    if distribution.axis.type == "categorical" and _unevenness(distinct) > UNEVEN:
        return None, ""
    span = distinct[-1] - distinct[0]
    whole = all(float(value).is_integer() for value in distinct)
    unit = 1.0 if whole and span < 20 else 10.0 ** math.floor(math.log10(span))
    return np.array(values, float) / unit, f"{unit:g}"


def _even_ratios(distinct: Sequence[float]) -> bool:
    if len(distinct) == 2:
        return distinct[1] / distinct[0] >= 10
    return _unevenness([math.log(value) for value in distinct]) < _unevenness(distinct)


def _unevenness(distinct: Sequence[float]) -> float:
    gaps = [high - low for low, high in pairwise(distinct)]
    return max(gaps) / min(gaps)


def positions(distribution: Distribution, values: Sequence[float]) -> Array:
    """Where numbers lie between the smallest and the largest one that are searched, 0 and 1, on the scale of search.

    Shapes  -> (n,)
    """
    ends = distribution.axis.choices or (distribution.quantile(0), distribution.quantile(1))
    bounds = np.array([min(ends), max(ends)], float)
    log = bounds[0] > 0 and (distribution.axis.log or _even_ratios(sorted(set(ends))))
    line = np.log if log else np.asarray
    low, high = line(bounds)
    return (line(np.array(values, float)) - low) / (high - low)


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
        """contrast . b; None where the data does not decide it, or it rests on a single residual.

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
        freedom = float(self.freedom)
        if freedom <= MANY:
            of_square = float(d @ self._annihilator**2 @ d)
            freedom = float(d @ np.diag(self._annihilator)) ** 2 / of_square if of_square > 0 else math.nan
        return estimate(float(contrast @ self.coefficients), variance, freedom)

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
    return Estimate(
        Interval(mean, mean - half, mean + half, 0), 2 * float(scipy.special.stdtr(freedom, -abs(mean) / error))
    )


class Cell(NamedTuple):
    """The configurations that have a level of one parameter and a level of another."""

    first: int
    first_level: int
    second: int
    second_level: int


@dataclass(frozen=True)
class Additive:
    """Indicators of all levels but the reference, the most frequent one, of each of the `factors`; of `cells` as well.

    Shapes  y (n,)
    """

    factors: tuple[Factor, ...]
    y: Array
    cells: tuple[Cell, ...] = ()

    def reference(self, index: int) -> int:
        """The level that others are compared with: the first of the most frequent ones."""
        return int(np.argmax(self.factors[index].counts()))

    @cached_property
    def fit(self) -> Fit:
        return Fit(self._design([f.codes for f in self.factors]), self.y)

    @property
    def enough(self) -> bool:
        """Whether the configurations are many enough for the coefficients."""
        return self.fit.freedom >= SPARE

    def difference(self, index: int, level: int) -> Estimate | None:
        """Of a level against its parameter's reference."""
        return self.fit.estimate(self._row(index, level) - self._row(index, self.reference(index)))

    def slope(self, index: int) -> Estimate | None:
        """Of a parameter's scale, in place of its levels; None where it has none."""
        scale = self.factors[index].scale
        if scale is None:
            return None
        others = replace(self, factors=self.factors[:index] + self.factors[index + 1 :], cells=())
        design = np.column_stack([others.fit.design, scale - scale.mean()])
        return Fit(design, self.y).estimate(np.eye(design.shape[1])[-1])

    def cell(self) -> Estimate | None:
        """Of the last cell: how much more than both of its levels apart."""
        return self.fit.estimate(np.eye(self.fit.design.shape[1])[-1])

    def inside(self, cell: Cell) -> Array:
        """Which configurations are in it.  Shapes  -> (n,) bool"""
        first, second = self.factors[cell.first].codes, self.factors[cell.second].codes
        return (first == cell.first_level) & (second == cell.second_level)

    def predict(self, codes: Sequence[Array]) -> tuple[Array, Array]:
        """For configurations with other `codes`, one array a factor: their mean, and the rows of their design.

        Shapes  codes (m,) each -> (m,), (m, k)
        """
        rows = self._design(codes)
        return rows @ self.fit.coefficients, rows

    def _design(self, codes: Sequence[Array]) -> Array:
        columns = [np.ones(len(codes[0]) if codes else len(self.y))]
        for index, of_factor in enumerate(codes):
            columns += [of_factor == level for level in self._others(index)]
        for cell in self.cells:
            columns.append((codes[cell.first] == cell.first_level) & (codes[cell.second] == cell.second_level))
        return np.column_stack(columns).astype(float)

    def _others(self, index: int) -> list[int]:
        return [i for i in range(len(self.factors[index].levels)) if i != self.reference(index)]

    def _row(self, index: int, level: int) -> Array:
        """What a level adds to the design's row."""
        before = 1 + sum(len(factor.levels) - 1 for factor in self.factors[:index])
        row = np.zeros(self.fit.design.shape[1])
        others = self._others(index)
        if level in others:
            row[before + others.index(level)] = 1
        return row


def without_rare(factors: Sequence[Factor], rows: Array) -> tuple[list[Factor], Array]:
    """The factors over those of `rows` whose every level is frequent enough for its effect to be estimated.

    Shapes  rows (n,) bool -> (n,) bool
    """
    rows = rows.copy()
    while True:
        kept = [factor.take(rows) for factor in factors]
        rare = np.zeros(int(rows.sum()), bool)
        for factor in kept:
            if len(factor.levels) > 1:
                rare |= factor.counts()[factor.codes] < FEWEST
        if not rare.any():
            return [factor for factor in kept if len(factor.levels) > 1], rows
        rows[np.flatnonzero(rows)[rare]] = False
