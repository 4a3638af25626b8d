"""The figures of a sweep, drawn, as blocks of its report."""

import json
from typing import Any

import numpy as np

from handgrad.figures import Drawn, FigureKind, style, to_svg
from handgrad.figures.drawings.course import draw_course
from handgrad.figures.drawings.forest import draw_forest
from handgrad.figures.drawings.parallel import draw_parallel, result_column, shade_limits
from handgrad.figures.drawings.slices import draw_slices
from handgrad.figures.numbers.search import Column, Parallel, heights, rows_to_draw
from handgrad.reports.blocks import Interactive, Picture
from handgrad.reports.plotly_page import has_plotly
from handgrad.reports.sweep import numbers
from handgrad.reports.sweep.data import SweepData

FIGURES: dict[str, FigureKind] = {
    "timeline": FigureKind("results against creation time", numbers.course, draw_course),
    "parallel": FigureKind("parallel coordinates", numbers.parallel, draw_parallel),
    "slices": FigureKind("results against each parameter", numbers.slices, draw_slices),
    "importance": FigureKind("importance of each parameter", numbers.importance, draw_forest),
    "correlations": FigureKind("correlation of each parameter and value", numbers.correlations, draw_forest),
    "effects": FigureKind("what each value changes", numbers.effects, draw_forest),
}
MOST = 1000  # trials of which a browser draws the lines
HINT = (
    "Drag along an axis to keep only the trials that pass there, click it to have them all again; drag an axis by its "
    "name to move it."
)


def picture(name: str, data: SweepData) -> Picture:
    """One of FIGURES; the parallel coordinates also as Plotly's, where it is installed."""
    kind = FIGURES[name]
    found = kind.compute(data)
    with style.house_style():
        drawn = Drawn(name, kind.draw(found), found.caption, found.table)
    parts = name, to_svg(drawn), found.caption, kind.summary.capitalize(), found.table.csv()
    if isinstance(found, Parallel) and has_plotly():
        return Interactive(*parts, view=json.dumps(parallel_view(found)), hint=HINT)
    return Picture(*parts)


def parallel_view(drawn: Parallel) -> dict[str, Any]:
    """Plotly's parallel coordinates of up to MOST trials: axes as in the drawing, the trial's number in front."""
    found = drawn.found
    order = rows_to_draw(found, MOST)
    low, high = shade_limits(found)
    trial = {"label": "trial", "values": found.numbers[order].tolist()}
    columns = [_dimension(column, found.rank_values, order) for column in (*found.columns, result_column(found))]
    line = {
        "color": found.objectives[order].round(6).tolist(),
        "colorscale": "Cividis",
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
        "unselected": {"line": {"color": "#888888", "opacity": 0.06}},
    }
    layout = {"margin": {"l": 60, "r": 20, "t": 76, "b": 30}, "paper_bgcolor": "white", "plot_bgcolor": "white"}
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
