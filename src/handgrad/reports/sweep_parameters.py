"""What the parameters do to the result."""

import json
from functools import partial

from handgrad.figures import FigureSpec
from handgrad.figures.base import NOT_DRAWN
from handgrad.figures.gallery import to_bytes, to_svg
from handgrad.reports.blocks import Block, Details, Interactive, Note, Picture, Points, Section, Table, Text, spelled
from handgrad.reports.forest import Forest, correlations_data, effects_data, importance_data, plot_forest
from handgrad.reports.parallel import parallel_data, parallel_view, plot_parallel
from handgrad.reports.render import has_plotly
from handgrad.reports.slices import plot_slices
from handgrad.reports.sweep_data import SweepData, searched
from handgrad.reports.timeline import plot_timeline, timeline_data

FIGURES: dict[str, FigureSpec] = {
    "timeline": FigureSpec("results against creation time", timeline_data, plot_timeline),
    "parallel": FigureSpec("parallel coordinates", parallel_data, plot_parallel, parallel_view),
    "slices": FigureSpec("results against each parameter", searched, plot_slices),
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
    """One of FIGURES, where there is one of that name, a forest with its numbers folded.

    Also as Plotly's, where that is installed and shows more; without Matplotlib, a forest's numbers alone.
    """
    spec = FIGURES.get(name)
    if spec is None:
        return []
    drawn = spec.drawn(name, data)
    numbers: list[Block] = []
    if isinstance(drawn.data, Forest):
        header, rows = drawn.data.table
        cells = [[spelled(cell, 3) for cell in row] for row in rows]
        numbers = [Details("These numbers as a table", [Table(header, cells, words=header[:2])])]
    if drawn.figure is None:
        return [Note(f"Not drawn: {NOT_DRAWN}."), *numbers]
    pdf = partial(to_bytes, drawn, "pdf")
    parts = name, to_svg(drawn), drawn.caption, spec.summary.capitalize(), drawn.table.csv(), pdf
    if spec.interactive and has_plotly():
        return [Interactive(*parts, view=json.dumps(spec.interactive(drawn.data)), hint=HINT)]
    return [Picture(*parts), *numbers]


def chart_section(name: str, data: SweepData) -> Section:
    """Results against the time when trials were begun, through all parameters at once, or against one at a time."""
    titles = {
        "timeline": f"{data.measure.name[0].upper()}{data.measure.name[1:]} against creation time",
        "parallel": "Parallel coordinates",
        "slices": "Parameter by parameter",
    }
    enough = bool(data.rated) if name == "timeline" else len(data.rated) >= FEWEST and bool(data.parameters)
    return Section(name, titles[name], pictures(name, data) if enough else [])


def importance_section(data: SweepData) -> Section:
    """How much of the variance each parameter explains, and how it goes along with the result."""
    analysis = data.analysis
    if not analysis.entries:
        return Section("importance", "", [])
    few = Note("There are too few trials to estimate how important the parameters are.")
    blocks = pictures("importance", data) if analysis.importances else [few]
    if analysis.correlations:
        blocks += pictures("correlations", data)
    return Section("importance", "Importance and correlation", blocks)


def observations_section(data: SweepData) -> Section:
    """What can be said, what cannot be distinguished from noise, and the effects behind it."""
    observations, notes = data.analysis.observations, data.analysis.notes
    clear = [each.words for each in observations if each.clear]
    unclear = [each.words for each in observations if not each.clear]
    blocks: list[Block] = [Points(clear)] if clear else []
    if unclear:
        blocks += [Text("Not distinguishable from noise:"), Points(unclear)]
    if notes:
        blocks += [Text("To bear in mind:"), Points(notes)]
    if data.analysis.effects:
        blocks += pictures("effects", data)
    return Section("observations", "What was observed", blocks)
