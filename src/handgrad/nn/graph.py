"""Networks with several paths: where they part, and which layer feeds which.

A network is a list of layers all the same: Split, the layers of the first path, Branch, those of the next, then Add or
Concat. Such a part may stand within a path of another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, NamedTuple

from handgrad import kernels
from handgrad.equations import Statement
from handgrad.errors import UsageError
from handgrad.nn.layer import COST, Layer, Plan, Shape
from handgrad.torch_mapping import STEP

BATCH = -1  # the number of what enters the first layer


@dataclass(frozen=True)
class Split(Layer):
    """Begins the first of several paths; Branch begins each further one, Add or Concat joins them."""

    path = "split"
    torch = STEP, {"step": "path"}
    passes_through = True

    def plan(self, shape: Shape) -> Plan:
        """Same shape out as in."""
        cost, pair = COST * prod(shape), (kernels.paths.path_forward, kernels.paths.path_backward)
        return Plan(shape, pair, sizes=(0,), smooth=True, layout=None, multiplications=cost)

    def statement(self, shape: Shape, *others: Shape) -> Statement:
        """Every path is given the same; what they give back is added."""
        paths = numbered(len(others) + 1)
        gradient = " + ".join(f"dY{path}" for path in paths)
        return Statement(
            ";  ".join(f"Y{path} = X" for path in paths),
            f"dX = {' + '.join(f'dY{path} * d(Y{path}, X)' for path in paths)} = {gradient}",
        )


@dataclass(frozen=True)
class Branch(Split):
    """Ends a path and begins the next one, at the input of Split; with no layer in it, a path is a shortcut."""

    path = "branch"


def numbered(paths: int) -> list[str]:
    """What follows the names of the arrays of each path: X of the first, X2 of the second."""
    return ["", *map(str, range(2, paths + 1))]


class Graph(NamedTuple):
    """Each layer bound to its input, and the numbers of the layers whose outputs it takes; BATCH is the input.

    `branches` has, for each split, the layers that begin its further paths.
    """

    plans: tuple[Plan, ...]
    sources: tuple[tuple[int, ...], ...]
    branches: dict[int, tuple[int, ...]]

    def other_paths(self, number: int) -> tuple[int, ...]:
        """The layers whose outputs a layer has to do with besides its first input's and its own."""
        return self.branches.get(number, self.sources[number][1:])

    def named_paths(self, number: int) -> dict[str, int]:
        """The same by the names that the layer's equations have for them: X2 where paths end, Y2 where they begin."""
        others = self.other_paths(number)
        letter = "Y" if number in self.branches else "X"
        return {f"{letter}{path}": other for path, other in zip(numbered(len(others) + 1)[1:], others, strict=True)}

    def statement(self, layers: Sequence[Layer], number: int, shape: Shape) -> Statement | None:
        """The equations of a layer of the network, on inputs of `shape`."""
        layer: Any = layers[number]
        return layer.statement(shape, *(self.plans[other].output for other in self.other_paths(number)))


class _Open(NamedTuple):
    """A split without an end so far: what came to it, the first layers of its paths, and the last ones."""

    source: int
    begins: list[int]
    ends: list[int]


def graph_of(layers: Sequence[Layer], shape: Shape) -> Graph:
    """Bind every layer to the shape that comes to it.

    Raises  UsageError where a layer does not fit, or paths have no end.
    """
    plans: list[Plan] = []
    sources: list[tuple[int, ...]] = []
    unfinished: list[_Open] = []
    branches: dict[int, tuple[int, ...]] = {}
    for number, layer in enumerate(layers):
        before: tuple[int, ...] = (number - 1,)
        if layer.path in ("branch", "join") and not unfinished:
            raise UsageError(f"layer {number}, {type(layer).__name__}, has no Split before it (--layers)")
        if layer.path == "split":
            unfinished.append(_Open(number - 1, [number], []))
        elif layer.path == "branch":
            unfinished[-1].begins.append(number)
            unfinished[-1].ends.append(number - 1)
            before = (unfinished[-1].source,)
        elif layer.path == "join":
            _, (first, *later), ends = unfinished.pop()
            before = (*ends, number - 1)
            branches[first] = tuple(later)
            for begin in (first, *later)[:-1]:  # the gradient by the last path comes first, and is added to
                plans[begin] = replace(plans[begin], sizes=(1,))
        shapes = [plans[source].output if source >= 0 else tuple(shape) for source in before]
        plans.append(_bound(number, layer, shapes))
        sources.append(before)
    if unfinished:
        raise UsageError(f"layer {unfinished[-1].begins[0]}, Split, has no end: give it Add or Concat (--layers)")
    return Graph(tuple(plans), tuple(sources), branches)


def _bound(number: int, layer: Any, shapes: Sequence[Shape]) -> Plan:
    try:
        plan: Plan = layer.plan(*shapes)
        return plan
    except UsageError as error:
        if layer.path == "join":
            raise UsageError(f"layer {number}, {type(layer).__name__}: {error}") from error
        raise
