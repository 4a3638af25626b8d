"""A network as a list of layers with shapes and parameter counts."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from handgrad.figures.run_data import RunData
from handgrad.figures.table import Table
from handgrad.nn import Initializer, Layer, Network
from handgrad.nn.layer import Shape


class Row(NamedTuple):
    """One layer, numbered from 0 as in the names of its parameters; the input has no number."""

    number: int | None
    kind: str
    settings: str
    output: Shape
    parameters: int

    @property
    def size(self) -> int:
        """Numbers that it puts out for one image."""
        return int(np.prod(self.output))

    @property
    def shape(self) -> str:
        """As one writes it: 4×28×28."""
        return "×".join(map(str, self.output))


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
        """All layers in one sentence."""
        layers = ", ".join(f"{row.kind} {row.shape}" for row in self.rows)
        return f"Architecture of {self.run}: {layers}; {self.parameters:,} parameters, loss {self.loss}."

    @property
    def table(self) -> Table:
        """A row a layer."""
        columns = ("number", "layer", "settings", "output_shape", "outputs", "parameters")
        rows = ((row.number, row.kind, row.settings, row.shape, row.size, row.parameters) for row in self.rows)
        return Table(columns, rows)


def architecture(data: RunData) -> Architecture:
    """Of the network that the run ended with."""
    return architecture_of(data.network, data.name)


def architecture_of(network: Network, name: str) -> Architecture:
    """Layers, shapes and counts of a network."""
    rows = [Row(None, "input", "", network.input_shape, 0)]
    for number, (layer, plan) in enumerate(zip(network.layers, network.plans, strict=True)):
        count = sum(part.size for part in plan.parameters)
        rows.append(Row(number, type(layer).__name__, _settings(layer), plan.output, count))
    return Architecture(name, tuple(rows), type(network.loss).__name__)


def _settings(layer: Layer) -> str:
    """Its fields but what weights start from: "filters 4, kernel_size 3"."""
    described: Any = layer
    fields = dataclasses.fields(described)
    values = ((field.name, getattr(layer, field.name)) for field in fields)
    shown = (f"{name} {_text(value)}" for name, value in values if not isinstance(value, Initializer | None))
    return ", ".join(shown)


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "×".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
