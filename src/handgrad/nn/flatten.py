"""From images to vectors."""

from dataclasses import dataclass
from math import prod

from handgrad.equations import Statement
from handgrad.nn.layer import Layer, Plan, Shape


@dataclass(frozen=True)
class Flatten(Layer):
    """Takes an image as one vector, channel by channel and row by row; nothing is computed."""

    passes_through = True
    torch = "Flatten", {}

    def plan(self, shape: Shape) -> Plan:
        """(C, H, W) becomes (C * H * W,)."""
        return Plan((prod(shape),), None, layout=None)

    def statement(self, shape: Shape) -> Statement | None:
        """Which number goes where, for images with up to three axes."""
        if len(shape) == 1:
            return Statement("Y = X", "dX = dY")
        if len(shape) == 2:
            width = shape[1]
            return Statement(f"Y[n,j] = X[n, j // {width}, j % {width}]", f"dX[n,h,w] = dY[n, {width}*h + w]")
        if len(shape) == 3:
            area, width = shape[1] * shape[2], shape[2]
            place = f"j // {area}, j % {area} // {width}, j % {width}"
            return Statement(f"Y[n,j] = X[n, {place}]", f"dX[n,c,h,w] = dY[n, {area}*c + {width}*h + w]")
        return None
