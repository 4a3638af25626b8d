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


def learning_rate_data(data: RunData) -> Rates:
    """As the schedule has them."""
    steps, total = len(data.history.losses), data.config.epochs * data.steps_per_epoch
    schedule = build_schedule(data.config)
    rates = schedule.rates(build_optimizer(data.config).learning_rate, 0, steps, total)
    return Rates(data.name, data.config.schedule, rates, data.steps_per_epoch)


def plot_learning_rate(rates: Rates) -> Any:
    """The learning rate against the iteration."""
    title = f"Learning rate against iteration: schedule {rates.schedule}\n{style.cut(rates.run, 90)}"
    figure, axes = style.new(title, 2.6)
    steps = np.arange(1, len(rates.rates) + 1)
    axes.plot(*style.thinned(steps, rates.rates), **style.ROLES["training"].line)
    axes.set_ylabel("learning rate (per step)")
    axes.set_ylim(bottom=0)
    style.over_iterations(axes, len(rates.rates), rates.steps_per_epoch)
    return figure


class RateCurve(NamedTuple):
    """What the learning-rate finder saw of a model."""

    name: str
    found: RateSearch

    @property
    def caption(self) -> str:
        """What was found."""
        return f"Loss of {self.name} while the learning rate rises from step to step: {self.found.sentence}."

    @property
    def table(self) -> Table:
        """A row a step."""
        found = self.found
        rows = zip(range(1, len(found.rates) + 1), found.rates, found.losses, found.smoothed, strict=True)
        return Table(("iteration", "learning_rate", "loss", "smoothed_loss"), rows)


def rate_curve(found: tuple[str, RateSearch]) -> RateCurve:
    """Of a model's name, and what was found."""
    return RateCurve(*found)


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
