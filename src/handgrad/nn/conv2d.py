"""The convolutional layer."""

from dataclasses import dataclass, field
from math import prod

from handgrad.equations import Statement
from handgrad.errors import UsageError
from handgrad.kernels.convolution import convolution_backward, convolution_forward
from handgrad.nn.images import Extent, image_shape, moved, normalise_extents, pair, windows, with_channel
from handgrad.nn.initializers import Initializer, XavierUniform, Zeros
from handgrad.nn.layer import LARGEST, Layer, Parameter, Plan, Shape
from handgrad.torch_mapping import TorchModule

PADDINGS = ("same", "valid")


@dataclass(frozen=True)
class Conv2D(Layer):
    """`filters` kernels moved over an image, each giving one channel: a cross-correlation, as in PyTorch and Keras.

    padding "valid": windows inside the image only. "same": zeros around it, so that the output has ceil(size / stride)
    pixels, the odd zero below and to the right; for stride 1 this is PyTorch's padding="same", for others TensorFlow's.
    """

    aliases = "conv", "convolution", "convolution2d"

    filters: int
    kernel_size: Extent = 3
    stride: Extent = 1
    padding: str = field(default="same", metadata={"choices": PADDINGS})
    initializer: Initializer = field(default_factory=XavierUniform)

    def __post_init__(self) -> None:
        normalise_extents(self, "kernel_size", "stride")
        if self.padding not in PADDINGS:
            raise UsageError(f"padding must be one of {', '.join(PADDINGS)}, got {self.padding!r} (--layers)")

    def plan(self, shape: Shape) -> Plan:
        """Weights (filters, channels, height, width) from `initializer`, bias (filters,) from zeros."""
        channels, height, width = image_shape(shape, "a convolution")
        kernel, stride = pair(self.kernel_size), pair(self.stride)
        margins = [self._margin(*sizes) for sizes in zip((height, width), kernel, stride, strict=True)]
        padded = height + sum(margins[0]), width + sum(margins[1])
        rows, columns = windows(padded, kernel, stride, "a kernel")
        window = channels * prod(kernel)
        most = LARGEST // max(window, rows * columns)
        if not 1 <= self.filters <= most:
            raise UsageError(
                f"a convolution with kernels of shape {(channels, *kernel)} on inputs of shape {shape} needs "
                f"1 to {most} filters, got {self.filters} (--layers)"
            )
        weight = Parameter(
            "weight", (self.filters, channels, *kernel), self.initializer, window, self.filters * prod(kernel), True
        )
        bias = Parameter("bias", (self.filters,), Zeros())
        reach = [(count - 1) * step + size for count, step, size in zip((rows, columns), stride, kernel, strict=True)]
        return Plan(
            (self.filters, rows, columns),
            (convolution_forward, convolution_backward),
            (weight, bias),
            sizes=(
                channels,
                height,
                width,
                self.filters,
                *kernel,
                *stride,
                margins[0][0],
                margins[1][0],
                rows,
                columns,
            ),
            saved_per_image=channels * prod(reach) if any(map(any, margins)) else 0,
            smooth=True,
            layout="columns",
        )

    def statement(self, shape: Shape) -> Statement:
        """Sums over the pixels that a kernel meets; outside of the image, and of the kernel, all is zero."""
        image = image_shape(shape, "a convolution")
        sizes = zip(image[1:], pair(self.kernel_size), pair(self.stride), strict=True)
        margins = [self._margin(*side)[0] for side in sizes]
        (down, right), (above, left) = pair(self.stride), margins
        pixel = f"X[n,c,{moved('i', down, 'u', above)},{moved('j', right, 'v', left)}]"
        tap = f"W[f,c,{moved('h', 1, '', -above, 'i', down)},{moved('w', 1, '', -left, 'j', right)}]"
        return Statement(
            f"Y[n,f,i,j] = sum(W[f,c,u,v] * {pixel}, c, u, v) + b[f]",
            f"""
                dW[f,c,u,v] = sum(dY[n,f,i,j] * d(Y[n,f,i,j], W[f,c,u,v]), n, i, j)
                    = sum(dY[n,f,i,j] * {pixel}, n, i, j)
                db[f] = sum(dY[n,f,i,j], n, i, j)
                dX[n,c,h,w] = sum(dY[n,f,i,j] * d(Y[n,f,i,j], X[n,c,h,w]), f, i, j)
                    = sum(dY[n,f,i,j] * {tap}, f, i, j)
            """,
            input=image,
        )

    def torch_modules(self, shape: Shape) -> list[TorchModule]:
        """Zeros around the image are a module of their own where two sides differ: PyTorch pads both alike."""
        channels, *sizes = image_shape(shape, "a convolution")
        kernel, stride = pair(self.kernel_size), pair(self.stride)
        margins = [self._margin(*side) for side in zip(sizes, kernel, stride, strict=True)]
        even = all(before == after for before, after in margins)
        arguments = {
            "in_channels": channels,
            "out_channels": self.filters,
            "kernel_size": kernel,
            "stride": stride,
            "padding": (margins[0][0], margins[1][0]) if even else (0, 0),
        }
        around = [] if even else [TorchModule("torch.nn.ZeroPad2d", {"padding": (*margins[1], *margins[0])})]
        names = {"weight": "weight", "bias": "bias"}
        return with_channel(shape, *around, TorchModule("torch.nn.Conv2d", arguments, names))

    def _margin(self, size: int, kernel: int, stride: int) -> tuple[int, int]:
        """Zeros before and after an image's side."""
        if self.padding == "valid":
            return 0, 0
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        return total // 2, total - total // 2
