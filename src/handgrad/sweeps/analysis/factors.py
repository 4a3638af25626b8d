"""A sweep's parameters as statistics takes them: by levels, and on a scale where they are numbers."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.sweeps.analysis.result import Range
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.space import Distribution

Array = NDArray[Any]
MOST_LEVELS = 6  # of numbers that were not listed one by one; more are put into ranges
RANGES = 3
UNEVEN = 10.0  # the largest gap between neighbours over the smallest, beyond which a straight line says nothing


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
        """How many configurations each level has."""
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
    listed = distribution.axis.kind == "categorical" or len({repr(value) for value in values}) <= MOST_LEVELS
    if listed or not numeric:
        levels = _in_order(distribution, values, numeric)
        place = {repr(level): i for i, level in enumerate(levels)}
        return Factor(name, levels, np.array([place[repr(value)] for value in values]), scale, per)
    edges = [distribution.quantile(i / RANGES) for i in range(RANGES + 1)]
    codes = np.searchsorted(edges[1:-1], values, side="right")
    ranges = tuple(Range(low, high) for low, high in pairwise(edges))
    return Factor(name, ranges, codes, scale, per).take(np.full(len(values), True))


def _in_order(distribution: Distribution, values: Sequence[Any], numeric: bool) -> tuple[Any, ...]:
    distinct = {repr(value): value for value in values}
    if numeric:
        return tuple(sorted(distinct.values()))
    order = [repr(choice) for choice in distribution.axis.choices]
    return tuple(distinct[key] for key in sorted(distinct, key=lambda key: (order.index(key), key)))


def _scale(distribution: Distribution, values: Sequence[float]) -> tuple[Array | None, str]:
    distinct = sorted(set(values))
    if len(distinct) < 2:
        return None, ""
    if distinct[0] > 0 and (distribution.axis.log or _even_ratios(distinct)):
        doublings = distinct[-1] / distinct[0] < 50
        return (np.log2(values), "doubling") if doublings else (np.log10(values), "tenfold")
    if distribution.axis.kind == "categorical" and _unevenness(distinct) > UNEVEN:
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
