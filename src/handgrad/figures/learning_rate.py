"""Learning rate against the iteration."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.config import build_optimizer, build_schedule
from handgrad.figures import style
from handgrad.figures.base import Table
from handgrad.figures.run_data import RunData

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
