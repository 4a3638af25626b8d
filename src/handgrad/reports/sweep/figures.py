"""The figures of a sweep: a file each, rows of FIGURES, and the sections of the report that consist of them."""

import json

from handgrad.figures import FigureSpec
from handgrad.figures.gallery import to_svg
from handgrad.reports.blocks import Block, Interactive, Picture, Section
from handgrad.reports.plotly_page import has_plotly
from handgrad.reports.sweep.data import SweepData
from handgrad.reports.sweep.forest import correlations_data, effects_data, importance_data, plot_forest
from handgrad.reports.sweep.parallel import parallel_data, parallel_view, plot_parallel
from handgrad.reports.sweep.slices import plot_slices, slices_data
from handgrad.reports.sweep.timeline import plot_timeline, timeline_data

FIGURES: dict[str, FigureSpec] = {
    "timeline": FigureSpec("results against creation time", timeline_data, plot_timeline),
    "parallel": FigureSpec("parallel coordinates", parallel_data, plot_parallel, parallel_view),
    "slices": FigureSpec("results against each parameter", slices_data, plot_slices),
    "importance": FigureSpec("importance of each parameter", importance_data, plot_forest),
    "correlations": FigureSpec("correlation of each parameter and value", correlations_data, plot_forest),
    "effects": FigureSpec("what each value changes", effects_data, plot_forest),
}
FEWEST = 2  # trials of which a figure of parameters says anything
HINT = (
    "Drag along an axis to keep only the trials that pass there, click it to have them all again; drag an axis by its "
    "name to move it."
)


def pictures(name: str, data: SweepData) -> list[Block]:
    """One of FIGURES, where there is one of that name; also as Plotly's, where that is installed and shows more."""
    spec = FIGURES.get(name)
    if spec is None:
        return []
    drawn = spec.drawn(name, data)
    parts = name, to_svg(drawn), drawn.caption, spec.summary.capitalize(), drawn.table.csv()
    if spec.interactive and has_plotly():
        return [Interactive(*parts, view=json.dumps(spec.interactive(drawn.data)), hint=HINT)]
    return [Picture(*parts)]


def timeline_section(data: SweepData) -> Section:
    """Results against the time when trials were begun."""
    title = f"{data.measure.name[0].upper()}{data.measure.name[1:]} against creation time"
    return Section("timeline", title, pictures("timeline", data) if data.rated else [])


def parallel_section(data: SweepData) -> Section:
    """All parameters at once."""
    return Section("parallel", "Parallel coordinates", _of_parameters("parallel", data))


def slices_section(data: SweepData) -> Section:
    """One parameter at a time."""
    return Section("slices", "Parameter by parameter", _of_parameters("slices", data))


def _of_parameters(name: str, data: SweepData) -> list[Block]:
    return pictures(name, data) if len(data.rated) >= FEWEST and data.parameters else []
