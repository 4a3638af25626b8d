"""Estimates with their intervals, one below the other."""

from itertools import groupby
from typing import Any

import numpy as np

from handgrad.figures import style
from handgrad.figures.numbers.forest import Branch, Forest

LONGEST = 34  # letters of a row's name
ROW = 0.2  # inches


def draw_forest(forest: Forest) -> Any:
    """Points with whiskers: full where beyond chance, hollow where not; rows of one parameter stand together."""
    names = [(group, list(rows)) for group, rows in groupby(forest.rows, lambda row: row.group)]
    gaps = len(names) - 1
    height = 1.05 + ROW * (len(forest.rows) + 0.6 * gaps) + 0.14 * forest.title.count("\n")
    figure, axes = style.new(forest.title, height)
    place, ticks = 0.0, []
    for _, rows in names:
        for row in rows:
            _branch(axes, place, row)
            ticks.append((place, _name(row)))
            place += 1
        place += 0.6
    axes.axvline(0, color=style.INK, linewidth=0.9, zorder=1)
    axes.set_yticks(*zip(*ticks, strict=True))
    axes.set_ylim(place - 0.9, -0.8)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(forest.axis + ", with 95 % intervals" + _legend(forest))
    return figure


def _name(row: Branch) -> str:
    name = f"{row.group.replace('_', ' ')} {row.label}".strip()
    return f"{style.cut(name, LONGEST)}  (n {row.n})" if row.n else style.cut(name, LONGEST)


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
