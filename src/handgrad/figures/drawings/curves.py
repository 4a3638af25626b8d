"""Curves over the iterations of one run."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.figures import style
from handgrad.figures.numbers.curves import Curves, Rates

Array = NDArray[Any]
MOST_POINTS = 1000  # more are not told apart on paper


def draw_curves(curves: Curves) -> Any:
    """Training light with its running mean on top, validation and test as points."""
    parts = {"validation": curves.validation, "test": curves.test}
    shown = ["training", *(name for name, points in parts.items() if len(points.steps))]
    compared = " and ".join(shown).replace(" and ", ", ", len(shown) - 2)
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
    over_iterations(axes, len(curves.training), curves.steps_per_epoch)
    axes.legend(loc="best")
    return figure


def draw_rates(rates: Rates) -> Any:
    """The learning rate against the iteration."""
    title = f"Learning rate against iteration: schedule {rates.schedule}\n{style.cut(rates.run, 90)}"
    figure, axes = style.new(title, 2.6)
    steps = np.arange(1, len(rates.rates) + 1)
    axes.plot(*thinned(steps, rates.rates), **style.ROLES["training"].line)
    axes.set_ylabel("learning rate (per step)")
    axes.set_ylim(bottom=0)
    over_iterations(axes, len(rates.rates), rates.steps_per_epoch)
    return figure


def over_iterations(axes: Any, count: int, steps_per_epoch: int) -> None:
    """Name the x axis, with epochs along the top."""
    axes.set_xlabel("iteration (training step)")
    axes.set_xlim(0, count * 1.01)
    axes.xaxis.set_major_formatter(lambda value, place: f"{value:,.0f}")
    top = axes.secondary_xaxis("top", (lambda step: step / steps_per_epoch, lambda epoch: epoch * steps_per_epoch))
    top.set_xlabel("epoch (pass over the training images)")
    top.spines["top"].set_visible(False)
    top.tick_params(length=2)
    top.xaxis.get_major_locator().set_params(integer=count >= 2 * steps_per_epoch)


def thinned(steps: Array, values: Array, most: int = MOST_POINTS) -> tuple[Array, Array]:
    """At most `most` of them, evenly spread, the last one among them."""
    if len(steps) <= most:
        return steps, values
    kept = np.linspace(0, len(steps) - 1, most).round().astype(int)
    return steps[kept], values[kept]


def _training(axes: Any, curves: Curves) -> None:
    steps, look = np.arange(1, len(curves.training) + 1), style.ROLES["training"]
    if curves.window == 1:
        axes.plot(steps, curves.training, label="training, each iteration", **look.line)
        return
    if len(steps) <= MOST_POINTS:
        axes.plot(steps, curves.training, color=look.color, alpha=0.45, linewidth=0.6, label="training, each iteration")
    else:
        _envelope(axes, steps, curves.training)
    name = f"training, mean of the last {curves.window} iterations"
    axes.plot(*thinned(steps, curves.smooth), label=name, **look.line)


def _envelope(axes: Any, steps: Array, values: Array) -> None:
    """From the smallest to the largest of a few iterations: what a line through all of them would cover."""
    bins = np.array_split(np.arange(len(steps)), MOST_POINTS // 2)
    low, high = np.array([(np.nanmin(values[part]), np.nanmax(values[part])) for part in bins]).T
    name = f"training, each iteration (range of about {len(bins[0])})"
    middle = [steps[part[len(part) // 2]] for part in bins]
    axes.fill_between(middle, low, high, color=style.ROLES["training"].color, alpha=0.22, linewidth=0, label=name)


def _marks(role: str, count: int) -> dict[str, Any]:
    """Markers at the points, not at every one when there are many."""
    marks = style.ROLES[role].dots | {"markevery": max(1, count // 25)}
    return marks | ({"markersize": 7, "linewidth": 1.2} if role == "test" else {})
