"""What a network consists of: its layers with output shapes, parameters and multiply-adds."""

import dataclasses
from math import prod
from typing import Any, NamedTuple

from handgrad.nn.initializers import Initializer
from handgrad.nn.layer import Layer, Plan, Shape

MOST_SETTINGS = 34  # letters of a layer's settings in the table


class Row(NamedTuple):
    """One layer, numbered from 0 as in the names of its parameters; the input has no number."""

    number: int | None
    type: str
    settings: str
    output: Shape
    parameters: int = 0
    macs: int = 0

    @property
    def size(self) -> int:
        """Numbers that it puts out for one image."""
        return prod(self.output)

    @property
    def shape(self) -> str:
        """As one writes it: 4×28×28."""
        return "×".join(map(str, self.output))


def summary_rows(network: Any) -> tuple[Row, ...]:
    """The input and every layer, first to last."""
    rows = [Row(None, "input", "", network.input_shape)]
    for number, (layer, plan) in enumerate(zip(network.layers, network.plans, strict=True)):
        count = sum(part.size for part in plan.parameters)
        rows.append(Row(number, type(layer).__name__, _settings(layer), plan.output, count, _macs(plan)))
    return tuple(rows)


def summary_text(network: Any) -> str:
    """A table of at most 80 columns: a line a layer, and one of sums."""
    rows = summary_rows(network)
    cells: list[tuple[str, ...]] = [("", "layer", "output shape", "parameters", "multiply-adds")]
    for row in rows:
        number = "" if row.number is None else f"{row.number}"
        settings = row.settings if len(row.settings) <= MOST_SETTINGS else f"{row.settings[: MOST_SETTINGS - 1]}…"
        counts = (f"{count:,}" if count else "" for count in (row.parameters, row.macs))
        cells.append((number, f"{row.type} {settings}".rstrip(), " x ".join(map(str, row.output)), *counts))
    cells.append(("", "all", "", f"{sum(row.parameters for row in rows):,}", f"{sum(row.macs for row in rows):,}"))
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    sides = ">", "<", "<", ">", ">"
    return "\n".join(
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(line, sides, widths, strict=True)).rstrip()
        for line in cells
    )


def _macs(plan: Plan) -> int:
    """Multiply-adds for one image in products with weights: each weight is used once, or at every pixel put out."""
    pixels = prod(plan.output[1:]) if len(plan.output) == 3 else 1
    return sum(part.size * pixels for part in plan.parameters if part.penalised)


def _settings(layer: Layer) -> str:
    """Its fields but what weights start from: every size, and what is not as usual: "filters 4, kernel_size 3"."""
    described: Any = layer
    values = [(field.name, getattr(layer, field.name), field.default) for field in dataclasses.fields(described)]
    written = [each for each in values if not isinstance(each[1], Initializer | None)]
    return ", ".join(
        f"{name} {_text(value)}" for name, value, usual in written if value != usual or name.endswith("size")
    )


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "×".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
