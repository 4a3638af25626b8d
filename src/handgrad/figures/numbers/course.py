"""The results of a search against the time when they were begun."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation.interval import Interval, student
from handgrad.figures.numbers.search import Measure
from handgrad.figures.table import Table

Array = NDArray[Any]
UNITS = (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))
POINTS = 60  # along the line


class Course(NamedTuple):
    """Points in the order of time, those that failed apart; `slope` is in the measure's unit an hour.

    Shapes  seconds, objectives (n,) float64; numbers (n,) int; stopped (n,) bool; failed (m,) float64, seconds
            best_seconds, best (k,) float64; line (4, p) float64: seconds, mean, low, high; empty where there is none
    """

    measure: Measure
    numbers: Array
    seconds: Array
    objectives: Array
    stopped: Array
    failed: Array
    best_seconds: Array
    best: Array
    line: Array
    slope: Interval
    p: float

    @property
    def unit(self) -> tuple[str, float]:
        """The unit of time that suits, and its seconds."""
        longest = max((*self.seconds, *self.failed), default=0.0)
        return next((each for each in UNITS if longest >= 1.5 * each[1]), UNITS[-1])

    @property
    def caption(self) -> str:
        """The slope in words, and what the marks are."""
        measure, n = self.measure, len(self.objectives)
        head = f"{measure.name.capitalize()} of {n:,} trials against the time when each was begun. "
        tail = f"The steps show the best so far, {self.best[-1]:.{measure.digits}f} {measure.unit}".rstrip() + "."
        return head + self._slope() + tail

    def _slope(self) -> str:
        if not self.line.shape[1] or np.isnan(self.slope.low):
            return "There are too few for a regression line. "
        name, seconds = self.unit
        each, unit = name[:-1], "points" if self.measure.unit == "%" else self.measure.unit
        mean, low, high = (value * seconds / 3600 for value in self.slope[:3])
        clear = "which chance does not explain" if self.p < 0.05 else "not to be told apart from none"
        amount = f"{mean:+.3g} {unit}".rstrip() + (" an hour" if each == "hour" else f" a {each}")
        return (
            f"The regression line changes by {amount} (95 % interval {low:+.3g} to {high:+.3g}, p = {self.p:.2g}), "
            f"{clear}. "
        )

    @property
    def table(self) -> Table:
        """A row a trial, with the best up to it."""
        places = np.searchsorted(self.best_seconds, self.seconds, side="right") - 1
        best = self.best[places]
        rows = zip(self.numbers, self.seconds, self.objectives, best, self.stopped.tolist(), strict=True)
        return Table(("trial", "seconds", self.measure.label, "best so far", "stopped early"), rows)


def regression_band(seconds: Array, objectives: Array, slope: float, intercept: float) -> Array:
    """The line intercept + slope t (t in seconds), with the 95 % interval of its mean.

    Shapes  seconds, objectives (n,) float64 -> (4, p) float64; p is 0 for fewer than three different times
    Math    +- t_(n-2) s sqrt(1/n + (x - mean x)^2 / sum (x_i - mean x)^2), s^2 = sum of squared residuals / (n - 2)
    Ref     Draper & Smith, Applied Regression Analysis, 3rd edition, section 3.1
    """
    n = len(seconds)
    if n < 3 or np.ptp(seconds) == 0:
        return np.empty((4, 0))
    x = np.linspace(seconds.min(), seconds.max(), POINTS)
    mean = intercept + slope * x
    residuals = objectives - intercept - slope * seconds
    deviation = np.sqrt(residuals @ residuals / (n - 2))
    spread = np.square(seconds - seconds.mean()).sum()
    half = student(n - 2) * deviation * np.sqrt(1 / n + np.square(x - seconds.mean()) / spread)
    return np.array([x, mean, mean - half, mean + half])
