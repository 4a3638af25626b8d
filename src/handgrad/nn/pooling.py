"""Pooling layers."""

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from handgrad.kernels import pooling as kernels
from handgrad.nn.images import Extent, image_shape, pair, settle_extents, windows
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
            layout="columns",
        )


@dataclass(frozen=True)
class MaxPool2D(Pool2D):
    """The largest number of each window; its gradient goes to the first of equal ones."""

    kernels = kernels.max_pool_forward, kernels.max_pool_backward
    places = True


@dataclass(frozen=True)
class AveragePool2D(Pool2D):
    """The mean of each window."""

    kernels = kernels.average_pool_forward, kernels.average_pool_backward


@dataclass(frozen=True)
class GlobalAveragePool(Layer):
    """The mean of each channel: a vector, whatever the size of the images."""

    def plan(self, shape: Shape) -> Plan:
        """(channels, height, width) becomes (channels,)."""
        channels, height, width = image_shape(shape, "a pool")
        sizes = (channels, height, width, height, width, height, width, 1, 1)
        pool = kernels.average_pool_forward, kernels.average_pool_backward
        return Plan((channels,), pool, sizes=sizes, layout="columns")
