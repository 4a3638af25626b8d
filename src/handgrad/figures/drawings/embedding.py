"""t-SNE maps side by side."""

from typing import Any

import numpy as np

from handgrad.figures import style
from handgrad.figures.numbers.embedding import Embedding

MOST_NAMED = 26  # classes whose names fit on a map


def draw_embedding(found: Embedding) -> Any:
    """One map a stage; a class has its colour, its marker and its name in the middle of its points."""
    times = " against ".join(stage.name for stage in found.stages)
    title = f"t-SNE of the last hidden layer: {times}\n{style.cut(found.run, 60)}, {len(found.rows):,} test images"
    columns = len(found.stages)
    figure, axes = style.grid(title, 4.35, 1, columns, style.WIDTH if columns > 1 else 4.4)
    for each, stage in zip(axes[0], found.stages, strict=True):
        _points(each, found, stage.points)
        _names(each, found, stage.points)
        each.set_title(stage.name)
        each.set(xlabel="t-SNE 1 (no unit)", ylabel="t-SNE 2 (no unit)", xticks=[], yticks=[])
        each.set_box_aspect(1)
    if len(found.class_names) <= MOST_NAMED:
        style.legend_below(figure, axes[0, 0], 5)
    return figure


def _points(axes: Any, found: Embedding, points: Any) -> None:
    """As one picture, for thousands of markers would make a large file."""
    size = np.clip(12000 / len(points), 3, 22)
    for label, name in enumerate(found.class_names):
        here, look = points[found.labels == label], style.look(label)
        if len(here):
            axes.scatter(
                *here.T, s=size, color=look.color, marker=look.marker, alpha=0.65, linewidths=0,
                rasterized=True, label=style.cut(name, 18),
            )  # fmt: skip


def _names(axes: Any, found: Embedding, points: Any) -> None:
    from matplotlib.patheffects import withStroke

    if len(found.class_names) > MOST_NAMED:
        return
    for label, name in enumerate(found.class_names):
        here = points[found.labels == label]
        if len(here):
            middle = np.median(here, axis=0)
            halo = [withStroke(linewidth=2.2, foreground="white")]
            axes.text(
                *middle, style.cut(name, 12), size=style.SMALL, weight="bold", ha="center", va="center",
                path_effects=halo,
            )  # fmt: skip
