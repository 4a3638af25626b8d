"""The convolutional layer."""

from dataclasses import dataclass, field
from math import prod
from typing import Any

from handgrad import kernels
from handgrad.equations import Statement
from handgrad.errors import UsageError
from handgrad.nn.images import (
    LARGEST_EXTENT,
    Extent,
    image_shape,
    moved,
    normalise_extents,
    pair,
    windows,
    with_channel,
)
from handgrad.nn.initializers import Initializer, XavierUniform, Zeros
from handgrad.nn.layer import LARGEST, Layer, Parameter, Plan, Shape
from handgrad.torch_mapping import TorchModule

PADDINGS = ("same", "valid")
# From so many filters, and so many of them times taps (channels * kernel height * kernel width) on, of a group, a
# convolution is fastest as a product: below, a register block of 8 filters is partly empty, or called for too little.
# See benchmarks/LOG.md.
FILTERS, WEIGHTS = 8, 128
TILED = 32  # channels, and filters, from which on fewer products in tiles (Winograd) pay for making the tiles
Padding = str | int | tuple[int, int] | tuple[int, int, int, int]
Margins = tuple[tuple[int, int], tuple[int, int]]
"""Zeros above and below an image, and to its left and right."""


@dataclass(frozen=True)
class Conv2D(Layer):
    """`filters` kernels moved over an image, each giving one channel: a cross-correlation, as in PyTorch and Keras.

    padding "valid": windows inside the image only. "same": zeros around it, so that the output has ceil(size / stride)
    pixels, the odd zero below and to the right; for stride 1 this is PyTorch's padding="same", for others TensorFlow's.
    A number: so many zeros on each side; two: above and below, left and right; four: top, bottom, left, right.
    With `groups`, channels and filters are divided into as many parts that do not see each other; as many groups as
    channels is a depthwise convolution. With `dilation` d, a kernel's numbers meet pixels that are d apart.
    """

    aliases = "conv", "convolution", "convolution2d"

    filters: int
    kernel_size: Extent = 3
    stride: Extent = 1
    padding: Padding = "same"
    groups: int = 1
    dilation: Extent = 1
    bias: bool = True
    initializer: Initializer = field(default_factory=XavierUniform)

    def __post_init__(self) -> None:
        normalise_extents(self, "kernel_size", "stride", "dilation")
        object.__setattr__(self, "padding", _padding(self.padding))
        if type(self.groups) is not int or self.groups < 1:
            raise UsageError(f"groups must be a whole number from 1 on, got {self.groups} (--layers)")
        if not isinstance(self.bias, bool):
            raise UsageError(f"bias must be true or false, got {self.bias} (--layers)")

    def plan(self, shape: Shape) -> Plan:
        """Weights (filters, channels / groups, height, width) from `initializer`, bias (filters,) from zeros."""
        channels, height, width = image_shape(shape, "a convolution")
        kernel, stride, groups = pair(self.kernel_size), pair(self.stride), self.groups
        large, margins = self._reach(), self._margins((height, width))
        padded = height + sum(margins[0]), width + sum(margins[1])
        rows, columns = windows(padded, large, stride, "a kernel")
        if channels % groups or self.filters % groups:
            raise UsageError(
                f"a convolution of {groups} groups needs channels and filters that {groups} divides, "
                f"got {channels} channels and {self.filters} filters (--layers)"
            )
        window = channels // groups * prod(kernel)
        most = LARGEST // max(window, rows * columns)
        if not 1 <= self.filters <= most:
            raise UsageError(
                f"a convolution with kernels of shape {(channels, *kernel)} on inputs of shape {shape} needs "
                f"1 to {most} filters, got {self.filters} (--layers)"
            )
        fan_out = self.filters // groups * prod(kernel)
        weight = Parameter(
            "weight", (self.filters, channels // groups, *kernel), self.initializer, window, fan_out, penalised=True
        )
        bias = [Parameter("bias", (self.filters,), Zeros())] if self.bias else []
        reach = [(count - 1) * step + size for count, step, size in zip((rows, columns), stride, large, strict=True)]
        image, each = (channels // groups, height, width), self.filters // groups
        sizes = (*image, each, *large, *stride, margins[0][0], margins[1][0], rows, columns)
        product = each >= FILTERS and each * window >= WEIGHTS
        plain = groups == 1 and large == kernel and self.bias and not product
        tiled = groups == 1 and large == kernel == (3, 3) and stride == (1, 1) and min(channels, each) >= TILED
        return Plan(
            (self.filters, rows, columns),
            _kernels(tiled, product, plain),
            (weight, *bias),
            sizes=sizes if plain else (*sizes, groups, *kernel, *pair(self.dilation), int(self.bias)),
            saved_per_image=channels * prod(reach) if any(map(any, margins)) and not product else 0,
            smooth=True,
            layout="columns",
            shared=product or plain,
            multiplications=window * self.filters * rows * columns,
        )

    def statement(self, shape: Shape) -> Statement:
        """Sums over the pixels that a kernel meets; outside of the image, and of the kernel, all is zero."""
        image = image_shape(shape, "a convolution")
        (down, right), (along, across) = pair(self.stride), pair(self.dilation)
        (above, _), (left, _) = self._margins(image[1:])
        each = image[0] // self.groups
        first = f"{each}*(f // {self.filters // self.groups})" if self.groups > 1 else ""  # channel of f's group
        inner = moved("i", down, moved("u", along), above), moved("j", right, moved("v", across), left)
        pixel = f"X[n,{first + ' + ' if first else ''}c,{','.join(inner)}]"
        places = moved("h", 1, "", -above, "i", down), moved("w", 1, "", -left, "j", right)
        steps = list(zip(places, (along, across), strict=True))
        at = [f"({place}) // {step}" if step > 1 else place for place, step in steps]
        whole = "".join(f" * (({place}) % {step} == 0)" for place, step in steps if step > 1)
        tap = f"W[f,c{f' - {first}' if first else ''},{','.join(at)}]{whole}"
        return Statement(
            f"Y[n,f,i,j] = sum(W[f,c,u,v] * {pixel}, c, u, v){' + b[f]' if self.bias else ''}",
            f"""
                dW[f,c,u,v] = sum(dY[n,f,i,j] * d(Y[n,f,i,j], W[f,c,u,v]), n, i, j)
                    = sum(dY[n,f,i,j] * {pixel}, n, i, j)
                {"db[f] = sum(dY[n,f,i,j], n, i, j)" if self.bias else ""}
                dX[n,c,h,w] = sum(dY[n,f,i,j] * d(Y[n,f,i,j], X[n,c,h,w]), f, i, j)
                    = sum(dY[n,f,i,j] * {tap}, f, i, j)
            """,
            input=image,
        )

    def torch_modules(self, shape: Shape) -> list[TorchModule]:
        """Zeros around the image are a module of their own where two sides differ: PyTorch pads both alike."""
        channels, *sizes = image_shape(shape, "a convolution")
        margins = self._margins((sizes[0], sizes[1]))
        even = all(before == after for before, after in margins)
        arguments: dict[str, Any] = {
            "in_channels": channels,
            "out_channels": self.filters,
            "kernel_size": pair(self.kernel_size),
            "stride": pair(self.stride),
            "padding": (margins[0][0], margins[1][0]) if even else (0, 0),
        }
        unusual = {"groups": (self.groups, 1), "dilation": (pair(self.dilation), (1, 1)), "bias": (self.bias, True)}
        arguments |= {name: value for name, (value, usual) in unusual.items() if value != usual}
        around = [] if even else [TorchModule("torch.nn.ZeroPad2d", {"padding": (*margins[1], *margins[0])})]
        names = {"weight": "weight", "bias": "bias"} if self.bias else {"weight": "weight"}
        return with_channel(shape, *around, TorchModule("torch.nn.Conv2d", arguments, names))

    def _reach(self) -> tuple[int, int]:
        """How far a kernel reaches, its holes included."""
        (height, width), (down, right) = pair(self.kernel_size), pair(self.dilation)
        return (height - 1) * down + 1, (width - 1) * right + 1

    def _margins(self, sizes: tuple[int, int]) -> Margins:
        """Zeros before and after each of an image's two sides.

        Raises  UsageError where a window would see nothing else: no kernel starts or ends outside of all pixels.
        """
        if isinstance(self.padding, str):
            sides = zip(sizes, self._reach(), pair(self.stride), strict=True)
            down, right = (_margin(*side) if self.padding == "same" else (0, 0) for side in sides)
            return down, right
        numbers = (self.padding,) * 4 if isinstance(self.padding, int) else self.padding
        top, bottom, left, right_ = numbers if len(numbers) == 4 else (*numbers[:1] * 2, *numbers[1:] * 2)
        for name, zeros, reach in zip(
            ("height", "width"), (max(top, bottom), max(left, right_)), self._reach(), strict=True
        ):
            if zeros >= reach:
                what = f"padding must be less than the {reach} pixels that a kernel reaches in {name}"
                raise UsageError(f"{what}, got {zeros} (--layers)")
        return (top, bottom), (left, right_)


def _margin(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an image's side for ceil(size / stride) windows."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _padding(value: Any) -> Padding:
    """A padding in its shortest form, so that equal layers compare equal."""
    if isinstance(value, str) and value in PADDINGS:
        return value
    sizes = list(value) if isinstance(value, list | tuple) else [value]
    if len(sizes) not in (1, 2, 4) or not all(type(size) is int and 0 <= size <= LARGEST_EXTENT for size in sizes):
        what = f"padding must be one of {', '.join(PADDINGS)}, or 1, 2 or 4 whole numbers of 0 to {LARGEST_EXTENT}"
        raise UsageError(f"{what}, got {value!r} (--layers)")
    top, bottom, left, right = sizes if len(sizes) == 4 else (*sizes[:1] * 2, *sizes[-1:] * 2)
    if (top, left) != (bottom, right):
        return top, bottom, left, right
    return top if top == left else (top, left)


def _kernels(tiled: bool, product: bool, plain: bool) -> tuple[Any, Any]:
    """Those of products in tiles, of one product, of sums over windows, or of groups of channels."""
    if tiled:
        return kernels.winograd.winograd_forward, kernels.winograd.winograd_backward
    if product:
        return kernels.implicit_gemm.implicit_gemm_forward, kernels.implicit_gemm.implicit_gemm_backward
    if plain:
        return kernels.convolution.convolution_forward, kernels.convolution.convolution_backward
    grouped = kernels.grouped_convolution
    return grouped.grouped_convolution_forward, grouped.grouped_convolution_backward
