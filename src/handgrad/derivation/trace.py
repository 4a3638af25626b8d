"""What the engine computed in one pass, layer by layer, as plain arrays; and what these arrays are called on paper."""

from collections import Counter
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.equations import Glyph, glyph_of
from handgrad.nn import Network
from handgrad.nn.layout import operations

Array = NDArray[Any]
BETWEEN = "UVHGRE"
SYMBOLS = {"weight": "W", "bias": "b"}


class Passage(NamedTuple):
    """One layer: its batch in and out, the loss's gradients by both, and what it has of its own.

    A gradient that the engine had no use for is None.

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
        outs, douts, saved = _arrays(network, len(images))
        layers = [
            Passage(
                outs[place],
                outs[place + 1],
                douts[place],
                douts[place + 1],
                saved[place],
                _named(network.parameter_slots, place, network.parameters),
                _named(network.parameter_slots, place, network.gradients),
                _named(network.buffer_slots, place, buffers),
                _named(network.buffer_slots, place, network.buffers),
            )
            for place in range(len(network.layers))
        ]
        return Trace(loss, labels, layers)
    finally:
        network.buffers[:], network.gradients[:] = buffers, gradients


def _named(slots: Any, layer: int, vector: Array) -> dict[str, Array]:
    return {slot.part.name: slot.view(vector).copy() for slot in slots if slot.layer == layer}


def _arrays(network: Network, rows: int) -> tuple[list[Any], list[Any], list[Any]]:
    """The batch before and after each layer, the gradients by them, and what each layer saved."""
    program, shapes = network.program(rows), [network.input_shape, *(plan.output for plan in network.plans)]
    outs: list[Any] = [None] * len(shapes)
    douts: list[Any] = [None] * len(shapes)
    saved: list[Any] = [None] * len(network.layers)
    columns = False
    for place, (layer, plan) in enumerate(operations(network.plans, network.input_shape)):
        row = program.table[place]
        if plan is not network.plans[layer]:  # a transposition between two layouts
            columns = plan.layout == "columns"
            continue
        for at, side in ((layer, "x"), (layer + 1, "y")):
            here = slice(row[f"{side}_start"], row[f"{side}_start"] + rows * row[f"{side}_size"])
            outs[at] = _batch(program.activations[here], rows, shapes[at], columns)
            if place > program.first or (side == "y" and place >= program.first):
                douts[at] = _batch(program.dactivations[here], rows, shapes[at], columns)
        size = min(int(row["saved_size"]), rows * int(row["x_size"]))
        kept = program.saved[row["saved_start"] : row["saved_start"] + size]
        saved[layer] = _batch(kept, rows, shapes[layer], columns) if size == rows * row["x_size"] else None
    silent = [place for place, plan in enumerate(network.plans) if plan.kernels is None]
    for arrays in (outs, douts):
        _carry(arrays, shapes, silent)
    return outs, douts, saved


def _batch(flat: Array, rows: int, shape: tuple[int, ...], columns: bool) -> Array:
    images = flat.reshape(-1, rows).T if columns else flat
    return np.array(images).reshape(rows, *shape)


def _carry(arrays: list[Any], shapes: list[tuple[int, ...]], silent: list[int]) -> None:
    """Across layers that compute nothing, numbers are the same in another shape."""
    for place in silent:
        if arrays[place + 1] is None and arrays[place] is not None:
            arrays[place + 1] = arrays[place].reshape(-1, *shapes[place + 1])
    for place in reversed(silent):
        if arrays[place] is None and arrays[place + 1] is not None:
            arrays[place] = arrays[place + 1].reshape(-1, *shapes[place])


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
