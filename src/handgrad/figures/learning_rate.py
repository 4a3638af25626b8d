"""Learning rate against the iteration; loss against a learning rate that rises."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.config import build_optimizer, build_schedule
from handgrad.figures import style
from handgrad.figures.base import Table
from handgrad.figures.run_data import RunData
from handgrad.training.lr_find import RateSearch

Array = NDArray[Any]


class Rates(NamedTuple):
    """The learning rate of every iteration; `momentum` is that of a velocity, which adds steps up, 0 without one.

    Shapes  rates (N,) float64
    """

    run: str
    schedule: str
    rates: Array
    steps_per_epoch: int
    momentum: float

    @property
    def cumulative(self) -> Array:
        """The step budget: the sum of the rates so far."""
        return np.cumsum(self.rates)

    @property
    def constant(self) -> float:
        """The constant rate with the same step budget."""
        return float(self.rates.mean())

    @property
    def effective(self) -> Array:
        """How far the gradient of each iteration moves the weights by the end, in multiples of itself.

        Math    e_t = sum_(s >= t) rate_s m^(s - t) = rate_t + m e_(t+1), about rate / (1 - m) for a slow schedule
        """
        found, later = np.empty(len(self.rates)), 0.0
        for t in range(len(self.rates) - 1, -1, -1):
            later = found[t] = self.rates[t] + self.momentum * later
        return found

    @property
    def caption(self) -> str:
        rates = self.rates
        momentum = (
            f" With momentum {self.momentum:g}, a gradient moves weights by {self.effective.max():.3g} times itself "
            f"at most, {self.effective.mean():.3g} on average."
            if self.momentum
            else ""
        )
        return (
            f"Learning rate of {self.run}, schedule {self.schedule}: {rates[0]:.3g} at first, "
            f"at most {rates.max():.3g}, {rates[-1]:.3g} at the end. Its sum, the step budget, is "
            f"{rates.sum():.3g}: that of a constant rate of {self.constant:.3g}.{momentum}"
        )

    @property
    def table(self) -> Table:
        """A row an iteration."""
        rows = zip(self.rates, self.cumulative, self.effective, strict=True)
        each = ((step, step / self.steps_per_epoch, *row) for step, row in enumerate(rows, 1))
        return Table(("iteration", "epoch", "learning_rate", "cumulative_rate", "effective_step"), each)


def learning_rate_data(data: RunData) -> Rates:
    """As the schedule has them."""
    steps, total = len(data.history.losses), data.config.epochs * data.steps_per_epoch
    schedule, optimizer = build_schedule(data.config), build_optimizer(data.config)
    rates = schedule.rates(optimizer.learning_rate, 0, steps, total)
    return Rates(
        data.name, data.config.schedule, rates, data.steps_per_epoch, float(getattr(optimizer, "momentum", 0.0))
    )


def plot_learning_rate(rates: Rates) -> Any:
    """Rate, equivalent constant rate and effective step against the iteration; the step budget beside them."""
    title = f"Learning rate against iteration: schedule {rates.schedule}\n{style.cut(rates.run, 90)}"
    figure, panels = style.grid(title, 2.9, 1, 2)
    left, right = panels[0]
    steps = np.arange(1, len(rates.rates) + 1)
    left.plot(*style.thinned(steps, rates.rates), **style.look(0).line, label="learning rate")
    left.axhline(rates.constant, **style.look(1).line, label="constant rate of the same sum")
    if rates.momentum:
        left.plot(*style.thinned(steps, rates.effective), **style.look(2).line, label="effective step, with momentum")
        style.log_scale(left, rates.rates[rates.rates > 0], rates.effective[rates.effective > 0])
    else:
        left.set_ylim(bottom=0)
    left.set_ylabel("learning rate (per step)")
    right.plot(*style.thinned(steps, rates.cumulative), **style.look(0).line)
    right.set_ylabel("cumulative rate")
    right.set_ylim(bottom=0)
    for panel in (left, right):
        style.over_iterations(panel, len(steps), rates.steps_per_epoch, narrow=True)
    style.legend_below(figure, left)
    return figure


class RateCurve(NamedTuple):
    """What the learning-rate finder saw of a model."""

    name: str
    found: RateSearch

    @property
    def caption(self) -> str:
        return f"Loss of {self.name} while the learning rate rises from step to step: {self.found.sentence}."

    @property
    def table(self) -> Table:
        """A row a step."""
        found = self.found
        rows = zip(range(1, len(found.rates) + 1), found.rates, found.losses, found.smoothed, strict=True)
        return Table(("iteration", "learning_rate", "loss", "smoothed_loss"), rows)


def plot_rate_curve(curve: RateCurve) -> Any:
    """Losses and their moving average over the rate; where the average is least, and the suggestion."""
    found = curve.found
    figure, axes = style.new(
        f"Loss against learning rate: where training learns fast\n{style.cut(curve.name, 90)}", 3.2
    )
    axes.plot(found.rates, found.losses, color=style.OTHER, linewidth=0.8, label="loss of a batch")
    axes.plot(found.rates, found.smoothed, **style.ROLES["training"].line, label="moving average")
    least = found.rates[found.lowest], found.smoothed[found.lowest]
    axes.plot(*least, linestyle="", marker="v", color=style.INK, label=f"least, at {least[0]:.2g}")
    if found.suggestion is not None:
        look = style.ROLES["validation"].line
        axes.axvline(found.suggestion, **look, label=f"suggested: {found.suggestion:.2g}")
    axes.set_xscale("log")
    axes.set_xlabel("learning rate (log scale)")
    axes.set_ylabel("training loss")
    low, high = found.smoothed.min(), found.smoothed[0]
    axes.set_ylim(low - 0.15 * (high - low), high + 0.6 * (high - low) if high > low else None)
    style.legend_below(figure, axes, 4)
    return figure
