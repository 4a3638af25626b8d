"""Parallel coordinates: many trials through many parameters at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.figures import style
from handgrad.figures.numbers.search import Column, Parallel, Scale, Searched, heights

Array = NDArray[Any]
SHADES = "cividis"  # reversed where more is better: dark is good, also in grey
LONGEST = 11  # letters of a value at its axis
HALO: dict[str, Any] = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6}


def draw_parallel(drawn: Parallel) -> Any:
    """An axis for each parameter and one for the result, from left to right."""
    found = drawn.found
    result = result_column(found)
    columns = [*found.columns, result]
    what = f"{found.measure.name} of {_count(drawn)}, {len(found.columns)} parameters"
    figure, axes = style.new(f"Parallel coordinates: {what}; thick: the best", 4.4)
    axes.set(xlim=(-0.55, len(columns) - 0.75), ylim=(-0.03, 1.03))
    axes.set_axis_off()
    crossings = np.array([heights(column, found.rank_values) for column in columns])
    shades = shades_of(found)
    axes.add_collection(_lines(crossings[:, drawn.shown], found.objectives[drawn.shown], shades))
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

    name = SHADES + "_r" if found.measure.better > 0 else SHADES
    return Normalize(*shade_limits(found)), colormaps[name]


def extend_of(found: Searched) -> str:
    """On which side there are results beyond the colours."""
    low, high = shade_limits(found)
    below, above = found.objectives.min() < low, found.objectives.max() > high
    return {(True, False): "min", (False, True): "max"}.get((bool(below), bool(above)), "neither")


def _count(drawn: Parallel) -> str:
    n, of = len(drawn.shown), len(drawn.found.numbers)
    return f"{n:,} trials" if n == of else f"{n:,} of {of:,} trials"


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
        axes.text(place - 0.05, height, text, ha="right", va="center", size=size, bbox=HALO, zorder=4)
        if not scale.labels:
            axes.plot([place - 0.03, place], [height, height], color=style.INK, linewidth=0.8, zorder=3)
