"""What the maximum and the average of windows have in common."""

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from handgrad.nn.images import Extent, image_shape, moved, normalise_extents, pair, windows, with_channel
from handgrad.nn.layer import Layer, Plan, Shape
from handgrad.torch_mapping import TorchModule


@dataclass(frozen=True)
class Pool2D(Layer):
    """One number for each window of `size`, `stride` apart (None: as far as they are large); a subclass says which.

    `torch` is its name in torch.nn.

    What no whole window covers, below and to the right, is left out, as PyTorch does.
    """

    kernels: ClassVar[tuple[Any, Any]]
    torch: ClassVar[str]
    places: ClassVar[bool] = False

    size: Extent = 2
    stride: Extent | None = None

    def __post_init__(self) -> None:
        normalise_extents(self, "size")
        if self.stride is not None:
            normalise_extents(self, "stride")

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

    def indices(self) -> tuple[str, str, str]:
        """As text: a number in the window of (i, j), the indices in a window, the place that (h, w) has in it."""
        (height, width), (down, right) = pair(self.size), pair(self.size if self.stride is None else self.stride)
        pixel = f"X[n,c,{moved('i', down, 'u')},{moved('j', right, 'v')}]"
        place = f"{moved('h', 1, '', 0, 'i', down)}, {moved('w', 1, '', 0, 'j', right)}"
        return pixel, f"u < {height}, v < {width}", place

    def torch_modules(self, shape: Shape) -> list[TorchModule]:
        """The one that `torch` names."""
        stride = pair(self.size if self.stride is None else self.stride)
        return with_channel(
            shape, TorchModule(f"torch.nn.{self.torch}", {"kernel_size": pair(self.size), "stride": stride})
        )
