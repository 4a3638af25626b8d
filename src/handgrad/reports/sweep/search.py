"""The trials of a sweep on the scales of their parameters."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.config import kind_of
from handgrad.figures import style
from handgrad.figures.base import Table
from handgrad.reports.blocks import spelled
from handgrad.reports.sweep.data import Measure, SweepData
from handgrad.sweeps.space import Distribution
from handgrad.sweeps.store import STOPPED, Trial

Array = NDArray[Any]
FEW = 8  # values of a range of whole numbers, or of steps, that are still listed one by one
MANY = 3000  # points of a drawing, above which they become a picture within it


class Scale(NamedTuple):
    """A parameter's values along an axis: `labels` of listed ones in their order, or the numbers from low to high."""

    name: str
    labels: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False

    @property
    def title(self) -> str:
        """The name in words."""
        return self.name.replace("_", " ")

    def ticks(self) -> list[float]:
        """Where numbers are written along it: decades of a logarithmic scale of more than one, else round numbers."""
        from matplotlib.ticker import LogLocator, MaxNLocator

        if self.log and self.high / self.low >= 30:
            found = LogLocator(numticks=7).tick_values(self.low, self.high)
        elif self.log:
            found = LogLocator(subs=(1, 2, 5), numticks=7).tick_values(self.low, self.high)
        else:
            found = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
        return [float(each) for each in found if self.low <= each <= self.high] or [self.low, self.high]

    def share(self, value: float) -> float:
        """Where a number lies between the ends, from 0 to 1."""
        if self.high <= self.low:
            return 0.5
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


class Column(NamedTuple):
    """A parameter, and the `place` of each trial on its scale: a number, or the index of a listed value.

    Shapes  places (n,) float64
    """

    scale: Scale
    places: Array


class Searched(NamedTuple):
    """The trials of a search that have a result.  Shapes  numbers (n,) int; objectives (n,) float64; stopped (n,) bool

    `objectives` are in the measure's unit.
    """

    measure: Measure
    numbers: Array
    objectives: Array
    stopped: Array
    columns: tuple[Column, ...]

    @property
    def worst_first(self) -> Array:
        """The order in which the best is drawn last, on top; the first of equal ones.  Shapes  -> (n,) int"""
        return np.lexsort((-self.numbers, self.rank_values))

    @property
    def rank_values(self) -> Array:
        """The objectives, turned so that more is better.  Shapes  -> (n,) float64"""
        return self.measure.better * self.objectives

    @property
    def table(self) -> Table:
        """A row a trial."""
        names = tuple(column.scale.name for column in self.columns)
        columns = [_spelled(column) for column in self.columns]
        rows = zip(
            self.numbers, self.objectives, ("yes" if each else "" for each in self.stopped), *columns, strict=True
        )
        return Table(("trial", self.measure.label, "stopped early", *names), rows)


def _spelled(column: Column) -> Sequence[Any]:
    labels = column.scale.labels
    return [labels[int(place)] for place in column.places] if labels else column.places.tolist()


def searched(data: SweepData, backwards: bool = False) -> Searched:
    """The rated trials on the scales of their parameters, the most important first, or last where `backwards`."""
    trials, measure = data.rated, data.measure
    names = data.parameters[::-1] if backwards else data.parameters
    return Searched(
        measure,
        np.array([trial.number for trial in trials]),
        np.array([measure.factor * data.counted_objective(trial) for trial in trials]),
        np.array([trial.state == STOPPED for trial in trials]),
        tuple(column(name, data.sweep.definition.varying[name], trials) for name in names),
    )


def column(name: str, distribution: Distribution, trials: list[Trial]) -> Column:
    """A parameter's values, listed where they are few, else on a scale of numbers."""
    values = [trial.values[name] for trial in trials]
    axis = distribution.axis
    if axis.kind == "categorical" or (distribution.size or FEW + 1) <= FEW:
        listed = _ordered([kind_of(name)(value) for value in distribution.grid()])
        places = [listed.index(value) for value in values]
        return Column(Scale(name, tuple(map(spelled, listed))), np.array(places, dtype=float))
    low, high = min([axis.low, *values]), max([axis.high, *values])
    return Column(Scale(name, (), float(low), float(high), axis.log and low > 0), np.array(values, dtype=float))


def _ordered(values: list[Any]) -> list[Any]:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return sorted(values) if numbers else values


def looks_of_trials(size: float) -> tuple[tuple[bool, dict[str, Any]], ...]:
    """How trials are marked: hollow where they were stopped early, which is drawn first, and full where not."""
    marker = {"marker": "o", "linestyle": "none", "markersize": size, "zorder": 3}
    hollow = {"markerfacecolor": "none", "markeredgecolor": style.COLOURS[1], "markeredgewidth": 0.7}
    return (True, marker | hollow), (False, marker | {"color": style.COLOURS[0], "markeredgewidth": 0})
