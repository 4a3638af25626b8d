"""A network from its input, above, to its output, below."""

from typing import Any

import numpy as np

from handgrad.figures import style
from handgrad.figures.numbers.architecture import Architecture, Row

LINE = 0.3  # inches a layer
MOST = 60  # layers; of more, the middle is left out
FILLS = {
    "input": "#eeeeee",
    "Dense": "#9ecae1",
    "Conv2D": "#9ecae1",
    "BatchNorm": "#dddddd",
    "Dropout": "#f2f2f2",
    "Flatten": "#ffffff",
    "MaxPool2D": "#c7e3c0",
    "AveragePool2D": "#c7e3c0",
    "GlobalAveragePool": "#c7e3c0",
}
ACTIVATION = "#fbd9a6"  # whatever else has no parameters


def draw_architecture(found: Architecture) -> Any:
    """A box a layer, as wide as the logarithm of its outputs; to its right, its shape and its parameters."""
    title = f"Architecture: layers, output shapes and {found.parameters:,} parameters\n{style.cut(found.run, 90)}"
    rows = _shortened(found.rows)
    figure, axes = style.new(title, LINE * (len(rows) + 2) + 0.6)
    axes.set(xlim=(0, 10), ylim=(len(rows) + 0.6, -1.2))
    axes.set_axis_off()
    heads = ((2.6, "layer (box width: outputs, log scale)"), (7.0, "output shape"), (8.55, "outputs"), (9.95, "parameters"))
    for x, head in heads:
        axes.text(x, -0.9, head, ha="center" if x < 7 else "right", size=style.SMALL, color="#555555")
    widest = np.log(max(row.size for row in found.rows) + 1)
    for place, row in enumerate(rows):
        if row is None:
            axes.text(2.6, place, "⋮", ha="center", va="center")
            continue
        _row(axes, place, row, 1.6 + 3.4 * np.log(row.size + 1) / widest)
    axes.text(2.6, len(rows), f"loss: {found.loss}", ha="center", va="center", size=style.SMALL, color="#555555")
    axes.text(9.95, len(rows), f"{found.parameters:,}", ha="right", va="center", weight="bold")
    axes.plot([8.7, 9.95], [len(rows) - 0.5] * 2, color=style.INK, linewidth=0.7)
    return figure


def _row(axes: Any, place: int, row: Row, width: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    fill = FILLS.get(row.kind, ACTIVATION if not row.parameters else FILLS["Dense"])
    corner = (2.6 - width / 2, place - 0.36)
    box = FancyBboxPatch(
        corner, width, 0.72, boxstyle="round,pad=0,rounding_size=0.12", mutation_aspect=1.6, facecolor=fill,
        edgecolor="#666666", linewidth=0.8,
    )  # fmt: skip
    axes.add_patch(box)
    axes.text(2.6, place, row.kind, ha="center", va="center", weight="bold" if row.parameters else "normal")
    axes.text(5.25, place + 0.02, style.cut(_brief(row.settings), 44), va="center", size=style.SMALL - 1, color="#555555")
    axes.text(7.0 if len(row.settings) < 1 else 7.0, place, row.shape, ha="right", va="center")
    axes.text(8.55, place, f"{row.size:,}", ha="right", va="center")
    axes.text(9.95, place, f"{row.parameters:,}" if row.parameters else "–", ha="right", va="center")
    if row.number:
        axes.annotate("", (2.6, place - 0.36), (2.6, place - 0.64), arrowprops={"arrowstyle": "-|>", "color": "#666666"})


def _brief(settings: str) -> str:
    return settings


def _shortened(rows: tuple[Row, ...]) -> list[Row | None]:
    if len(rows) <= MOST:
        return list(rows)
    return [*rows[: MOST // 2], None, *rows[-MOST // 2 :]]
