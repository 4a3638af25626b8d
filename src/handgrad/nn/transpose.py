"""Channels and pixels exchanged."""

from dataclasses import dataclass

from handgrad import kernels
from handgrad.equations import Statement
from handgrad.errors import UsageError
from handgrad.nn.images import Extent, image_shape, normalise_extents, pair
from handgrad.nn.layer import Layer, Plan, Shape
from handgrad.torch_mapping import TorchModule


@dataclass(frozen=True)
class Transpose(Layer):
    """Takes pixels as channels and channels as pixels, for layers that mix one of them: (C, H, W) to (H * W, C, 1).

    With `size`, the channels become images of this height and width, as after a first transposition: (H * W, C, 1)
    and size H x W give (C, H, W).
    """

    aliases = ("swap_channels",)

    size: Extent | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            normalise_extents(self, "size")

    def plan(self, shape: Shape) -> Plan:
        """As many numbers in another order."""
        channels, height, width = image_shape(shape, "a transposition")
        rows, columns = (channels, 1) if self.size is None else pair(self.size)
        if rows * columns != channels:
            raise UsageError(
                f"transpose makes images of {rows} x {columns} of channels, "
                f"which needs {rows * columns} of them, got inputs of shape {shape} (--layers)"
            )
        sizes = (channels, height * width)
        return Plan(
            (height * width, rows, columns),
            (kernels.rearrangement.exchange_forward, kernels.rearrangement.exchange_backward),
            sizes=sizes,
            smooth=True,
            layout="columns",
        )

    def statement(self, shape: Shape) -> Statement:
        """Which number goes where."""
        image = image_shape(shape, "a transposition")
        width, across = image[2], 1 if self.size is None else pair(self.size)[1]
        pixel = ("p", "0 * p") if width == 1 else (f"p // {width}", f"p % {width}")
        return Statement(
            f"Y[n,p,i,j] = X[n,{across}*i + j,{pixel[0]},{pixel[1]}]",
            f"dX[n,c,h,w] = dY[n,{width}*h + w,c // {across},c % {across}]",
            input=image,
        )

    def torch_modules(self, shape: Shape) -> list[TorchModule]:
        """Pixels in a row, two axes exchanged, and channels as rows and columns."""
        plan = self.plan(shape)
        return [
            TorchModule("torch.reshape", {"shape": (-1, *plan.sizes)}),
            TorchModule("torch.permute", {"dims": (0, 2, 1)}),
            TorchModule("torch.reshape", {"shape": (-1, *plan.output)}),
        ]
