"""Parallel coordinates: many trials through many parameters at once."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.figures import style
from handgrad.figures.base import Table
from handgrad.reports.sweep_data import Column, Scale, Searched, SweepData, searched

BAND = 0.7  # of the room between two listed values is what lines through one of them spread over
MOST_LINES = 300  # of the parallel coordinates that are drawn
Array = NDArray[Any]
LONGEST = 11  # letters of a value at its axis
MOST = 1000  # trials of which a browser draws the lines


class Parallel(NamedTuple):
    """A line a trial through the values of its parameters to its result; `chosen` are the rows that are drawn."""

    found: Searched
    chosen: Array

    @property
    def caption(self) -> str:
        n, of = len(self.chosen), len(self.found.numbers)
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


def parallel_data(data: SweepData) -> Parallel:
    """Every trial as a line; of very many a choice."""
    found = searched(data, backwards=True)
    return Parallel(found, rows_to_draw(found, MOST_LINES))


def plot_parallel(drawn: Parallel) -> Any:
    """An axis for each parameter and one for the result, from left to right."""
    found = drawn.found
    result = result_column(found)
    columns = [*found.columns, result]
    n, of = len(drawn.chosen), len(found.numbers)
    count = f"{n:,} trials" if n == of else f"{n:,} of {of:,} trials"
    what = f"{found.measure.name} of {count}, {len(found.columns)} parameters"
    figure, axes = style.new(f"Parallel coordinates: {what}; thick: the best", 4.4)
    axes.set(xlim=(-0.55, len(columns) - 0.75), ylim=(-0.03, 1.03))
    axes.set_axis_off()
    crossings = np.array([heights(column, found.rank_values) for column in columns])
    shades = shades_of(found)
    axes.add_collection(_lines(crossings[:, drawn.chosen], found.objectives[drawn.chosen], shades))
    for place, column in enumerate(columns):
        _axis(axes, place, column.scale, last=column is result)
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(ScalarMappable(*shades), ax=axes, fraction=0.02, pad=0.01, aspect=40, extend=extend_of(found))
    bar.outline.set_visible(False)
    bar.set_label(found.measure.label, size=style.SMALL)
    return figure


def result_column(found: Searched) -> Column:
    """The result as one more axis."""
    low, high = float(found.objectives.min()), float(found.objectives.max())
    return Column(Scale(found.measure.label, low=low, high=high), found.objectives)


def shade_limits(found: Searched) -> tuple[float, float]:
    """Where the colours begin and end: a few hopeless trials do not make all others look alike.

    Math    from 1.5 times the distance between the quartiles beyond them
    """
    low, high = float(found.objectives.min()), float(found.objectives.max())
    first, third = np.quantile(found.objectives, (0.25, 0.75))
    reach = 1.5 * float(third - first)
    if reach <= 0:
        return low, high
    return (max(low, first - reach), high) if found.measure.better > 0 else (low, min(high, third + reach))


def shades_of(found: Searched) -> tuple[Any, Any]:
    """Matplotlib's scale of the results, and its colours."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    name = style.ORDERED + "_r" if found.measure.better > 0 else style.ORDERED
    return Normalize(*shade_limits(found)), colormaps[name]


def extend_of(found: Searched) -> str:
    """On which side there are results beyond the colours."""
    low, high = shade_limits(found)
    below, above = found.objectives.min() < low, found.objectives.max() > high
    return {(True, False): "min", (False, True): "max"}.get((bool(below), bool(above)), "neither")


