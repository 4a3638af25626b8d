"""Several paths side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from handgrad import kernels
from handgrad.equations import Statement
from handgrad.errors import UsageError
from handgrad.nn.graph import Branch, Split, numbered
from handgrad.nn.layer import Layer, Plan, Shape
from handgrad.torch_mapping import STEP

AXES = {1: "", 2: ",w", 3: ",h,w"}  # after the first, by how many an image has


@dataclass(frozen=True)
class Concat(Layer):
    """Joins the paths since Split: the channels of each, or the features, one after another."""

    aliases = ("concatenate",)
    path, how = "join", "concat"
    torch = STEP, {"step": "how"}

    def plan(self, shape: Shape, *others: Shape) -> Plan:
        """All channels together."""
        shapes = shape, *others
        if any(other[1:] != shape[1:] for other in others):
            raise UsageError(
                f"concat takes paths that differ in their channels only, got {' and '.join(map(str, shapes))}"
            )
        output = (sum(each[0] for each in shapes), *shape[1:])
        columns = len(shape) == 3
        places = [prod(output) // output[0] * start for start in starts(shapes)]
        paths = tuple(
            Plan(
                output,
                (kernels.paths.concat_forward, kernels.paths.concat_backward),
                sizes=(place, prod(each), prod(output), int(columns)),
                smooth=True,
                layout="columns" if columns else "rows",
            )
            for place, each in zip(places, shapes, strict=True)
        )
        return Plan(output, paths[0].kernels, sizes=paths[0].sizes, smooth=True, layout=paths[0].layout, paths=paths)

    def statement(self, shape: Shape, *others: Shape) -> Statement:
        """Outside of an array all is 0, so that of this sum one term counts."""
        axes, terms, gradients = AXES.get(len(shape), ""), [], []
        for path, start in zip(numbered(len(others) + 1), starts((shape, *others)), strict=True):
            terms.append(f"X{path}[n,j - {start}{axes}]")
            derivative = f"d(Y[n,j{axes}], X{path}[n,i{axes}])"
            gradients.append(f"dX{path}[n,i{axes}] = sum(dY[n,j{axes}] * {derivative}, j) = dY[n,i + {start}{axes}]")
        return Statement(f"Y[n,j{axes}] = {' + '.join(terms)}", ";  ".join(gradients))


def starts(shapes: tuple[Shape, ...]) -> list[int]:
    """The first channel of each path among all."""
    return [sum(shape[0] for shape in shapes[:place]) for place in range(len(shapes))]


def concat(*paths: Sequence[Layer]) -> list[Layer]:
    """What each of `paths`, lists of layers, makes of one input, the channels of all one after another."""
    first, *others = paths
    return [Split(), *first, *(each for path in others for each in (Branch(), *path)), Concat()]
