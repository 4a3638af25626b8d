"""What the engine computed in one pass, layer by layer, as plain arrays; and what these arrays are called on paper."""

from collections import Counter
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.equations import Glyph, glyph_of
from handgrad.nn import Network
from handgrad.nn.layout import Place, batch_of

Array = NDArray[Any]
BETWEEN = "UVHGRE"
SYMBOLS = {"weight": "W", "bias": "b"}


class Passage(NamedTuple):
    """One layer: its batch in and out, the loss's gradients by both, and what it has of its own.

    A gradient that the engine had no use for is None. `paths` are the batches on further paths that begin or end here,
    and the gradients by them, under the names that the layer's equations have for them: "X2", "dY2".

    Shapes  x, dx (N, *input); y, dy (N, *output); saved flat, in x's order
    """

    x: Array
    y: Array
    dx: Array | None
    dy: Array | None
    saved: Array | None
    parameters: dict[str, Array]
    gradients: dict[str, Array]
    buffers: dict[str, Array]
    buffers_after: dict[str, Array]
    paths: dict[str, Array | None]


class Trace(NamedTuple):
    """One training pass through a network."""

    loss: float
    labels: Array
    layers: list[Passage]


def trace(network: Network, images: Array, labels: Array, key: int = 1) -> Trace:
    """Run one batch forward and backward in training mode, and read every array; the network stays as it was."""
    buffers, gradients = network.buffers.copy(), network.gradients.copy()
    loss = network.loss_and_gradients(images, labels, key=key)
    try:
        return Trace(
            loss, labels, [_passage(network, place, len(images), buffers) for place in range(len(network.layers))]
        )
    finally:
        network.buffers[:], network.gradients[:] = buffers, gradients


def _passage(network: Network, place: int, rows: int, buffers: Array) -> Passage:
    names = {"X": network.graph.sources[place][0], "Y": place, **network.graph.named_paths(place)}
    pairs = {name: _batches(network, layer, rows) for name, layer in names.items()}
    batches = {name: pair[0] for name, pair in pairs.items()} | {f"d{name}": pair[1] for name, pair in pairs.items()}
    if network.layers[place].path == "branch":  # what was split has the sum of several gradients
        batches["dX"] = None
    x, y, dx, dy = (batches.pop(name) for name in ("X", "Y", "dX", "dY"))
    return Passage(
        x,
        y,
        dx,
        dy,
        _saved(network, place, rows),
        _named(network.parameter_slots, place, network.parameters),
        _named(network.parameter_slots, place, network.gradients),
        _named(network.buffer_slots, place, buffers),
        _named(network.buffer_slots, place, network.buffers),
        batches,
    )


def _batches(network: Network, layer: int, rows: int) -> tuple[Any, Any]:
    """What a layer put out, or the images, and the loss's gradient by it."""
    program, wiring = network.program(rows), network.wiring
    end = wiring.ends[layer] if layer >= 0 else Place(0, "rows", network.input_shape)
    starts, dstarts = (
        {0: 0} | dict(zip(wiring.made, program.table[name].tolist(), strict=True)) for name in ("y_start", "dy_start")
    )
    y = np.array(batch_of(program.activations[starts[end.array] :], end, rows))
    return y, np.array(
        batch_of(program.dactivations[dstarts[end.array] :], end, rows)
    ) if end.array in wiring.trained() else None


def _saved(network: Network, layer: int, rows: int) -> Array | None:
    """What a layer's forward pass saved for each number of its input."""
    program = network.program(rows)
    for row, operation in zip(program.table, network.wiring.operations, strict=True):
        if operation.plan is network.plans[layer] and row["saved_size"] >= rows * row["x_size"]:
            return np.array(batch_of(program.saved[row["saved_start"] :], operation.x, rows))
    return None


def _named(slots: Any, layer: int, vector: Array) -> dict[str, Array]:
    return {slot.part.name: slot.view(vector).copy() for slot in slots if slot.layer == layer}


class Names(NamedTuple):
    """Glyphs of the batch before and after each layer, of the loss's gradients by them, and of the parameters."""

    numbers: list[int]
    arrays: list[Glyph]
    gradients: list[Glyph]
    parameters: list[dict[str, Glyph]]


def names_of(network: Network) -> Names:
    """The names for one network, layer by layer."""
    begins = [any(part.penalised for part in plan.parameters) for plan in network.plans]
    numbers = [sum(begins[: place + 1]) for place in range(len(begins))]
    arrays = _named_arrays([0, *numbers], [True, *begins])
    gradients = [replace(g, letter="δ") if g.letter == "Z" else replace(g, gradient=True) for g in arrays]
    return Names(numbers, arrays, gradients, _parameters(network, numbers))


def symbol_of(parameter: str) -> str:
    """The name by which equations call a parameter."""
    return SYMBOLS.get(parameter, parameter)


def _named_arrays(numbers: list[int], begins: list[bool]) -> list[Glyph]:
    glyphs = []
    for place, number in enumerate(numbers):
        members = [other for other, its in enumerate(numbers) if its == number]
        at, last = place - members[0], place == members[-1]
        first = at == 0 and begins[place]
        letter = (
            ("Z" if number else "A" if last else "X") if first else "A" if last else BETWEEN[(at - 1) % len(BETWEEN)]
        )
        below = str((at - 1) // len(BETWEEN) + 1) if not (first or last) and at > len(BETWEEN) else ""
        glyphs.append(Glyph(letter, above=f"({number})" if letter != "X" else "", below=below))
    return glyphs


def _parameters(network: Network, numbers: list[int]) -> list[dict[str, Glyph]]:
    """With the layer's number above; a second one of a name under the same number has a 2 below."""
    taken: Counter[tuple[int, str]] = Counter()
    found: list[dict[str, Glyph]] = []
    for plan, number in zip(network.plans, numbers, strict=True):
        found.append({})
        for part in plan.parameters:
            taken[number, part.name] += 1
            count = taken[number, part.name]
            glyph = replace(glyph_of(part.name), above=f"({number})")
            found[-1][symbol_of(part.name)] = replace(glyph, below=str(count)) if count > 1 else glyph
    return found
