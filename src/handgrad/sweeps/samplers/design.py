"""A designed sweep: the fraction of a grid that tells the main effects of all parameters best."""

import logging
import math
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.errors import UsageError
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.samplers.base import Sampler
from handgrad.sweeps.store import Trial

log = logging.getLogger("handgrad")
Array = NDArray[Any]
FEWEST, MOST, MULTIPLE = 36, 72, 12  # configurations of a design; of 12, levels of 2, 3 and 4 have equal parts
STARTS, ROUNDS = 4, 30  # random beginnings, and passes over each, of which mostly a few are needed


def coefficients(levels: Sequence[int]) -> int:
    """What a linear model of main effects estimates: the mean, and for each parameter one less than its levels."""
    return 1 + sum(levels) - len(levels)


def design_size(levels: Sequence[int]) -> int:
    """Two configurations a coefficient, in a multiple of 12 from 36 to 72 if that is enough; a small grid is whole."""
    needed = coefficients(levels)
    size = max(FEWEST, -(-2 * needed // MULTIPLE) * MULTIPLE)
    return min(math.prod(levels), max(min(size, MOST), needed + 1))


def contrasts(levels: int) -> Array:
    """Columns that sum to 0, of squares 1 on average, at right angles.  Shapes  -> (levels, levels - 1)"""
    powers = np.vander(np.arange(levels), levels, increasing=True).astype(float)
    return np.asarray(np.linalg.qr(powers)[0][:, 1:] * math.sqrt(levels))


def efficiency(rows: Array, levels: Sequence[int]) -> float:
    """D-efficiency for main effects: 1 for an orthogonal design, in which every effect is as sure as can be.

    Shapes  rows (n, parameters) int
    Math    det(X'X / n)^(1/p), X (n, p) the mean and the contrasts of each parameter
    """
    x = _model(rows, [contrasts(each) for each in levels])
    sign, logarithm = np.linalg.slogdet(x.T @ x / len(x))
    return float(math.exp(logarithm / x.shape[1])) if sign > 0 else 0.0


def d_optimal(levels: Sequence[int], size: int, seed: int) -> Array:
    """`size` different rows of the grid, whose D-efficiency is the best of some coordinate exchanges.

    Shapes  -> (size, parameters) int: the places of levels
    Ref     Meyer & Nachtsheim (1995), Technometrics 37
    """
    generator = np.random.default_rng([seed, size])
    found = [_exchanged(levels, size, generator) for _ in range(STARTS)]
    return max(found, key=lambda rows: efficiency(rows, levels))


def _exchanged(levels: Sequence[int], size: int, generator: np.random.Generator) -> Array:
    """From balanced columns in random order, one level of one row at a time, while the determinant grows.

    Math    replacing row x by z multiplies det(X'X) by (1 + z'Mz)(1 - x'Mx) + (x'Mz)^2, M = inverse of X'X
    """
    codes = [contrasts(each) for each in levels]
    rows = np.stack([generator.permutation(np.arange(size) % each) for each in levels], axis=1)
    used: set[tuple[int, ...]] = set()
    for row in rows:
        while tuple(row.tolist()) in used:
            row[:] = generator.integers(0, levels)
        used.add(tuple(row.tolist()))
    x = _model(rows, codes)
    inverse = _inverse(x)
    for _ in range(ROUNDS):
        moved = False
        for i in range(size):
            for f, each in enumerate(levels):
                trials = np.repeat(rows[i : i + 1], each, axis=0)
                trials[:, f] = np.arange(each)
                z, own = _model(trials, codes), x[i] @ inverse @ x[i]
                gain = (1 + np.einsum("ij,jk,ik->i", z, inverse, z)) * (1 - own) + (z @ inverse @ x[i]) ** 2
                free = np.array([tuple(row) not in used for row in trials.tolist()])
                best = int(np.argmax(np.where(free, gain, 0.0)))
                if gain[best] > 1 + 1e-6 and free[best]:
                    used = used - {tuple(rows[i].tolist())} | {tuple(trials[best].tolist())}
                    rows[i], x[i], moved = trials[best], z[best], True
                    inverse = _inverse(x)
        if not moved:
            break
    return rows


def _inverse(x: Array) -> Array:
    """Of X'X, which at the beginning may have none."""
    return np.asarray(np.linalg.inv(x.T @ x + 1e-9 * np.eye(x.shape[1])))


def _model(rows: Array, codes: Sequence[Array]) -> Array:
    return np.hstack([np.ones((len(rows), 1)), *(code[rows[:, f]] for f, code in enumerate(codes))])


class Design(Sampler):
    """As many configurations as the definition's `run_cap`, chosen together before any result, in random order."""

    @cached_property
    def rows(self) -> Array:
        """Places of levels.  Raises  UsageError for fewer configurations than coefficients."""
        levels = levels_of(self.definition)
        size = min(self.definition.run_cap or design_size(levels), math.prod(levels))
        if size < coefficients(levels):
            what = f"the main effects of these parameters have {coefficients(levels)} coefficients"
            raise UsageError(f"method design: {what}, which {size} configurations cannot tell: raise run_cap")
        if size == math.prod(levels):
            rows = np.stack(np.unravel_index(np.arange(size), levels), axis=1)
        else:
            rows = d_optimal(levels, size, self.seed)
        log.info("design: %d configurations, D-efficiency %.3f for main effects", size, efficiency(rows, levels))
        return np.asarray(np.random.default_rng([self.seed, 1]).permutation(rows))

    def suggest(self, ordinal: int, taken: Collection[str], trials: Sequence[Trial]) -> dict[str, Any] | None:
        """The next row of the design that nobody has had."""
        grids = [distribution.grid() for distribution in self.definition.varying.values()]
        for row in self.rows:
            cells: Mapping[str, Any] = {
                name: grid[k] for name, grid, k in zip(self.definition.varying, grids, row, strict=True)
            }
            values = self.definition.canonical(cells)
            if self.definition.key(values) not in taken:
                return values
        return None


def levels_of(definition: SweepDefinition) -> list[int]:
    """How many values each parameter that varies has.  Raises  UsageError for one without an end."""
    return [len(definition.grid(name)) for name in definition.varying]
