"""Estimates with their intervals, one below the other."""

from itertools import groupby
from typing import Any

import numpy as np

from handgrad.figures import style
from handgrad.figures.numbers.forest import Branch, Forest

LONGEST = 44  # letters of a row's name
ROW = 0.17  # inches


def draw_forest(forest: Forest) -> Any:
    """Points with whiskers: full where beyond chance, hollow where not; the rows of a group stand below its name."""
    lines: list[str | Branch] = []
    for group, rows in groupby(forest.rows, lambda row: row.group):
        lines += [*([group] if group else []), *rows]
    figure, axes = style.new(forest.title, 1.0 + ROW * len(lines))
    for place, line in enumerate(lines):
        if isinstance(line, Branch):
            _branch(axes, place, line)
    axes.axvline(0, color=style.INK, linewidth=0.9, zorder=1)
    counted = len({row.n for row in forest.rows}) > 1
    axes.set_yticks(range(len(lines)), [_name(line, counted) for line in lines])
    for line, label in zip(lines, axes.get_yticklabels(), strict=True):
        label.set_weight("normal" if isinstance(line, Branch) else "bold")
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"{forest.axis}\nwith 95 % intervals{_legend(forest)}")
    return figure


def _name(line: str | Branch, counted: bool) -> str:
    if isinstance(line, str):
        return style.cut(line, LONGEST)
    return style.cut(line.label, LONGEST) + f"  (n {line.n})" * counted


def _legend(forest: Forest) -> str:
    asked = [row.clear for row in forest.rows if row.clear is not None]
    return "; full: beyond chance" * (True in asked) + "; hollow: not" * (False in asked)


def _branch(axes: Any, place: float, row: Branch) -> None:
    hollow = row.clear is False
    colour = style.FRAME if hollow else style.COLOURS[0]
    if np.isfinite(row.low) and np.isfinite(row.high):
        axes.plot([row.low, row.high], [place, place], color=colour, linewidth=1.6, solid_capstyle="butt", zorder=2)
    face = "white" if hollow else colour
    axes.plot(row.mean, place, "o", color=colour, markerfacecolor=face, markersize=5, zorder=3)
