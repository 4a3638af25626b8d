"""Loss and accuracy against the iteration, of one run and of several."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.figures import style
from handgrad.figures.base import DoesNotApplyError, Table
from handgrad.figures.run_data import RunData, grouped
from handgrad.text import counted
from handgrad.training import History

Array = NDArray[Any]
SMOOTHING = 50  # a running mean spans at most so small a part of the training
GRADIENT = "gradient of the first layer"
LABELS = {"accuracy": "accuracy (%)", GRADIENT: "RMS of the gradient (loss per weight)"}
UNITS = {"cross_entropy": "cross-entropy loss (nats)", "mean_squared_error": "mean squared error"}
PERCENT = 100.0
LONGEST = 70  # letters of a label
MOST = 16  # lines in one figure; of more, the first ones
POINTS = 250  # of a line: one for each point of its panel's width


class Points(NamedTuple):
    """A measurement now and then.  Shapes  steps (n,) int; values (n,) float64"""

    steps: Array
    values: Array


class Curves(NamedTuple):
    """A number at every iteration, its running mean over the last `window` ones, and measurements in between.

    Where the test set was measured once, at the end, `test_once` is true and `test` holds that one point.

    Shapes  training, smooth (N,) float64, of the iterations 1 to N
    """

    run: str
    quantity: str
    label: str
    training: Array
    smooth: Array
    window: int
    validation: Points
    test: Points
    test_once: bool
    steps_per_epoch: int

    @property
    def caption(self) -> str:
        parts = [f"training {_amount(self.smooth[-1], self.quantity)} at the end (mean of the last {self.window})"]
        for name, points in (("validation", self.validation), ("test", self.test)):
            if len(points.values):
                parts.append(f"{name} {_amount(points.values[-1], self.quantity)} when last measured")
        return (
            f"{self.quantity.capitalize()} of {self.run} over {len(self.training):,} iterations: {'; '.join(parts)}. "
            "Training values are those of each batch as the network saw it, with dropout and augmentation if any."
        )

    @property
    def table(self) -> Table:
        """A row an iteration; empty cells where nothing was measured."""
        measured = [dict(zip(points.steps.tolist(), points.values, strict=True)) for points in self[6:8]]
        name = self.quantity
        columns = ("iteration", "epoch", f"training_{name}", f"training_{name}_mean_of_{self.window}")
        rows = (
            (step, step / self.steps_per_epoch, raw, smooth, *(points.get(step) for points in measured))
            for step, (raw, smooth) in enumerate(zip(self.training, self.smooth, strict=True), 1)
        )
        return Table((*columns, f"validation_{name}", f"test_{name}"), rows)


def loss_data(data: RunData) -> Curves:
    """The loss without penalties, in training and on the held-out parts."""
    return _curves(data, "loss", UNITS.get(data.config.loss, "loss"), np.array(data.history.losses), 1.0)


def accuracy_data(data: RunData) -> Curves:
    """The share of right answers, in per cent."""
    right = np.array(data.history.correct, float) / data.batch_rows
    return _curves(data, "accuracy", "accuracy (%)", right, 100.0)


def running_mean(values: Array, window: int, weights: Array | None = None) -> Array:
    """Weighted mean of each value and the ones before it, `window` in all; of fewer at the beginning."""
    weights = np.ones(len(values)) if weights is None else weights
    sums = np.concatenate([np.zeros((2, 1)), np.cumsum([values * weights, weights], axis=1)], axis=1)
    begin = np.maximum(np.arange(1, len(values) + 1) - window, 0)
    total, weight = sums[:, 1:] - sums[:, begin]
    return np.asarray(total / weight)


def smoothing_window(count: int) -> int:
    """The largest of 1, 2, 5, 10, 20, ... that is at most a fiftieth of `count`; 1 at least."""
    steps = [factor * 10**power for power in range(7) for factor in (1, 2, 5)]
    return max([step for step in steps if step <= count / SMOOTHING], default=1)


def measured(history: History, name: str) -> Points:
    """A field of evaluations and epochs, in the order of steps, once each."""
    rows: list[Any] = [*history.evaluations, *history.epochs]
    found = {row.step: getattr(row, name) for row in rows}
    kept = sorted((step, value) for step, value in found.items() if not math.isnan(value))
    return Points(np.array([step for step, _ in kept], int), np.array([value for _, value in kept], float))


def _curves(data: RunData, quantity: str, label: str, values: Array, unit: float) -> Curves:
    history, window = data.history, smoothing_window(len(values))
    test = measured(history, f"test_{quantity}")
    last = (data.metrics.get("test") or {}).get(quantity)
    once = not len(test.steps) and last is not None
    if once:
        test = Points(np.array([data.kept_step]), np.array([last]))
    validation = measured(history, f"validation_{quantity}")
    return Curves(
        data.name,
        quantity,
        label,
        unit * values,
        unit * running_mean(values, window, data.batch_rows),
        window,
        validation._replace(values=unit * validation.values),
        test._replace(values=unit * test.values),
        once,
        data.steps_per_epoch,
    )


def _amount(value: float, quantity: str) -> str:
    return f"{value:.2f} %" if quantity == "accuracy" else f"{value:.4g}"


class Line(NamedTuple):
    """The mean over a configuration's runs, with their smallest and largest value; `x` are epochs or iterations.

    Shapes  x, mean, low, high (n,) float64
    """

    label: str
    runs: int
    x: Array
    mean: Array
    low: Array
    high: Array


class Overlay(NamedTuple):
    """One line for each configuration in training (running mean), and in each part on which all its runs were measured.

    `axis` is "iteration" where an epoch has as many of them for every configuration, else "epoch". `how` says what the
    training lines are.
    """

    quantity: str
    label: str
    axis: str
    steps_per_epoch: int
    training: tuple[Line, ...]
    validation: tuple[Line, ...]
    test: tuple[Line, ...]
    how: str = "training (running mean)"

    @property
    def parts(self) -> dict[str, tuple[Line, ...]]:
        """The parts of the data with at least one line."""
        every = {"training": self.training, "validation": self.validation, "test": self.test}
        return {name: lines for name, lines in every.items() if lines}

    @property
    def caption(self) -> str:
        part, lines = list(self.parts.items())[-1]
        unit = " %" if self.quantity == "accuracy" else ""
        ends = "; ".join(f"{line.label}: {line.mean[-1]:.4g}{unit}" for line in lines)
        return (
            f"{self.quantity.capitalize()} of {counted(len(self.training), 'configuration')} against the {self.axis}. "
            f"Last {part} value, mean over seeds: {ends}. Bands go from the smallest to the largest run of a "
            "configuration."
        )

    @property
    def table(self) -> Table:
        """A row for each point of each line."""
        rows = (
            (part, line.label, line.runs, *point)
            for part, lines in self.parts.items()
            for line in lines
            for point in zip(*line[2:], strict=True)
        )
        return Table(("part", "configuration", "runs", self.axis, "mean", "smallest", "largest"), rows)


def overlaid(runs: Sequence[RunData], quantity: str) -> Overlay:
    """Loss, accuracy or gradient of all of them, against the iteration; against the epoch where these differ in length.

    Raises  DoesNotApplyError when none was trained step by step.
    """
    groups = [
        group._replace(members=tuple(data for data in group.members if data.run.read_history().losses))
        for group in grouped(runs)
    ]
    groups = [group for group in groups if group.members]
    if not groups:
        raise DoesNotApplyError("none of the runs was trained step by step")
    members = [data for group in groups for data in group.members]
    lengths, units = {data.steps_per_epoch for data in members}, {data.config.loss for data in members}
    unit = UNITS.get(units.pop(), "loss") if len(units) == 1 else "loss (of several kinds)"
    by_iteration = len(lengths) == 1
    parts: list[tuple[Line, ...]] = []
    for curve in CURVES.get(quantity, (_running, partial(_measured, "validation"), partial(_measured, "test"))):
        lines = [(group, [curve(data, quantity) for data in group.members]) for group in groups]
        parts.append(
            tuple(
                _line(group.label, curves, 1 if by_iteration else group.members[0].steps_per_epoch)
                for group, curves in lines
                if all(len(steps) for steps, _ in curves)
            )
        )
    training, validation, test = [*parts, (), ()][:3]
    axis = "iteration" if by_iteration else "epoch"
    return Overlay(quantity, LABELS.get(quantity, unit), axis, max(lengths), training, validation, test)


def compare_gradients_data(runs: Sequence[RunData]) -> Overlay:
    """Of the first layer's weights; see `overlaid`.  Raises  DoesNotApplyError where no run measured its layers."""
    found = overlaid(runs, GRADIENT)
    if not found.training:
        raise DoesNotApplyError("no layers were measured while the runs were trained")
    return found._replace(how="on the same few training images each time")


