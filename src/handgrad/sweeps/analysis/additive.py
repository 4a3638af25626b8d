"""The additive model of a sweep: an objective is a sum of what each parameter's value contributes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.sweeps.analysis.factors import Factor
from handgrad.sweeps.analysis.regression import Estimate, Fit

Array = NDArray[Any]
FEWEST = 3  # configurations that a value needs to be judged
SPARE = 8  # configurations more than coefficients, below which nothing is taken apart


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
        """By least squares."""
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
    """The factors over those of `rows` whose every level is frequent enough to be judged, and which these are.

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
