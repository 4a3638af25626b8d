"""Importance, correlations and effects of the parameters: estimates with intervals, one below the other."""

from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from handgrad.figures import style
from handgrad.figures.base import Table
from handgrad.reports.blocks import spelled
from handgrad.reports.sweep_data import SweepData

MOST_ROWS = 36  # of a forest
LONGEST = 44  # letters of a row's name
ROW = 0.17  # inches


class ForestRow(NamedTuple):
    """A row: an estimate with its 95 % interval; `clear` tells whether it is beyond chance, None if not asked.

    Rows of one `group` stand together under its name.
    """

    group: str
    label: str
    mean: float
    low: float
    high: float
    clear: bool | None
    n: int


class Forest(NamedTuple):
    """Rows under a title; `axis` names what they measure."""

    title: str
    axis: str
    rows: tuple[ForestRow, ...]
    caption: str
    left_out: int = 0

    @property
    def table(self) -> Table:
        marks = {True: "yes", False: "no", None: None}
        rows = ((r.group, r.label, r.mean, r.low, r.high, marks[r.clear], r.n) for r in self.rows)
        return Table(("parameter", "value", self.axis, "low", "high", "beyond chance", "trials"), rows)


def importance_data(data: SweepData) -> Forest:
    """The share of the variance that each parameter explains."""
    analysis, whole = data.analysis, "over the whole space"
    degenerate = ", ".join(f"{_title(name)} {spelled(value)}" for name, value in analysis.degenerate_levels)
    parts = {f"without {degenerate}": analysis.restricted_importances, whole: analysis.importances}
    rows = tuple(
        ForestRow(group if degenerate else "", _title(each.name), *_interval(each.share, 100), None, 0)
        for group, found in parts.items()
        if degenerate or group == whole
        for each in sorted(found, key=lambda each: -each.share.mean)
    )
    title = f"Importance of each parameter (fANOVA): {len(data.analysis.entries):,} configurations"
    caption = (
        f"Share of the variance of {data.measure.name} that each parameter explains by itself, "
        "from a forest of regression trees; the rest is due to combinations of parameters. A parameter with a "
        "degenerate level is important: it says little of how to choose among the others."
    )
    return Forest(title, "variance explained (%)", rows, caption)


def correlations_data(data: SweepData) -> Forest:
    """Of each parameter of numbers, and of each listed value, with the objective."""
    found = data.by_importance(data.analysis.correlations)
    kept = sorted(found, key=lambda each: -abs(each.coefficient.mean))[:MOST_ROWS]
    rows = tuple(
        ForestRow(
            _title(each.name),
            "higher (rank)" if each.value is None else spelled(each.value),
            *_interval(each.coefficient, 1),
            bool(each.coefficient.low > 0 or each.coefficient.high < 0),
            each.n,
        )
        for each in found
        if each in kept
    )
    title = f"Correlation with {data.measure.name}: {len(data.analysis.entries):,} configurations"
    caption = (
        "Parameters of numbers: rank correlation (Spearman's). Single values: correlation of having it with the "
        f"result{_less(len(found), len(rows))}. Not adjusted for the other "
        "parameters, nor for how many there are: the effects below are."
    )
    return Forest(title, f"correlation with {data.measure.name}", rows, caption, len(found) - len(rows))


def effects_data(data: SweepData) -> Forest:
    """What each value changes, the others being equal."""
    found, factor = data.by_importance(data.analysis.effects), data.measure.factor
    kept = sorted(found, key=lambda each: -abs(each.difference.mean))[:MOST_ROWS]
    references = {each.name: _title(each.name) for each in found}
    references |= {
        each.name: f"{_title(each.name)}, against {spelled(each.reference)}"
        for each in found
        if not each.per and not each.where
    }
    rows = tuple(
        ForestRow(references[each.name], _changed(each), *_interval(each.difference, factor), each.clear, each.n)
        for each in found
        if each in kept
    )
    unit = "points" if data.measure.unit == "%" else "difference"
    title = f"What each value changes, the others being equal: {len(data.analysis.entries):,} configurations"
    caption = (
        f"Difference of {data.measure.name} against the value in bold, adjusted for all other parameters"
        f"{_less(len(found), len(rows))}. Beyond chance: p below 0.05 after Holm's correction for all of them together."
    )
    return Forest(title, f"difference of {data.measure.name} ({unit})", rows, caption, len(found) - len(rows))


def _interval(interval: Any, factor: float) -> tuple[float, float, float]:
    return factor * interval.mean, factor * interval.low, factor * interval.high


def _title(name: str) -> str:
    return name.replace("_", " ")


def _changed(effect: Any) -> str:
    where = " and ".join(f"{_title(name)} {spelled(value)}" for name, value in effect.where)
    changed = f"each {effect.per}" if effect.per else spelled(effect.value)
    return f"{changed}, with {where}" if where else changed


def _less(count: int, drawn: int) -> str:
    return f"; the {drawn} largest of {count}" if drawn < count else ""


def plot_forest(forest: Forest) -> Any:
    """Points with whiskers: full where beyond chance, hollow where not; the rows of a group stand below its name."""
    lines: list[str | ForestRow] = []
    for group, rows in groupby(forest.rows, lambda row: row.group):
        lines += [*([group] if group else []), *rows]
    figure, axes = style.new(forest.title, 1.0 + ROW * len(lines))
    for place, line in enumerate(lines):
        if isinstance(line, ForestRow):
            _row(axes, place, line)
    axes.axvline(0, color=style.INK, linewidth=0.9, zorder=1)
    counted = len({row.n for row in forest.rows}) > 1
    axes.set_yticks(range(len(lines)), [_name(line, counted) for line in lines])
    for line, label in zip(lines, axes.get_yticklabels(), strict=True):
        label.set_weight("normal" if isinstance(line, ForestRow) else "bold")
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    marks = {row.clear for row in forest.rows}
    legend = "; full: beyond chance" * (True in marks) + "; hollow: not" * (False in marks)
    axes.set_xlabel(f"{forest.axis}\nwith 95 % intervals{legend}")
    return figure


def _name(line: str | ForestRow, counted: bool) -> str:
    if isinstance(line, str):
        return style.cut(line, LONGEST)
    return style.cut(line.label, LONGEST) + f"  (n {line.n})" * counted


def _row(axes: Any, place: float, row: ForestRow) -> None:
    hollow = row.clear is False
    colour = style.FRAME if hollow else style.COLOURS[0]
    if np.isfinite(row.low) and np.isfinite(row.high):
        axes.plot([row.low, row.high], [place, place], color=colour, linewidth=1.6, solid_capstyle="butt", zorder=2)
    face = style.PAPER if hollow else colour
    axes.plot(row.mean, place, "o", color=colour, markerfacecolor=face, markersize=5, zorder=3)
