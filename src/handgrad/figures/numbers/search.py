"""A search as plain numbers: what each trial tried, and what came of it."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.figures.table import Table

Array = NDArray[Any]
BAND = 0.7  # of the room between two listed values is what lines through one of them spread over


class Measure(NamedTuple):
    """What a search makes better, as it is written: `name` in words, values times `factor`, `unit` behind them.

    `better` is 1 where more is better, and -1 where less is.
    """

    name: str
    better: int
    factor: float = 1.0
    unit: str = ""
    digits: int = 4

    @property
    def label(self) -> str:
        """Of an axis."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def text(self, value: float) -> str:
        """A value with its unit; a dash for what is not known."""
        if math.isnan(value):
            return "–"
        return f"{self.factor * value:.{self.digits}f}{' ' * bool(self.unit)}{self.unit}"

    def bounds(self, low: float, high: float) -> str:
        """Two of them, "97.02 to 98.61", per cents not beyond 0 and 100; a dash where they are not known."""
        if math.isnan(low) or math.isnan(high):
            return "–"
        if self.unit == "%":
            low, high = max(low, 0.0), min(high, 100 / self.factor)
        return f"{self.factor * low:.{self.digits}f} to {self.factor * high:.{self.digits}f}"


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


class Parallel(NamedTuple):
    """A line a trial through the values of its parameters to its result; `shown` are the rows that are drawn."""

    found: Searched
    shown: Array

    @property
    def caption(self) -> str:
        """How to read it."""
        n, of = len(self.shown), len(self.found.numbers)
        which = f"{n:,} trials" if n == of else f"The best {n // 2:,} of {of:,} trials, and {n - n // 2:,} others"
        return (
            f"{which}: each line is one, from the values of its parameters to its {self.found.measure.name} at the "
            "right; the darker, the better. Listed values have room around them, in which their lines spread, the "
            "better the higher. The parameters become more important from left to right."
        )

    @property
    def table(self) -> Table:
        """Of every trial, also those that are not drawn."""
        return self.found.table


class Slices(NamedTuple):
    """The result against each parameter in turn."""

    found: Searched

    @property
    def caption(self) -> str:
        """What is seen, and what is not."""
        return (
            f"{self.found.measure.name.capitalize()} of {len(self.found.numbers):,} trials against each parameter, "
            "whatever the others were. Boxes hold the middle half of a value's trials, with a line at their median; n "
            "is their number; hollow points were stopped early. A parameter that went along with another one shows "
            "that one's effect as well: the adjusted effects do not."
        )

    @property
    def table(self) -> Table:
        """Of every trial."""
        return self.found.table


def rows_to_draw(found: Searched, most: int) -> Array:
    """All rows, or where there are more than `most`, the best half of as many and an even choice of the others."""
    order = found.worst_first
    if len(order) <= most:
        return order
    others = order[: len(order) - most // 2]
    even = np.linspace(0, len(others) - 1, most - most // 2).round().astype(int)
    return np.concatenate([others[even], order[len(order) - most // 2 :]])


def heights(column: Column, rank_values: Array) -> Array:
    """Where each trial crosses a parameter's axis, from 0 to 1; around a listed value they spread, the better higher.

    Shapes  rank_values (n,) float64 -> (n,) float64
    """
    scale = column.scale
    if not scale.labels:
        return np.array([scale.share(value) for value in column.places])
    result = np.empty(len(column.places))
    count = len(scale.labels)
    for index in range(count):
        (rows,) = np.nonzero(column.places == index)
        ranks = np.argsort(np.argsort(rank_values[rows], kind="stable"))
        spread = (ranks + 0.5) / max(1, len(rows)) - 0.5
        result[rows] = (index + 0.5 + BAND * spread) / count
    return result


def _spelled(column: Column) -> Sequence[Any]:
    labels = column.scale.labels
    return [labels[int(place)] for place in column.places] if labels else column.places.tolist()
