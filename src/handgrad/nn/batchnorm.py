"""Batch normalisation of a vector's features."""

from dataclasses import dataclass

from handgrad.checks import bounded, check_bounds
from handgrad.errors import UsageError
from handgrad.kernels.batchnorm import batchnorm_backward, batchnorm_forward
from handgrad.nn.initializers import Ones, Zeros
from handgrad.nn.layer import Buffer, Layer, Parameter, Plan, Shape


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Normalises each feature over the batch in training, by running statistics in evaluation; then gamma, beta.

    `momentum` is the share of the new batch in the running statistics, as in PyTorch (Keras' is one minus it).
    """

    momentum: float = bounded(0.1, "(0, 1]")
    epsilon: float = bounded(1e-5, "(0, inf)")

    def __post_init__(self) -> None:
        check_bounds(self)

    def plan(self, shape: Shape) -> Plan:
        """gamma starts at one, beta at zero; neither is penalised."""
        if len(shape) != 1:
            raise UsageError(
                f"batch normalisation takes vectors (features,), got inputs of shape {shape}: put flatten before it"
            )
        (features,) = shape
        parameters = Parameter("gamma", shape, Ones()), Parameter("beta", shape, Zeros())
        buffers = Buffer("running_mean", shape, 0.0), Buffer("running_variance", shape, 1.0)
        kernels = batchnorm_forward, batchnorm_backward
        settings = (self.momentum, self.epsilon)
        return Plan(shape, kernels, parameters, buffers, (features,), settings, saved=2 * features + 1)