def _first_gradient(data: RunData, quantity: str) -> Points:
    """Root mean square over the weights of the first layer that has any."""
    rows = data.history.statistics
    name = next((slot.name for slot in data.network.parameter_slots if slot.part.penalised), "")
    found = [(row.step, row.parameters[name].gradient) for row in rows if name in row.parameters]
    return Points(np.array([step for step, _ in found], int), np.array([value for _, value in found], float))


def _running(data: RunData, quantity: str) -> Points:
    history = data.history
    values = np.array(history.losses)
    if quantity == "accuracy":
        values = PERCENT * np.array(history.correct) / data.batch_rows
    smooth = running_mean(values, smoothing_window(len(values)), data.batch_rows)
    return Points(np.arange(1, len(values) + 1), smooth)


def _measured(part: str, data: RunData, quantity: str) -> Points:
    steps, values = measured(data.history, f"{part}_{quantity}")
    return Points(steps, values * (PERCENT if quantity == "accuracy" else 1))


CURVES = {GRADIENT: (_first_gradient,)}  # where they are not those of training, validation and test


def _line(label: str, curves: list[Points], steps_per_unit: float) -> Line:
    """As far as all runs go; those of one configuration measure at the same steps."""
    shortest = min(len(curve.steps) for curve in curves)
    values = np.array([curve.values[:shortest] for curve in curves])
    x = curves[0].steps[:shortest] / steps_per_unit
    return Line(label, len(curves), x, values.mean(axis=0), values.min(axis=0), values.max(axis=0))