def _lines(crossings: Array, objectives: Array, shades: tuple[Any, Any]) -> Any:
    """Smooth curves that cross every axis at right angles; the last one, the best, is thick.

    Shapes  crossings (axes, n) float64; objectives (n,) float64
    """
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path

    count = len(crossings)
    x = np.arange(count)
    codes = [Path.MOVETO, *[Path.CURVE4] * (3 * (count - 1))]
    paths = []
    for line in crossings.T:
        points = [(x[0], line[0])]
        for place in range(count - 1):
            a, b = line[place], line[place + 1]
            points += [(place + 0.4, a), (place + 0.6, b), (place + 1, b)]
        paths.append(Path(points, codes))
    normal, colours = shades
    edges = colours(normal(objectives), alpha=0.75 if len(paths) < 80 else 0.5)
    edges[-1, 3] = 1.0
    widths = [0.9] * (len(paths) - 1) + [2.4]
    return PathCollection(paths, facecolors="none", edgecolors=edges, linewidths=widths)


def _axis(axes: Any, place: int, scale: Scale, last: bool) -> None:
    axes.plot([place, place], [0, 1], color=style.INK, linewidth=0.8, zorder=3)
    name = style.wrapped(scale.title.replace(" (", "\n("), 1, 11)
    weight = "bold" if last else "normal"
    axes.text(place, 1.045, name, ha="center", va="bottom", size=style.SMALL, weight=weight, linespacing=1.0)
    if scale.labels:
        marks = [((index + 0.5) / len(scale.labels), label) for index, label in enumerate(scale.labels)]
    else:
        marks = [(scale.share(value), f"{value:g}") for value in scale.ticks()]
    size = style.SMALL - (1 if len(marks) > 12 else 0)
    for height, label in marks:
        text = style.cut(label, LONGEST)
        axes.text(place - 0.05, height, text, ha="right", va="center", size=size, bbox=style.HALO, zorder=4)
        if not scale.labels:
            axes.plot([place - 0.03, place], [height, height], color=style.INK, linewidth=0.8, zorder=3)


def parallel_view(drawn: Parallel) -> dict[str, Any]:
    """Plotly's parallel coordinates of up to MOST trials: axes as in the drawing, the trial's number in front."""
    found = drawn.found
    order = rows_to_draw(found, MOST)
    low, high = shade_limits(found)
    trial = {"label": "trial", "values": found.numbers[order].tolist()}
    columns = [_dimension(column, found.rank_values, order) for column in (*found.columns, result_column(found))]
    line = {
        "color": found.objectives[order].round(6).tolist(),
        "colorscale": style.ORDERED.capitalize(),
        "reversescale": found.measure.better > 0,
        "cmin": low,
        "cmax": high,
        "showscale": True,
        "colorbar": {"title": {"text": found.measure.label, "side": "right"}, "thickness": 12},
    }
    trace = {
        "type": "parcoords",
        "dimensions": [trial, *columns],
        "line": line,
        "labelangle": -18,
        "labelside": "top",
        "labelfont": {"size": 12},
        "tickfont": {"size": 11},
        "unselected": {"line": {"color": style.UNSELECTED, "opacity": 0.06}},
    }
    layout = {"margin": {"l": 60, "r": 20, "t": 76, "b": 30}, "paper_bgcolor": style.PAPER, "plot_bgcolor": style.PAPER}
    return {"data": [trace], "layout": layout}


def _dimension(column: Column, rank_values: Any, order: Any) -> dict[str, Any]:
    scale = column.scale
    ticks: list[float]
    if scale.labels:
        count = len(scale.labels)
        places = heights(column, rank_values) * count - 0.5
        ends, ticks, texts = [-0.5, count - 0.5], [*map(float, range(count))], list(scale.labels)
    elif scale.log:
        places, ends = np.log10(column.places), [float(np.log10(end)) for end in (scale.low, scale.high)]
        ticks, texts = [float(np.log10(tick)) for tick in scale.ticks()], [f"{tick:g}" for tick in scale.ticks()]
    else:
        low, high = (scale.low, scale.high) if scale.high > scale.low else (scale.low - 0.5, scale.high + 0.5)
        places, ends, ticks = column.places, [low, high], scale.ticks()
        texts = [f"{tick:g}" for tick in ticks]
    return {
        "label": scale.title,
        "values": np.round(places[order], 6).tolist(),
        "range": ends,
        "tickvals": ticks,
        "ticktext": texts,
    }
