"""Where everything of a network lies: parameters and buffers in their flat vectors, activations in one arena.

A batch enters and leaves as rows (N, features); where a layer wants columns (features, N), or rows again, an operation
that transposes comes before it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad import kernels
from handgrad.kernels.compile import kernel_address
from handgrad.kernels.program import NUMBERS, OPERATION, SHARES, WHOLE, Program, aligned_zeros
from handgrad.nn.graph import Graph
from handgrad.nn.layer import Plan, Shape

Array = NDArray[Any]
address_of = cache(kernel_address)  # looking one up takes Numba half a millisecond
LINE = 16  # numbers of float32 in a cache line
PART_MULTIPLICATIONS = 1 << 20  # of a part of an operation that threads share: some 10 microseconds
SPARSE_UNITS = 6  # units of a first layer times the sparsity of pixels, from where listing the others pays


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


class Place(NamedTuple):
    """Where a batch lies: the number of its array, 0 being the input, which way it lies there, its shape."""

    array: int
    layout: str
    shape: Shape


class Operation(NamedTuple):
    """One call of two kernels: for which layer, from which array to which."""

    layer: int
    plan: Plan
    x: Place
    y: Place


class Wiring:
    """What is computed, in order, with transpositions where layers want another layout; `ends`: each layer's output.

    `same` and `same_gradient` name the arrays that lie in the memory of another one: the beginning of a path is what
    was split, and the gradient by what is added is the gradient by the sum.
    """

    def __init__(self, layers: Sequence[Any], graph: Graph, shape: Shape) -> None:
        self.operations: list[Operation] = []
        self.ends: list[Place] = []
        self.same: dict[int, int] = {}
        self.same_gradient: dict[int, int] = {}
        self.sizes = [prod(shape)]  # of each array, for one image
        batch = Place(0, "rows", shape)
        for number, (layer, plan) in enumerate(zip(layers, graph.plans, strict=True)):
            inputs = [self.ends[source] if source >= 0 else batch for source in graph.sources[number]]
            self.ends.append(self._join(number, plan, inputs) if plan.paths else self._run(number, plan, inputs[0]))
            if layer.path in ("split", "branch"):
                self.same[self.ends[-1].array] = inputs[0].array
        if self.ends and self.ends[-1].layout != "rows":
            self._laid(len(layers) - 1, self.ends[-1], "rows")

    @property
    def made(self) -> list[int]:
        """The array that each operation writes to."""
        return [operation.y.array for operation in self.operations]

    def starts(self, rows: int, same: Mapping[int, int]) -> list[int]:
        """Where each array starts in an arena for `rows` images, and last where the arena ends."""
        own = [0, *accumulate(rows * size for size in self.sizes)]
        return [own[_followed(array, same)] for array in range(len(own))]

    def trained(self) -> set[int]:
        """The arrays that depend on a parameter: gradients by others are not needed."""
        found: set[int] = set()
        for operation in self.operations:
            if operation.plan.parameters or operation.x.array in found:
                found.add(operation.y.array)
        return found

    def _run(self, number: int, plan: Plan, x: Place) -> Place:
        if not plan.kernels:
            return x._replace(shape=plan.output)
        return self._call(number, plan, self._laid(number, x, plan.layout))

    def _join(self, number: int, plan: Plan, inputs: list[Place]) -> Place:
        """One operation a path, all into one array."""
        layout = plan.layout or inputs[0].layout
        laid = [self._laid(number, each, layout) for each in inputs]
        y = self._call(number, plan.paths[0], laid[0])
        for path, x in zip(plan.paths[1:], laid[1:], strict=True):
            self.operations.append(Operation(number, path, x, y))
        if plan.layout is None:
            self.same_gradient |= {each.array: y.array for each in laid}
        return y

    def _laid(self, number: int, x: Place, layout: str | None) -> Place:
        """A batch in the layout that is wanted, transposed where it lies in the other one."""
        if layout in (x.layout, None):
            return x
        other = kernels.rearrangement
        into = {
            "columns": (other.to_columns_forward, other.to_columns_backward),
            "rows": (other.to_rows_forward, other.to_rows_backward),
        }
        return self._call(number, Plan(x.shape, into[layout], sizes=(prod(x.shape),), smooth=True, layout=layout), x)

    def _call(self, number: int, plan: Plan, x: Place) -> Place:
        y = Place(len(self.sizes), plan.layout or x.layout, plan.output)
        self.sizes.append(prod(plan.output))
        self.operations.append(Operation(number, plan, x, y))
        return y


def _followed(array: int, same: Mapping[int, int]) -> int:
    while array in same:
        array = same[array]
    return array


def outputs(network: Any, program: Program, rows: int) -> Iterator[Array]:
    """Each layer's output for the `rows` images that `program` saw last: views, right until it sees others.

    Shapes  -> (rows, *plan.output) for each plan, whichever way it lies in memory
    """
    starts = {0: 0} | dict(zip(network.wiring.made, program.table["y_start"].tolist(), strict=True))
    for end in network.wiring.ends:
        yield batch_of(program.activations[starts[end.array] :], end, rows)


def batch_of(arena: Array, place: Place, rows: int) -> Array:
    """The images with which an arena begins, as a view.  Shapes  -> (rows, *place.shape)"""
    flat = arena[: rows * prod(place.shape)]
    images = flat.reshape(-1, rows).T if place.layout == "columns" else flat.reshape(rows, -1)
    return images.reshape(rows, *place.shape)


def assemble(network: Any, rows: int, threads: int = 1) -> Program:
    """Lay a network out for batches of up to `rows` images; layers that compute nothing get no operation."""
    table, shapes, settings = _table(network, rows, threads)
    real, arena = network.dtype, network.wiring.starts(rows, {})[-1]
    last = table[-1]
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
        kernels.team.team_of(threads),
    )


def worthwhile_threads(network: Any, rows: int) -> int:
    """How many threads pay for batches of so many images: each is to have work for some 50 microseconds a pass."""
    shared = [plan for plan in network.plans if plan.shared]
    return max(1, rows * sum(plan.multiplications for plan in shared) // (4 * PART_MULTIPLICATIONS))


def _table(network: Any, rows: int, threads: int) -> tuple[Array, list[int], list[float]]:
    """One row an operation; every start is where the row before it stopped."""
    table: list[dict[str, int]] = []
    shapes: list[int] = []
    settings: list[float] = []
    wiring, filled = network.wiring, dict.fromkeys(("parameter", "buffer", "saved"), 0)
    starts, dstarts = (wiring.starts(rows, same) for same in (wiring.same, wiring.same_gradient))
    trained = wiring.trained()
    for layer, plan, x, y in wiring.operations:
        sizes = {
            "parameter": sum(part.size for part in plan.parameters),
            "buffer": sum(part.size for part in plan.buffers),
            "saved": plan.saved + rows * plan.saved_per_image,
        }
        size = prod(x.shape)
        row = {"x_start": starts[x.array], "x_size": size, "y_start": starts[y.array], "y_size": prod(y.shape)}
        row |= {"dx_start": dstarts[x.array], "dx_size": size * (x.array in trained), "dy_start": dstarts[y.array]}
        filled["saved"] += -filled["saved"] % LINE
        row |= {f"{name}_start": filled[name] for name in sizes} | {f"{name}_size": sizes[name] for name in sizes}
        row |= {"shape_start": len(shapes), "shape_size": len(plan.sizes), "stream": layer}
        row |= {"setting_start": len(settings), "setting_size": len(plan.settings)}
        pays = not table and network.sparsity * prod(plan.output) > SPARSE_UNITS
        sparse = plan.sparse_kernels if pays else None
        split = SHARES if plan.shared and not sparse else WHOLE
        if threads > 1 and plan.multiplications and not (sparse or plan.shared or plan.layout):
            split = NUMBERS
        for role, kernel in zip(("forward", "backward"), sparse or plan.kernels or (), strict=True):
            row[role] = address_of(kernel, role + "_share" * (split == SHARES), network.dtype)
        parts = max(1, min(rows * plan.multiplications // PART_MULTIPLICATIONS, kernels.team.MANY))
        row |= {"split": split, "parts": parts if split else 1}
        table.append(row)
        filled = {name: filled[name] + sizes[name] for name in sizes}
        shapes += plan.sizes
        settings += plan.settings
    return np.array([tuple(row[name] for name in OPERATION.names or ()) for row in table], OPERATION), shapes, settings