def plot_curves(curves: Curves) -> Any:
    """Training light with its running mean on top, validation and test as points."""
    parts = {"validation": curves.validation, "test": curves.test}
    drawn = ["training", *(name for name, points in parts.items() if len(points.steps))]
    compared = " and ".join(drawn).replace(" and ", ", ", len(drawn) - 2)
    title = f"{curves.quantity.capitalize()} against iteration: {compared}"
    figure, axes = style.new(f"{title}\n{style.cut(curves.run, 90)}", 3.6)
    _training(axes, curves)
    if len(curves.validation.steps):
        axes.plot(*curves.validation, label="validation", **_marks("validation", len(curves.validation.steps)))
    if len(curves.test.steps):
        name = "test, once, with the weights kept" if curves.test_once else "test"
        marks = _marks("test", len(curves.test.steps)) | ({"markersize": 11} if curves.test_once else {})
        axes.plot(*curves.test, label=name, zorder=5, **marks)
    axes.set_ylabel(curves.label)
    if curves.quantity == "loss":
        style.log_scale(axes, curves.smooth)
    else:
        style.end_at_all(axes)
    style.over_iterations(axes, len(curves.training), curves.steps_per_epoch)
    axes.legend(loc="best")
    return figure


def _training(axes: Any, curves: Curves) -> None:
    steps, look = np.arange(1, len(curves.training) + 1), style.ROLES["training"]
    if curves.window == 1:
        axes.plot(steps, curves.training, label="training, each iteration", **look.line)
        return
    if len(steps) <= style.MOST_POINTS:
        axes.plot(steps, curves.training, color=look.color, alpha=0.45, linewidth=0.6, label="training, each iteration")
    else:
        _envelope(axes, steps, curves.training)
    name = f"training, mean of the last {curves.window} iterations"
    axes.plot(*style.thinned(steps, curves.smooth), label=name, **look.line)


def _envelope(axes: Any, steps: Array, values: Array) -> None:
    """From the smallest to the largest of a few iterations: what a line through all of them would cover."""
    bins = np.array_split(np.arange(len(steps)), style.MOST_POINTS // 2)
    low, high = np.array([(np.nanmin(values[part]), np.nanmax(values[part])) for part in bins]).T
    name = f"training, each iteration (range of about {len(bins[0])})"
    middle = [steps[part[len(part) // 2]] for part in bins]
    axes.fill_between(middle, low, high, color=style.ROLES["training"].color, alpha=0.22, linewidth=0, label=name)


def _marks(role: str, count: int) -> dict[str, Any]:
    """Markers at the points, not at every one when there are many."""
    marks = style.ROLES[role].dots | {"markevery": max(1, count // 25)}
    return marks | ({"markersize": 7, "linewidth": 1.2} if role == "test" else {})


def plot_overlay(found: Overlay) -> Any:
    """A panel for each part of the data; a configuration has the same look in all of them."""
    count, parts = len(found.training), found.parts
    title = f"{found.quantity.capitalize()} against {found.axis}: {counted(count, 'configuration')} compared"
    figure, axes = style.grid(title, 3.4 + 0.19 * min(count, MOST), 1, len(parts), sharey=True)
    for place, (part, lines) in enumerate(parts.items()):
        _lines(axes[0, place], lines, found.how if place == 0 else part, marked=place > 0)
        _x_axis(axes[0, place], found, narrow=len(parts) > 2)
    axes[0, 0].set_ylabel(found.label)
    if found.quantity != "accuracy":
        style.log_scale(axes[0, 0], *(line.mean for lines in parts.values() for line in lines))
    else:
        style.end_at_all(axes[0, 0])
    style.legend_below(figure, axes[0, 0], 1)
    return figure


def _x_axis(axes: Any, found: Overlay, narrow: bool) -> None:
    axes.set_xlim(left=0)
    if found.axis == "epoch":
        axes.set_xlabel("epoch" if narrow else "epoch (pass over the training images)")
        return
    style.over_iterations(axes, max(line.x[-1] for line in found.training), found.steps_per_epoch, narrow)


def _lines(axes: Any, lines: tuple[Line, ...], heading: str, marked: bool) -> None:
    for place, line in enumerate(lines[:MOST]):
        look = style.look(place)
        seeds = f" ({line.runs} seeds: mean, smallest to largest)" if line.runs > 1 else ""
        x, mean = style.thinned(line.x, line.mean, POINTS)
        marks = look.dots | {"markevery": max(1, len(mean) // 12)} if marked else look.line
        axes.plot(x, mean, label=style.cut(line.label, LONGEST) + seeds, **marks)
        if line.runs > 1:
            low, high = (style.thinned(line.x, edge, POINTS)[1] for edge in (line.low, line.high))
            axes.fill_between(x, low, high, color=look.color, alpha=0.18, linewidth=0)
    left_out = f", the first {MOST} of {len(lines)}" if len(lines) > MOST else ""
    axes.set_title(heading + left_out)
