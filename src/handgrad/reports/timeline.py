"""Results of the trials against the time when each was begun."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation.interval import Interval, student
from handgrad.figures import style
from handgrad.figures.base import DoesNotApplyError, Table
from handgrad.reports.sweep_data import MANY, Measure, SweepData, looks_of_trials
from handgrad.sweeps.store import STOPPED

Array = NDArray[Any]
UNITS = (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))
POINTS = 60  # along the line


class Timeline(NamedTuple):
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
        clear = "which chance does not explain" if self.p < 0.05 else "not distinguishable from none"
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


def timeline_data(data: SweepData) -> Timeline:
    """Results against creation time.  Raises  DoesNotApplyError without a result."""
    timeline, factor = data.analysis.timeline, data.measure.factor
    if timeline is None:
        raise DoesNotApplyError("no trial has a result")
    points, running = np.array(timeline.points), np.array(timeline.running_best)
    seconds, objectives, numbers = points[:, 0], factor * points[:, 1], points[:, 2].astype(int)
    states = {trial.number: trial.state for trial in data.trials}
    start = min(trial.began for trial in data.trials)
    mean, low, high = (factor * value for value in timeline.slope[:3])
    line = regression_band(seconds, objectives, mean / 3600, factor * timeline.intercept)
    if data.measure.unit == "%":
        line[1:] = np.clip(line[1:], 0, 100)
    return Timeline(
        data.measure,
        numbers,
        seconds,
        objectives,
        np.array([states[number] == STOPPED for number in numbers.tolist()]),
        np.array([trial.began - start for trial in data.failed]),
        running[:, 0],
        factor * running[:, 1],
        line,
        timeline.slope._replace(mean=mean, low=low, high=high),
        timeline.p,
    )


def plot_timeline(course: Timeline) -> Any:
    """A point a trial, the best so far as steps, the regression line in its band; failures along the bottom."""
    measure, (name, seconds) = course.measure, course.unit
    failed = f", {len(course.failed):,} failed" if len(course.failed) else ""
    title = f"{measure.name.capitalize()} against creation time: {len(course.objectives):,} trials{failed}"
    figure, axes = style.new(title, 3.5)
    many = len(course.objectives) > MANY
    for stopped, look in looks_of_trials(4):
        rows = course.stopped == stopped
        if rows.any():
            label = f"{'stopped early' if stopped else 'finished'} ({rows.sum():,})"
            x = course.seconds[rows] / seconds
            axes.plot(x, course.objectives[rows], label=label, alpha=0.7, rasterized=many, **look)
    if course.line.shape[1]:
        x, mean, low, high = course.line
        colour = style.COLOURS[3]
        axes.plot(x / seconds, mean, color=colour, linestyle=style.DASHES[1], label="regression line, 95 % band")
        axes.fill_between(x / seconds, low, high, color=colour, alpha=0.2, linewidth=0)
    if len(course.best):
        end = max((*course.seconds, *course.failed)) / seconds
        steps = np.append(course.best_seconds / seconds, end), np.append(course.best, course.best[-1])
        axes.plot(*steps, color=style.INK, linewidth=1.3, drawstyle="steps-post", label="best so far")
    if len(course.failed):
        bottom = axes.get_xaxis_transform()
        where = course.failed / seconds, np.full(len(course.failed), 0.02)
        look = {"marker": "x", "color": style.INK, "linestyle": "none", "markersize": 5}
        axes.plot(*where, transform=bottom, label=f"failed ({len(course.failed):,})", **look)
    axes.set_xlabel(f"{name} since the first trial began")
    axes.set_ylabel(measure.label)
    style.legend_below(figure, axes, 3)
    return figure
