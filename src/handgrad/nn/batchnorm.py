"""Batch normalisation of a vector's features, or of an image's channels."""

from dataclasses import dataclass

from handgrad.checks import bounded, check_bounds
from handgrad.errors import UsageError
from handgrad.kernels.batchnorm import batchnorm_backward, batchnorm_forward
from handgrad.kernels.channelnorm import channelnorm_backward, channelnorm_forward
from handgrad.nn.initializers import Ones, Zeros
from handgrad.nn.layer import Buffer, Layer, Parameter, Plan, Shape


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Normalises each feature over the batch in training, by running statistics in evaluation; then gamma, beta.

    Of images (channels, height, width) each channel is one feature, over the batch and all its pixels.
    `momentum` is the share of the new batch in the running statistics, as in PyTorch (Keras' is one minus it).
    """

    momentum: float = bounded(0.1, "(0, 1]")
    epsilon: float = bounded(1e-5, "(0, inf)")

    def __post_init__(self) -> None:
        check_bounds(self)

    def plan(self, shape: Shape) -> Plan:
        """gamma starts at one, beta at zero; neither is penalised."""
        if len(shape) not in (1, 3):
            raise UsageError(
                "batch normalisation takes vectors (features,) or images (channels, height, width), "
                f"got inputs of shape {shape}: put flatten before it"
            )
        features, images = shape[0], len(shape) == 3
        parameters = Parameter("gamma", (features,), Ones()), Parameter("beta", (features,), Zeros())
        buffers = Buffer("running_mean", (features,), 0.0), Buffer("running_variance", (features,), 1.0)
        return Plan(
            shape,
            (channelnorm_forward, channelnorm_backward) if images else (batchnorm_forward, batchnorm_backward),
            parameters,
            buffers,
            sizes=(features,),
            settings=(self.momentum, self.epsilon),
            saved=2 * features + 1,
            layout="columns" if images else "rows",
        )
