"""Batch normalisation of a vector's features, or of an image's channels."""

from dataclasses import dataclass
from math import prod

from handgrad.equations import Statement
from handgrad.errors import UsageError, bounded, check_bounds
from handgrad.kernels.batchnorm import batchnorm_backward, batchnorm_forward
from handgrad.kernels.channelnorm import channelnorm_backward, channelnorm_forward
from handgrad.nn.initializers import Ones, Zeros
from handgrad.nn.layer import Buffer, Layer, Parameter, Plan, Shape
from handgrad.torch_mapping import TorchModule

# AT are the indices of one number, ALL those that one feature's statistics are taken over, M the count of these.
FORWARD = """
    mu[j] = 1/M * sum(X[AT], ALL)
    v[j] = 1/M * sum((X[AT] - mu[j])^2, ALL)
    Xhat[AT] = (X[AT] - mu[j]) / sqrt(v[j] + epsilon)
    Y[AT] = gamma[j] * Xhat[AT] + beta[j]
    running_mean[j] = (1 - momentum) * running_mean[j] + momentum * mu[j]
    running_variance[j] = (1 - momentum) * running_variance[j] + momentum * (M / (M - 1)) * v[j]  # the unbiased one
"""
BACKWARD = """
    dbeta[j] = sum(dY[AT] * d(Y[AT], beta[j]), ALL) = sum(dY[AT], ALL)
    dgamma[j] = sum(dY[AT] * d(Y[AT], gamma[j]), ALL) = sum(dY[AT] * Xhat[AT], ALL)
    dXhat[AT] = dY[AT] * d(Y[AT], Xhat[AT]) = dY[AT] * gamma[j]
    dv[j] = sum(dXhat[AT] * d(Xhat[AT], v[j]), ALL)
        = -1/2 * (v[j] + epsilon)^(-3/2) * sum(dXhat[AT] * (X[AT] - mu[j]), ALL)
    dmu[j] = -1 / sqrt(v[j] + epsilon) * sum(dXhat[AT], ALL)  # v depends on μ too, but the differences sum to 0
    dX[AT] = 1 / sqrt(v[j] + epsilon) * dXhat[AT] + 2/M * (X[AT] - mu[j]) * dv[j] + 1/M * dmu[j]
        = gamma[j] / sqrt(v[j] + epsilon) * (dY[AT] - 1/M * dbeta[j] - 1/M * Xhat[AT] * dgamma[j])
"""
EVALUATION = "In evaluation the running mean and variance stand in the place of μ and v, and are constants."


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Normalises each feature over the batch in training, by running statistics in evaluation; then gamma, beta.

    Of images (channels, height, width) each channel is one feature, over the batch and all its pixels.
    `momentum` is the share of the new batch in the running statistics, as in PyTorch (Keras' is one minus it).
    """

    aliases = "bn", "batch_normalization", "batch_normalisation"

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
            smooth=True,
            layout="columns" if images else "rows",
        )

    def statement(self, shape: Shape) -> Statement:
        """The training's equations; of images, sums run over the pixels too."""
        place, axes, count = ("n,j", "n", "N") if len(shape) == 1 else ("n,j,h,w", "n,h,w", f"({prod(shape[1:])}*N)")
        forward, backward = (
            text.replace("AT", place).replace("ALL", axes).replace("M", count) for text in (FORWARD, BACKWARD)
        )
        return Statement(forward, backward, vars(self), remarks=(EVALUATION,))

    def torch_modules(self, shape: Shape) -> list[TorchModule]:
        """One of PyTorch's two, by the shape; its variance is called by a shorter name."""
        arguments = {"num_features": shape[0], "eps": self.epsilon, "momentum": self.momentum}
        names = {"gamma": "weight", "beta": "bias", "running_mean": "running_mean", "running_variance": "running_var"}
        return [TorchModule(f"torch.nn.BatchNorm{'2d' if len(shape) == 3 else '1d'}", arguments, names)]
