"""What layers on images share: shapes, sizes given by one number or two, where windows lie, and pooling."""

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from handgrad.errors import UsageError
from handgrad.nn.layer import COST, Layer, Plan, Shape
from handgrad.torch_mapping import TorchModule

Extent = int | tuple[int, int]
"""A height and a width; one number is both."""

LARGEST_EXTENT = 4096


def pair(extent: Extent) -> tuple[int, int]:
    """(height, width)."""
    return (extent, extent) if isinstance(extent, int) else extent


def extent(name: str, value: Any) -> Extent:
    """A height and a width however they were given, equal ones as one number, so that equal layers compare equal.

    Raises  UsageError when they are not one or two whole numbers from 1 on.
    """
    sizes = list(value) if isinstance(value, list | tuple) else [value]
    if len(sizes) not in (1, 2) or not all(type(size) is int and 1 <= size <= LARGEST_EXTENT for size in sizes):
        raise UsageError(f"{name} must be one or two whole numbers of 1 to {LARGEST_EXTENT}, got {value} (--layers)")
    height, width = sizes[0], sizes[-1]
    return height if height == width else (height, width)


def normalise_extents(layer: Any, *names: str) -> None:
    """Put the named fields of a frozen layer into the form of `extent`."""
    for name in names:
        object.__setattr__(layer, name, extent(name, getattr(layer, name)))


def image_shape(shape: Shape, what: str) -> tuple[int, int, int]:
    """(channels, height, width) of images (height, width) or (channels, height, width).

    Raises  UsageError when `shape` is no image's, naming the layer as `what`.
    """
    if len(shape) not in (2, 3):
        raise UsageError(
            f"{what} takes images (height, width) or (channels, height, width), got inputs of shape {shape}"
        )
    channels, height, width = shape if len(shape) == 3 else (1, *shape)
    return channels, height, width


def moved(index: str, step: int, inner: str = "", margin: int = 0, away: str = "", stride: int = 1) -> str:
    """An index in an equation's text: step index + inner - margin - stride away, without what is 0 or 1."""
    terms = [index if step == 1 else f"{step}*{index}"] + ([inner] if inner else [])
    text = " + ".join(terms) + (f" - {margin}" if margin > 0 else f" + {-margin}" if margin else "")
    return text + (f" - {away if stride == 1 else f'{stride}*{away}'}" if away else "")


def windows(sizes: tuple[int, int], window: Extent, stride: Extent, what: str) -> tuple[int, int]:
    """How many windows fit down and across: floor((size - window) / stride) + 1; what is left over is not looked at.

    Raises  UsageError when not even one does.
    """
    height, width = pair(window)
    down, right = pair(stride)
    if height > sizes[0] or width > sizes[1]:
        raise UsageError(
            f"{what} of shape {(height, width)} does not fit into images of shape {sizes}: make it smaller"
        )
    return (sizes[0] - height) // down + 1, (sizes[1] - width) // right + 1


def with_channel(shape: Shape, *modules: TorchModule) -> list[TorchModule]:
    """PyTorch's modules for images (channels, height, width), after one that gives (height, width) its one channel."""
    channel = TorchModule("torch.nn.Unflatten", {"dim": 1, "unflattened_size": (1, shape[0])})
    return [*([channel] if len(shape) == 2 else []), *modules]


@dataclass(frozen=True)
class Pool2D(Layer):
    """One number for each window of `size`, `stride` apart (None: as far as they are large); a subclass says which.

    `module` is its name in torch.nn.

    What no whole window covers, below and to the right, is left out, as PyTorch does.
    """

    kernels: ClassVar[tuple[Any, Any]]
    module: ClassVar[str]
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
            shared=True,
            multiplications=COST * channels * prod(sizes),
        )

    def indices(self) -> tuple[str, str, str]:
        """As text: a number in the window of (i, j), the indices in a window, the place that (h, w) has in it."""
        (height, width), (down, right) = pair(self.size), pair(self.size if self.stride is None else self.stride)
        pixel = f"X[n,c,{moved('i', down, 'u')},{moved('j', right, 'v')}]"
        place = f"{moved('h', 1, '', 0, 'i', down)}, {moved('w', 1, '', 0, 'j', right)}"
        return pixel, f"u < {height}, v < {width}", place

    def torch_modules(self, shape: Shape) -> list[TorchModule]:
        """The one that `module` names."""
        stride = pair(self.size if self.stride is None else self.stride)
        return with_channel(
            shape, TorchModule(f"torch.nn.{self.module}", {"kernel_size": pair(self.size), "stride": stride})
        )
