"""Pooling layers."""

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from handgrad.equations import Statement
from handgrad.kernels import pooling as kernels
from handgrad.nn.images import Extent, image_shape, moved, pair, settle_extents, windows
from handgrad.nn.layer import Layer, Plan, Shape


@dataclass(frozen=True)
class Pool2D(Layer):
    """One number for each window of `size`, `stride` apart (None: as far as they are large); a subclass says which.

    What no whole window covers, below and to the right, is left out, as PyTorch does.
    """

    kernels: ClassVar[tuple[Any, Any]]
    places: ClassVar[bool] = False

    size: Extent = 2
    stride: Extent | None = None

    def __post_init__(self) -> None:
        settle_extents(self, "size")
        if self.stride is not None:
            settle_extents(self, "stride")

    def plan(self, shape: Shape) -> Plan:
        """(channels, height, width) to (channels, rows, columns) of windows."""
        channels, *sizes = image_shape(shape, "a pool")
        stride = self.size if self.stride is None else self.stride
        counts = windows((sizes[0], sizes[1]), self.size, stride, "a pool")
        output = (channels, *counts)
        return Plan(
            output,
            self.kernels,
            sizes=(channels, *sizes, *pair(self.size), *pair(stride), *counts),
            saved_per_image=prod(output) if self.places else 0,
            saves_choices=self.places,
            smooth=True,
            layout="columns",
        )

    def _indices(self) -> tuple[str, str, str]:
        """As text: a number in the window of (i, j), the indices in a window, the place that (h, w) has in it."""
        (tall, wide), (down, right) = pair(self.size), pair(self.size if self.stride is None else self.stride)
        pixel = f"X[n,c,{moved('i', down, 'u')},{moved('j', right, 'v')}]"
        place = f"{moved('h', 1, '', 0, 'i', down)}, {moved('w', 1, '', 0, 'j', right)}"
        return pixel, f"u < {tall}, v < {wide}", place


@dataclass(frozen=True)
class MaxPool2D(Pool2D):
    """The largest number of each window; its gradient goes to the first of equal ones."""

    kernels = kernels.max_pool_forward, kernels.max_pool_backward
    places = True

    def statement(self, shape: Shape) -> Statement:
        """M tells for each window which of its numbers, counted row by row, is the first of the largest."""
        pixel, window, place = self._indices()
        number = moved("p", pair(self.size)[1], "q")
        _, rows, columns = self.plan(shape).output
        marked = f"M[n,c,i < {rows},j < {columns},{window.replace('u', 'p').replace('v', 'q')}]"
        return Statement(
            f"Y[n,c,i,j] = largest({pixel}, {window})",
            f"""
                {marked} = ({number} == argmax({pixel}, {window}))  # counted row by row; of equal ones the first
                dX[n,c,h,w] = sum(dY[n,c,i,j] * d(Y[n,c,i,j], X[n,c,h,w]), i, j)
                    = sum(dY[n,c,i,j] * M[n,c,i,j,{place}], i, j)
            """,
            input=image_shape(shape, "a pool"),
        )


@dataclass(frozen=True)
class AveragePool2D(Pool2D):
    """The mean of each window."""

    kernels = kernels.average_pool_forward, kernels.average_pool_backward

    def statement(self, shape: Shape) -> Statement:
        """Every number of a window has the same share."""
        pixel, window, place = self._indices()
        (tall, wide), (row, column) = pair(self.size), place.split(", ")
        inside = f"(0 <= {row} < {tall}) * (0 <= {column} < {wide})"
        return Statement(
            f"Y[n,c,i,j] = 1/{tall * wide} * sum({pixel}, {window})",
            f"dX[n,c,h,w] = sum(dY[n,c,i,j] * d(Y[n,c,i,j], X[n,c,h,w]), i, j)"
            f" = 1/{tall * wide} * sum(dY[n,c,i,j] * {inside}, i, j)",
            input=image_shape(shape, "a pool"),
        )


@dataclass(frozen=True)
class GlobalAveragePool(Layer):
    """The mean of each channel: a vector, whatever the size of the images."""

    def plan(self, shape: Shape) -> Plan:
        """(channels, height, width) becomes (channels,)."""
        channels, height, width = image_shape(shape, "a pool")
        sizes = (channels, height, width, height, width, height, width, 1, 1)
        pool = kernels.average_pool_forward, kernels.average_pool_backward
        return Plan((channels,), pool, sizes=sizes, smooth=True, layout="columns")

    def statement(self, shape: Shape) -> Statement:
        """A pool whose one window is the image."""
        image = image_shape(shape, "a pool")
        share = f"1/{image[1] * image[2]}"
        return Statement(f"Y[n,c] = {share} * sum(X[n,c,h,w], h, w)", f"dX[n,c,h,w] = {share} * dY[n,c]", input=image)
