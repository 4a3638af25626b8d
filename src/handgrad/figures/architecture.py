"""Architecture: the layers of a network with shapes and parameter counts, from input to output."""

from typing import Any, NamedTuple

import numpy as np

from handgrad.figures import style
from handgrad.figures.base import Table
from handgrad.figures.run_data import RunData
from handgrad.nn import Network
from handgrad.nn.summary import Row, summary_rows

LINE = 0.3  # inches a layer
MOST = 60  # layers; of more, the middle is left out
FILLS = {
    "input": style.FILL_INPUT,
    "Dense": style.BLUE,
    "Conv2D": style.BLUE,
    "BatchNorm": style.FILL,
    "Dropout": style.FILL_DROPOUT,
    "Flatten": style.PAPER,
    "MaxPool2D": style.GREEN,
    "AveragePool2D": style.GREEN,
    "GlobalAveragePool": style.GREEN,
}
ACTIVATION = style.ORANGE  # whatever else has no parameters
CENTRE, COLUMNS = 1.85, (7.75, 8.75, 9.95)  # of the drawing's width, which is 10
QUIET: dict[str, Any] = {"size": style.SMALL, "color": style.MUTED}


class Architecture(NamedTuple):
    """The input and every layer, first to last."""

    run: str
    rows: tuple[Row, ...]
    loss: str

    @property
    def parameters(self) -> int:
        """All of them."""
        return sum(row.parameters for row in self.rows)

    @property
    def caption(self) -> str:
        layers = ", ".join(f"{row.type} {row.shape}" for row in self.rows)
        macs = sum(row.macs for row in self.rows)
        return (
            f"Architecture of {self.run}: {layers}; {self.parameters:,} parameters, {macs:,} multiply-adds "
            f"for an image, loss {self.loss}."
        )

    @property
    def table(self) -> Table:
        """A row a layer."""
        columns = ("number", "layer", "settings", "output_shape", "outputs", "parameters", "multiply_adds")
        rows = ((row.number, row.type, row.settings, row.shape, row.size, *row[4:]) for row in self.rows)
        return Table(columns, rows)


def architecture_data(data: RunData) -> Architecture:
    """Of the network that the run ended with."""
    return architecture_of(data.network, data.name)


def architecture_of(network: Network, name: str) -> Architecture:
    """Layers, shapes and counts of a network."""
    return Architecture(name, summary_rows(network), type(network.loss).__name__)


def plot_architecture(found: Architecture) -> Any:
    """A box a layer, as wide as the logarithm of its outputs; to its right, its settings, shape and parameters."""
    title = f"Architecture: layers, output shapes and {found.parameters:,} parameters\n{style.cut(found.run, 90)}"
    rows = _shortened(found.rows)
    figure, axes = style.new(title, LINE * (len(rows) + 2) + 0.6)
    axes.set(xlim=(0, 10), ylim=(len(rows) + 0.6, -1.2))
    axes.set_axis_off()
    for x, head in zip(COLUMNS, ("output shape", "outputs", "parameters"), strict=True):
        axes.text(x, -0.9, head, ha="right", **QUIET)
    axes.text(CENTRE, -0.9, "layer (width: outputs, log scale)", ha="center", **QUIET)
    widest = np.log(max(row.size for row in found.rows) + 1)
    for place, row in enumerate(rows):
        if row is None:
            axes.text(
                CENTRE, place, f"{len(found.rows) - len(rows) + 1} layers left out", ha="center", va="center", **QUIET
            )
        else:
            _box(axes, place, row, 1.5 + 2.0 * np.log(row.size + 1) / widest)
            _texts(axes, place, row)
    axes.text(CENTRE, len(rows), f"loss: {found.loss}", ha="center", va="center", **QUIET)
    axes.text(COLUMNS[2], len(rows), f"{found.parameters:,}", ha="right", va="center", weight="bold")
    axes.plot([COLUMNS[2] - 1.2, COLUMNS[2]], [len(rows) - 0.5] * 2, color=style.INK, linewidth=0.7)
    return figure


def _box(axes: Any, place: int, row: Row, width: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    fill = FILLS.get(row.type, FILLS["Dense"] if row.parameters else ACTIVATION)
    look: dict[str, Any] = {"facecolor": fill, "edgecolor": style.EDGE, "linewidth": 0.8}
    shape: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.12", "mutation_aspect": 1.6}
    axes.add_patch(FancyBboxPatch((CENTRE - width / 2, place - 0.36), width, 0.72, **look, **shape))
    axes.text(CENTRE, place, row.type, ha="center", va="center", weight="bold" if row.parameters else "normal")
    if row.number is not None:
        arrow = {"arrowstyle": "-|>", "color": style.EDGE}
        axes.annotate("", (CENTRE, place - 0.36), (CENTRE, place - 0.64), arrowprops=arrow)


def _texts(axes: Any, place: int, row: Row) -> None:
    settings = row.settings.replace("_", " ")
    axes.text(3.75, place, style.cut(settings, 50), va="center", size=style.SMALL - 1, color=style.MUTED)
    numbers = (row.shape, f"{row.size:,}", f"{row.parameters:,}" if row.parameters else "–")
    for x, number in zip(COLUMNS, numbers, strict=True):
        axes.text(x, place, number, ha="right", va="center")


def _shortened(rows: tuple[Row, ...]) -> list[Row | None]:
    if len(rows) <= MOST:
        return list(rows)
    return [*rows[: MOST // 2], None, *rows[-MOST // 2 :]]
