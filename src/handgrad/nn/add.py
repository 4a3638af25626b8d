"""The sum of several paths."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from handgrad import kernels
from handgrad.equations import Statement
from handgrad.errors import UsageError
from handgrad.nn.graph import Branch, Split, numbered
from handgrad.nn.layer import COST, Layer, Plan, Shape
from handgrad.torch_mapping import STEP


@dataclass(frozen=True)
class Add(Layer):
    """Joins the paths since Split: their outputs, all of one shape, are added, as in a residual block."""

    aliases = ("sum",)
    path, how = "join", "add"
    torch = STEP, {"step": "how"}

    def plan(self, shape: Shape, *others: Shape) -> Plan:
        """The shape that all paths have."""
        if any(other != shape for other in others):
            raise UsageError(f"add takes paths of one shape, got {' and '.join(map(str, (shape, *others)))}")
        cost, pair = COST * prod(shape), (kernels.paths.add_forward, kernels.paths.add_backward)
        paths = tuple(
            Plan(shape, pair, sizes=(int(place > 0),), smooth=True, layout=None, multiplications=cost)
            for place in range(len(others) + 1)
        )
        return Plan(shape, paths[0].kernels, sizes=(0,), smooth=True, layout=None, paths=paths)

    def statement(self, shape: Shape, *others: Shape) -> Statement:
        """Each path is given the whole gradient."""
        paths = numbered(len(others) + 1)
        return Statement(
            f"Y = {' + '.join(f'X{path}' for path in paths)}",
            ";  ".join(f"dX{path} = dY * d(Y, X{path}) = dY" for path in paths),
        )


def residual(layers: Sequence[Layer], shortcut: Sequence[Layer] = ()) -> list[Layer]:
    """A residual block (He et al., 2016): what `layers` make of an input, plus what `shortcut` does, or the input."""
    return [Split(), *layers, Branch(), *shortcut, Add()]
