"""Group normalisation: each image by itself, its channels in groups.

Ref     Wu & He, Group normalization (2018), arXiv 1803.08494
"""

from dataclasses import dataclass
from math import prod

from handgrad.equations import Statement
from handgrad.errors import UsageError, bounded
from handgrad.kernels.normalisation import featurenorm_backward, featurenorm_forward
from handgrad.nn.images import image_shape, with_channel
from handgrad.nn.initializers import Ones, Zeros
from handgrad.nn.layer import Layer, Parameter, Plan, Shape
from handgrad.torch_mapping import TorchModule

# P are the channels of a group, M the numbers of a group in one image.
FORWARD = """
    mu[n,g < G] = 1/M * sum(X[n,P*g + p,h,w], p < P, h, w)
    v[n,g < G] = 1/M * sum((X[n,P*g + p,h,w] - mu[n,g])^2, p < P, h, w)
    Xhat[n,c,h,w] = (X[n,c,h,w] - mu[n,c // P]) / sqrt(v[n,c // P] + epsilon)
    Y[n,c,h,w] = gamma[c] * Xhat[n,c,h,w] + beta[c]
"""
BACKWARD = """
    dbeta[c] = sum(dY[n,c,h,w] * d(Y[n,c,h,w], beta[c]), n, h, w) = sum(dY[n,c,h,w], n, h, w)
    dgamma[c] = sum(dY[n,c,h,w] * d(Y[n,c,h,w], gamma[c]), n, h, w) = sum(dY[n,c,h,w] * Xhat[n,c,h,w], n, h, w)
    dXhat[n,c,h,w] = dY[n,c,h,w] * d(Y[n,c,h,w], Xhat[n,c,h,w]) = dY[n,c,h,w] * gamma[c]
    dv[n,g < G] = -1/2 * (v[n,g] + epsilon)^(-3/2)
        * sum(dXhat[n,P*g + p,h,w] * (X[n,P*g + p,h,w] - mu[n,g]), p < P, h, w)
    dmu[n,g < G] = -1 / sqrt(v[n,g] + epsilon) * sum(dXhat[n,P*g + p,h,w], p < P, h, w)
    dX[n,c,h,w] = 1 / sqrt(v[n,c // P] + epsilon) * dXhat[n,c,h,w]
        + 2/M * (X[n,c,h,w] - mu[n,c // P]) * dv[n,c // P] + 1/M * dmu[n,c // P]
"""


@dataclass(frozen=True)
class GroupNorm(Layer):
    """Normalises each image's channels in `groups` by the mean and variance of the group; then gamma, beta by channel.

    The same in training and evaluation, whatever the batch. One group: all numbers of an image; as many as channels:
    each channel by itself (instance normalisation).
    """

    aliases = ("group_normalization", "group_normalisation")

    groups: int = 1
    epsilon: float = bounded(1e-5, "(0, inf)")

    def __post_init__(self) -> None:
        super().__post_init__()
        if type(self.groups) is not int or self.groups < 1:
            raise UsageError(f"groups must be a whole number from 1 on, got {self.groups} (--layers)")

    def plan(self, shape: Shape) -> Plan:
        """gamma starts at one, beta at zero, one of each a channel; neither is penalised."""
        channels, height, width = image = image_shape(shape, "group normalisation")
        if channels % self.groups:
            raise UsageError(
                f"group normalisation in {self.groups} groups needs channels that {self.groups} divides, "
                f"got {channels} (--layers)"
            )
        area, size = height * width, channels // self.groups * height * width
        return Plan(
            image,
            (featurenorm_forward, featurenorm_backward),
            (Parameter("gamma", (channels,), Ones()), Parameter("beta", (channels,), Zeros())),
            sizes=(self.groups, size, area),
            settings=(self.epsilon,),
            saved_per_image=2 * self.groups,
            smooth=True,
            layout="columns",
        )

    def statement(self, shape: Shape) -> Statement:
        """As layer normalisation, a group at a time."""
        image = image_shape(shape, "group normalisation")
        each, numbers = image[0] // self.groups, prod(image) // self.groups
        forward, backward = (
            text.replace("< G]", f"< {self.groups}]").replace("1/M", f"1/{numbers}").replace("2/M", f"2/{numbers}")
            for text in (FORWARD, BACKWARD)
        )
        by_group = {"P*g": f"{each}*g", "p < P": f"p < {each}", "c // P": f"c // {each}"}
        for written, meant in by_group.items():
            forward, backward = forward.replace(written, meant), backward.replace(written, meant)
        return Statement(forward, backward, {"epsilon": self.epsilon}, input=image)

    def torch_modules(self, shape: Shape) -> list[TorchModule]:
        """Its namesake; images without a channel axis are one channel."""
        channels, *_ = image_shape(shape, "group normalisation")
        arguments = {"num_groups": self.groups, "num_channels": channels, "eps": self.epsilon}
        names = {"gamma": "weight", "beta": "bias"}
        return with_channel(shape, TorchModule("torch.nn.GroupNorm", arguments, names))
