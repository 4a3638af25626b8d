"""What the parameters do to the result."""

import json
from typing import Any

from handgrad.figures import FigureSpec
from handgrad.figures.gallery import to_svg
from handgrad.reports.blocks import Block, Interactive, Note, Picture, Points, Section, Table, Text, chance, spelled
from handgrad.reports.forest import correlations_data, effects_data, importance_data, plot_forest
from handgrad.reports.parallel import parallel_data, parallel_view, plot_parallel
from handgrad.reports.render import has_plotly
from handgrad.reports.slices import plot_slices, slices_data
from handgrad.reports.sweep_data import SweepData
from handgrad.reports.timeline import plot_timeline, timeline_data
from handgrad.sweeps.analysis.result import Effect

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


TOO_FEW = "There are too few trials to estimate how important the parameters are."


def importance_section(data: SweepData) -> Section:
    """How much of the variance each parameter explains, and how it goes along with the result."""
    analysis = data.analysis
    if not analysis.entries:
        return Section("importance", "", [])
    blocks: list[Block] = [*pictures("importance", data), _shares(data)] if analysis.importances else [Note(TOO_FEW)]
    if analysis.correlations:
        blocks += [*pictures("correlations", data), _correlations(data)]
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
        blocks += [*pictures("effects", data), _effects(data)]
    return Section("observations", "What was observed", blocks)


def _shares(data: SweepData) -> Table:
    restricted = (
        {each.name: each.share for each in data.analysis.restricted_importances}
        if data.analysis.degenerate_levels
        else {}
    )
    rows = [
        (each.name.replace("_", " "), *_share(each.share), *(_share(restricted.get(each.name)) if restricted else ()))
        for each in data.analysis.importances
    ]
    header = (
        "parameter",
        "variance explained",
        "95 % interval",
        *(("among the rest", "interval") if restricted else ()),
    )
    degenerate = ", ".join(
        f"{name.replace('_', ' ')} {spelled(value)}" for name, value in data.analysis.degenerate_levels
    )
    rest = f"; among the rest: without {degenerate}" if restricted else ""
    return Table(header, rows, f"Importance (fANOVA): share of the variance{rest}", ("parameter",))


def _share(share: Any) -> tuple[str, str]:
    if share is None:
        return "–", "–"
    return f"{100 * share.mean:.1f} %", f"{100 * share.low:.1f} to {100 * share.high:.1f}"


def _correlations(data: SweepData) -> Table:
    rows = [
        (
            each.name.replace("_", " "),
            "" if each.value is None else spelled(each.value),
            f"{each.coefficient.mean:+.2f}",
            f"{each.coefficient.low:+.2f} to {each.coefficient.high:+.2f}",
            str(each.n),
        )
        for each in data.by_importance(data.analysis.correlations)
    ]
    header = ("parameter", "value", "correlation", "95 % interval", "n")
    return Table(header, rows, f"Correlation with {data.measure.name}", ("parameter", "value"))


def _where(effect: Effect) -> str:
    return "; ".join(f"{name.replace('_', ' ')} {spelled(value)}" for name, value in effect.where) or "–"


def _effects(data: SweepData) -> Table:
    factor, digits, effects = data.measure.factor, data.measure.digits, data.by_importance(data.analysis.effects)
    conditional = any(each.where for each in effects)
    rows = [
        (
            each.name.replace("_", " "),
            f"each {each.per}" if each.per else spelled(each.value),
            "–" if each.per or each.where else spelled(each.reference),
            *([_where(each)] if conditional else []),
            f"{factor * each.difference.mean:+.{digits}f}",
            f"{factor * each.difference.low:+.{digits}f} to {factor * each.difference.high:+.{digits}f}",
            chance(each.p),
            str(each.n),
            data.measure.text(each.best),
        )
        for each in effects
    ]
    words = ("parameter", "value", "against", *(["only with"] if conditional else []))
    header = (*words, "difference", "95 % interval", "p", "n", "best")
    marked = frozenset(place for place, each in enumerate(effects) if each.clear)
    unit = " in points" if data.measure.unit == "%" else ""
    caption = f"Differences of {data.measure.name}{unit}, the other parameters being equal; in bold those beyond chance"
    return Table(header, rows, caption, words, marked)
