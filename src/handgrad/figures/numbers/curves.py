"""What went on at every iteration: loss, accuracy, learning rate."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.config import build_optimizer, build_schedule
from handgrad.figures.run_data import RunData
from handgrad.figures.table import Table
from handgrad.training import History

Array = NDArray[Any]
SMOOTHING = 50  # a running mean spans at most so small a part of the training
UNITS = {"cross_entropy": "cross-entropy loss (nats)", "mean_squared_error": "mean squared error"}


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
        """Where the curves begin and end."""
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


class Rates(NamedTuple):
    """The learning rate of every iteration.  Shapes  rates (N,) float64"""

    run: str
    schedule: str
    rates: Array
    steps_per_epoch: int

    @property
    def caption(self) -> str:
        """From where to where."""
        rates = self.rates
        return (
            f"Learning rate of {self.run}, schedule {self.schedule}: {rates[0]:.3g} at first, "
            f"at most {rates.max():.3g}, {rates[-1]:.3g} at the end."
        )

    @property
    def table(self) -> Table:
        """A row an iteration."""
        rows = ((step, step / self.steps_per_epoch, rate) for step, rate in enumerate(self.rates, 1))
        return Table(("iteration", "epoch", "learning_rate"), rows)


def loss_curves(data: RunData) -> Curves:
    """The loss without penalties, in training and on the held-out parts."""
    return _curves(data, "loss", UNITS.get(data.config.loss, "loss"), np.array(data.history.losses), 1.0)


def accuracy_curves(data: RunData) -> Curves:
    """The share of right answers, in per cent."""
    right = np.array(data.history.correct, float) / data.batch_rows
    return _curves(data, "accuracy", "accuracy (%)", right, 100.0)


def learning_rates(data: RunData) -> Rates:
    """As the schedule has them."""
    steps, total = len(data.history.losses), data.config.epochs * data.steps_per_epoch
    schedule = build_schedule(data.config)
    rates = schedule.rates(build_optimizer(data.config).learning_rate, 0, steps, total)
    return Rates(data.name, data.config.schedule, rates, data.steps_per_epoch)


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
