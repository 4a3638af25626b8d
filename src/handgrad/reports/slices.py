"""The result of each trial against one parameter at a time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.figures import style
from handgrad.reports.sweep_data import MANY, Column, Scale, Searched, looks_of_trials

Array = NDArray[Any]
COLUMNS = 3
LONGEST = 12  # letters of a value below its box


def plot_slices(found: Searched) -> Any:
    """A small panel for each parameter, all with the same scale of results."""
    count = len(found.columns)
    across = min(COLUMNS, count)
    rows = -(-count // across)
    title = f"{found.measure.name.capitalize()} against each parameter: {len(found.numbers):,} trials"
    width = style.WIDTH * (1 if across > 1 else 0.6)
    figure, axes = style.grid(title, 0.5 + 1.95 * rows, rows, across, width=width, sharey=True)
    for place, each in enumerate(axes.flat):
        if place >= count:
            each.set_visible(False)
            continue
        column = found.columns[place]
        (_boxes if column.scale.labels else _cloud)(each, column, found)
        each.set_xlabel(column.scale.title + (" (log scale)" if column.scale.log else ""))
    figure.supylabel(found.measure.label, size=style.NORMAL)
    return figure


def _boxes(axes: Any, column: Column, found: Searched) -> None:
    """Of each listed value: the middle half, the median, and the trials beside each other."""
    spread = np.random.Generator(np.random.Philox(0)).uniform(-0.26, 0.26, len(found.objectives))
    groups = [found.objectives[column.places == index] for index in range(len(column.scale.labels))]
    for index, values in enumerate(groups):
        if len(values):
            low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
            look = {"color": style.FILL_BLUISH, "edgecolor": style.FRAME, "linewidth": 0.6, "zorder": 1}
            axes.bar(index, high - low, 0.66, low, **look)
            axes.plot([index - 0.33, index + 0.33], [median] * 2, color=style.INK, linewidth=1.6, zorder=4)
    _points(axes, column.places + spread, found)
    crowded = len(groups) > 4 or sum(map(len, column.scale.labels)) > 26
    labels = [
        f"{style.cut(label, LONGEST)}{' · ' if crowded else chr(10)}n {len(values)}"
        for label, values in zip(column.scale.labels, groups, strict=True)
    ]
    turned: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    axes.set_xticks(range(len(labels)), labels, size=style.SMALL, **turned)
    axes.set_xlim(-0.6, len(labels) - 0.4)
    axes.grid(visible=False, axis="x")


def _cloud(axes: Any, column: Column, found: Searched) -> None:
    """Of a scale of numbers: the trials, and medians of equal parts of them."""
    scale: Scale = column.scale
    if scale.log:
        axes.set_xscale("log")
    _points(axes, column.places, found)
    for x, median in _medians(column.places, found.objectives):
        axes.plot(x, [median, median], color=style.INK, linewidth=1.6, zorder=4)
    ticks = scale.ticks()
    axes.set_xticks(ticks, [f"{each:g}" for each in ticks], size=style.SMALL)
    axes.minorticks_off()
    margin = 0.03
    if scale.log:
        reach = (scale.high / scale.low) ** margin
        axes.set_xlim(scale.low / reach, scale.high * reach)
    else:
        axes.set_xlim(scale.low - margin * (scale.high - scale.low), scale.high + margin * (scale.high - scale.low))


def _medians(places: Array, objectives: Array) -> list[tuple[list[float], float]]:
    """From the first to the last place of each of up to six equal parts of the trials, their median."""
    parts = min(6, len(places) // 5)
    if parts < 2:
        return []
    order = np.argsort(places, kind="stable")
    return [
        ([float(places[rows[0]]), float(places[rows[-1]])], float(np.median(objectives[rows])))
        for rows in np.array_split(order, parts)
    ]


def _points(axes: Any, x: Array, found: Searched) -> None:
    many = len(x) * len(found.columns) > MANY
    for stopped, look in looks_of_trials(2.4 if many else 3.4):
        rows = found.stopped == stopped
        axes.plot(x[rows], found.objectives[rows], alpha=0.5 if many else 0.7, rasterized=many, **look)
