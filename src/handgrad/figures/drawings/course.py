"""A search against time."""

from typing import Any

import numpy as np

from handgrad.figures import style
from handgrad.figures.drawings.slices import MANY, looks_of_trials
from handgrad.figures.numbers.course import Course


def draw_course(course: Course) -> Any:
    """A point a trial, the best so far as steps, the regression line in its band; failures along the bottom."""
    measure, (name, seconds) = course.measure, course.unit
    failed = f", {len(course.failed):,} failed" if len(course.failed) else ""
    title = f"{measure.name.capitalize()} against creation time: {len(course.objectives):,} trials{failed}"
    figure, axes = style.new(title, 3.5)
    many = len(course.objectives) > MANY
    for stopped, look in looks_of_trials(4):
        rows = course.stopped == stopped
        if rows.any():
            label = f"{'stopped early' if stopped else 'finished'} ({rows.sum():,})"
            x = course.seconds[rows] / seconds
            axes.plot(x, course.objectives[rows], label=label, alpha=0.7, rasterized=many, **look)
    if course.line.shape[1]:
        x, mean, low, high = course.line
        colour = style.COLOURS[3]
        axes.plot(x / seconds, mean, color=colour, linestyle=style.DASHES[1], label="regression line, 95 % band")
        axes.fill_between(x / seconds, low, high, color=colour, alpha=0.2, linewidth=0)
    if len(course.best):
        end = max((*course.seconds, *course.failed)) / seconds
        steps = np.append(course.best_seconds / seconds, end), np.append(course.best, course.best[-1])
        axes.plot(*steps, color=style.INK, linewidth=1.3, drawstyle="steps-post", label="best so far")
    if len(course.failed):
        bottom = axes.get_xaxis_transform()
        where = course.failed / seconds, np.full(len(course.failed), 0.02)
        look = {"marker": "x", "color": style.INK, "linestyle": "none", "markersize": 5}
        axes.plot(*where, transform=bottom, label=f"failed ({len(course.failed):,})", **look)
    axes.set_xlabel(f"{name} since the first trial began")
    axes.set_ylabel(measure.label)
    style.legend_below(figure, axes, 3)
    return figure
