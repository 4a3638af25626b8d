"""Channels of zeros."""

from dataclasses import dataclass

from handgrad import kernels
from handgrad.equations import Statement
from handgrad.errors import UsageError
from handgrad.nn.images import image_shape, with_channel
from handgrad.nn.layer import Layer, Plan, Shape
from handgrad.torch_mapping import TorchModule


@dataclass(frozen=True)
class PadChannels(Layer):
    """Adds channels of zeros behind an image's own until there are `channels`: a shortcut without parameters.

    Ref     He et al., Deep residual learning for image recognition (2016), section 3.3, option A
    """

    channels: int

    def plan(self, shape: Shape) -> Plan:
        """(channels, height, width) of what comes in, with more channels."""
        channels, height, width = image_shape(shape, "a padding of channels")
        if type(self.channels) is not int or self.channels < channels:
            raise UsageError(
                f"pad_channels needs at least the {channels} channels of inputs of shape {shape}, "
                f"got {self.channels} (--layers)"
            )
        output = (self.channels, height, width)
        pair = kernels.rearrangement.pad_forward, kernels.rearrangement.pad_backward
        return Plan(output, pair, sizes=(channels, self.channels), smooth=True, layout="columns")

    def statement(self, shape: Shape) -> Statement:
        """Outside of X all is zero."""
        return Statement(
            "Y[n,k,h,w] = X[n,k + 0,h,w]",
            "dX[n,c,h,w] = dY[n,c + 0,h,w]",
            input=image_shape(shape, "a padding of channels"),
        )

    def torch_modules(self, shape: Shape) -> list[TorchModule]:
        """PyTorch counts the sides of a padding from the last axis on."""
        more = self.channels - image_shape(shape, "a padding of channels")[0]
        return with_channel(
            shape, TorchModule("torch.nn.ConstantPad3d", {"padding": (0, 0, 0, 0, 0, more), "value": 0.0})
        )
