"""The mean of each channel."""

from dataclasses import dataclass
from math import prod

from handgrad.equations import Statement
from handgrad.kernels.pooling import average_pool_backward, average_pool_forward
from handgrad.nn.images import image_shape, with_channel
from handgrad.nn.layer import COST, Layer, Plan, Shape
from handgrad.torch_mapping import TorchModule


@dataclass(frozen=True)
class GlobalAveragePool(Layer):
    """The mean of each channel: a vector, whatever the size of the images."""

    aliases = "global_avg_pool", "global_average_pooling", "global_average_pooling2d", "gap"

    def plan(self, shape: Shape) -> Plan:
        """(channels, height, width) becomes (channels,)."""
        channels, height, width = image_shape(shape, "a pool")
        sizes = (channels, height, width, height, width, height, width, 1, 1)
        pool = average_pool_forward, average_pool_backward
        return Plan(
            (channels,),
            pool,
            sizes=sizes,
            smooth=True,
            layout="columns",
            shared=True,
            multiplications=COST * prod(image_shape(shape, "a pool")),
        )

    def statement(self, shape: Shape) -> Statement:
        """A pool whose one window is the image."""
        image = image_shape(shape, "a pool")
        share = f"1/{image[1] * image[2]}"
        return Statement(f"Y[n,c] = {share} * sum(X[n,c,h,w], h, w)", f"dX[n,c,h,w] = {share} * dY[n,c]", input=image)

    def torch_modules(self, shape: Shape) -> list[TorchModule]:
        """A pool to one pixel, which is then flattened."""
        return with_channel(
            shape, TorchModule("torch.nn.AdaptiveAvgPool2d", {"output_size": 1}), TorchModule("torch.nn.Flatten")
        )
