"""Where everything of a network lies: parameters and buffers in their flat vectors, activations in one arena.

A batch enters and leaves as rows (N, features); where a layer wants columns (features, N), or rows again, an operation
that transposes comes before it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.kernels import transpose
from handgrad.kernels.program import OPERATION, Program, aligned_zeros, kernel_address
from handgrad.nn.layer import Plan, Shape

Array = NDArray[Any]
address_of = cache(kernel_address)  # looking one up takes Numba half a millisecond
LINE = 16  # numbers of float32 in a cache line
SPARSE_UNITS = 6  # units of a first layer times the sparsity of pixels, from where listing the others pays
INTO = {
    "columns": (transpose.to_columns_forward, transpose.to_columns_backward),
    "rows": (transpose.to_rows_forward, transpose.to_rows_backward),
}


@dataclass(frozen=True)
class Slot:
    """One named part of a flat vector, belonging to layer number `layer`."""

    layer: int
    part: Any
    start: int

    @property
    def name(self) -> str:
        """Layer number and name, as in PyTorch's Sequential: "0.weight"."""
        return f"{self.layer}.{self.part.name}"

    @property
    def stop(self) -> int:
        """First element after it."""
        return self.start + int(self.part.size)

    def view(self, vector: Array) -> Array:
        """The part of `vector` that it names, in its own shape."""
        return vector[self.start : self.stop].reshape(self.part.shape)


def slots_of(plans: Sequence[Plan], parts: Callable[[Plan], Sequence[Any]]) -> tuple[Slot, ...]:
    """Lay the `parts` of every plan out one after another."""
    slots: list[Slot] = []
    for layer, plan in enumerate(plans):
        for part in parts(plan):
            slots.append(Slot(layer, part, slots[-1].stop if slots else 0))
    return tuple(slots)


def operations(plans: Sequence[Plan], shape: Shape) -> Iterator[tuple[int, Plan]]:
    """What is computed, in order: each layer's number with its plan, or with a transposition before or after it."""
    here, layer = "rows", 0
    for layer, plan in enumerate(plans):
        if plan.kernels and plan.layout not in (here, None):
            here = plan.layout
            yield layer, Plan(shape, INTO[here], sizes=(prod(shape),), smooth=True, layout=here)
        if plan.kernels:
            yield layer, plan
        shape = plan.output
    if here != "rows":
        yield layer, Plan(shape, INTO["rows"], sizes=(prod(shape),), smooth=True)


def outputs(network: Any, program: Program, rows: int) -> Iterator[Array]:
    """Each layer's output for the `rows` images that `program` saw last: views, right until it sees others.

    Shapes  -> (rows, *plan.output) for each plan, whichever way it lies in memory
    """
    places, here = {}, "rows"
    for operation, (layer, plan) in enumerate(operations(network.plans, network.input_shape)):
        here = plan.layout or here
        if plan is network.plans[layer]:
            places[layer] = operation, here
    first = program.table[0]
    flat = program.activations[first["x_start"] :][: rows * int(first["x_size"])].reshape(rows, -1)
    for layer, plan in enumerate(network.plans):
        if layer in places:
            operation, lies = places[layer]
            start, size = (int(program.table[operation][name]) for name in ("y_start", "y_size"))
            found = program.activations[start : start + rows * size]
            flat = found.reshape(size, rows).T if lies == "columns" else found.reshape(rows, size)
        yield flat.reshape(rows, *plan.output)


def layouts(network: Any) -> tuple[str, ...]:
    """How the output of each layer lies in memory: "rows" (N, features) or "columns" (features, N)."""
    here, found = "rows", []
    for plan in network.plans:
        here = (plan.layout or here) if plan.kernels else here
        found.append(here)
    return tuple(found)


def assemble(network: Any, rows: int) -> Program:
    """Lay a network out for batches of up to `rows` images; layers that compute nothing get no operation."""
    table, shapes, settings = _table(network, rows)
    real = network.dtype
    last = table[-1]
    arena = int(last["y_start"] + rows * last["y_size"])
    return Program(
        table,
        np.array(shapes, np.int64),
        np.array(settings, real),
        network.parameters,
        network.gradients,
        network.buffers,
        aligned_zeros(arena, real),
        aligned_zeros(arena, real),
        aligned_zeros(int(last["saved_start"] + last["saved_size"]), real),
        int(np.flatnonzero(table["parameter_size"])[0]),
        address_of(network.loss.kernel, "loss", real),
        np.array(network.loss.settings, real),
        np.array(network.class_weights, real),
    )


def _table(network: Any, rows: int) -> tuple[Array, list[int], list[float]]:
    """One row an operation; every start is where the row before it stopped."""
    table: list[dict[str, int]] = []
    shapes: list[int] = []
    settings: list[float] = []
    size, start = prod(network.input_shape), 0
    filled = dict.fromkeys(("parameter", "buffer", "saved"), 0)
    for layer, plan in operations(network.plans, network.input_shape):
        sizes = {
            "parameter": sum(part.size for part in plan.parameters),
            "buffer": sum(part.size for part in plan.buffers),
            "saved": plan.saved + rows * plan.saved_per_image,
        }
        row = {"x_start": start, "x_size": size, "y_start": start + rows * size, "y_size": prod(plan.output)}
        filled["saved"] += -filled["saved"] % LINE
        row |= {f"{name}_start": filled[name] for name in sizes} | {f"{name}_size": sizes[name] for name in sizes}
        row |= {"shape_start": len(shapes), "shape_size": len(plan.sizes), "stream": layer}
        row |= {"setting_start": len(settings), "setting_size": len(plan.settings)}
        pays = not table and network.sparsity * prod(plan.output) > SPARSE_UNITS
        sparse = plan.sparse_kernels if pays else None
        kernels = dict(zip(("forward", "backward"), sparse or plan.kernels or (), strict=True))
        row |= {role: address_of(kernel, role, network.dtype) for role, kernel in kernels.items()}
        table.append(row)
        filled = {name: filled[name] + sizes[name] for name in sizes}
        shapes += plan.sizes
        settings += plan.settings
        start, size = row["y_start"], row["y_size"]
    return np.array([tuple(row[name] for name in OPERATION.names or ()) for row in table], OPERATION), shapes, settings
