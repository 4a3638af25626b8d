"""Layer normalisation: each image by itself, over all its numbers.

In the kernels, `shape` is (size,); parameters gamma, then beta; settings (epsilon,).
saved   for each image its mean and 1 / sqrt(variance + epsilon), from which the backward pass has x^ again
Ref     Ba, Kiros & Hinton, Layer normalization (2016), arXiv 1607.06450
"""

from dataclasses import dataclass, field
from math import prod

import numpy as np

from handgrad.equations import Statement
from handgrad.errors import UsageError, bounded
from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.normalisation import featurenorm_backward, featurenorm_forward
from handgrad.nn.images import image_shape, with_channel
from handgrad.nn.initializers import Ones, Zeros
from handgrad.nn.layer import Layer, Parameter, Plan, Shape
from handgrad.torch_mapping import TorchModule

OVER = ("all", "channels")
# AT are the indices of one number of image n without n itself, ALL the same as those of a sum, M their count.
FORWARD = """
    mu[n] = 1/M * sum(X[n,AT], ALL)
    v[n] = 1/M * sum((X[n,AT] - mu[n])^2, ALL)
    Xhat[n,AT] = (X[n,AT] - mu[n]) / sqrt(v[n] + epsilon)
    Y[n,AT] = gamma[AT] * Xhat[n,AT] + beta[AT]
"""
BACKWARD = """
    dbeta[AT] = sum(dY[n,AT] * d(Y[n,AT], beta[AT]), n) = sum(dY[n,AT], n)
    dgamma[AT] = sum(dY[n,AT] * d(Y[n,AT], gamma[AT]), n) = sum(dY[n,AT] * Xhat[n,AT], n)
    dXhat[n,AT] = dY[n,AT] * d(Y[n,AT], Xhat[n,AT]) = dY[n,AT] * gamma[AT]
    dv[n] = sum(dXhat[n,AT] * d(Xhat[n,AT], v[n]), ALL)
        = -1/2 * (v[n] + epsilon)^(-3/2) * sum(dXhat[n,AT] * (X[n,AT] - mu[n]), ALL)
    dmu[n] = -1 / sqrt(v[n] + epsilon) * sum(dXhat[n,AT], ALL)  # v depends on μ too, but the differences sum to 0
    dX[n,AT] = 1 / sqrt(v[n] + epsilon) * dXhat[n,AT] + 2/M * (X[n,AT] - mu[n]) * dv[n] + 1/M * dmu[n]
"""


@fast_kernel
def layernorm_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and biased variance over the numbers of one image.

    Shapes  x, y (N, D); gamma, beta (D,); saved (N, 2)
    """
    size, epsilon = shape[0], settings[0]
    one, count = x.dtype.type(1), x.dtype.type(size)
    gamma, beta = parameters[:size], parameters[size:]
    for n in range(x.size // size):
        image, out = x[n * size : (n + 1) * size], y[n * size : (n + 1) * size]
        mean = x.dtype.type(0)
        for j in range(size):
            mean += image[j]
        mean /= count
        variance = x.dtype.type(0)
        for j in range(size):
            variance += (image[j] - mean) * (image[j] - mean)
        inverse = one / np.sqrt(variance / count + epsilon)
        for j in range(size):
            out[j] = gamma[j] * ((image[j] - mean) * inverse) + beta[j]
        saved[2 * n], saved[2 * n + 1] = mean, inverse


@fast_kernel
def layernorm_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """Gradients through the statistics too, x^ = (x - mean) inverse.

    Math    dbeta = sum_n dy;  dgamma = sum_n dy x^;  dx^ = dy gamma
            dx = inverse (dx^ - sum_j dx^ / D - x^ sum_j dx^ x^ / D)
    """
    size = shape[0]
    count = x.dtype.type(size)
    gamma, dgamma, dbeta = parameters[:size], dparameters[:size], dparameters[size:]
    dparameters[:] = 0
    for n in range(dy.size // size):
        first = n * size
        mean, inverse = saved[2 * n], saved[2 * n + 1]
        total = along = x.dtype.type(0)
        for j in range(size):
            normalised = (x[first + j] - mean) * inverse
            dbeta[j] += dy[first + j]
            dgamma[j] += dy[first + j] * normalised
            total += dy[first + j] * gamma[j]
            along += dy[first + j] * gamma[j] * normalised
        if dx.size:
            for j in range(size):
                normalised = (x[first + j] - mean) * inverse
                dx[first + j] = inverse * (dy[first + j] * gamma[j] - total / count - normalised * along / count)


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Normalises the numbers of each image by their own mean and variance, then gamma and beta for each place.

    The same in training and evaluation, whatever the batch; of images (channels, height, width) over all three, or each
    pixel by itself over its channels, with a gamma and beta for each channel.
    """

    aliases = "ln", "layer_normalization", "layer_normalisation"

    epsilon: float = bounded(1e-5, "(0, inf)")
    over: str = field(default="all", metadata={"choices": OVER})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.over not in OVER:
            raise UsageError(f"over must be one of {', '.join(OVER)}, got {self.over!r} (--layers)")

    def plan(self, shape: Shape) -> Plan:
        """gamma starts at one, beta at zero; neither is penalised."""
        if self.over == "channels":
            image = image_shape(shape, "layer normalisation over channels")
            return Plan(
                image,
                (featurenorm_forward, featurenorm_backward),
                (Parameter("gamma", image[:1], Ones()), Parameter("beta", image[:1], Zeros())),
                sizes=(1, image[0], 1),
                settings=(self.epsilon,),
                saved_per_image=2 * prod(image[1:]),
                smooth=True,
                layout="columns",
            )
        return Plan(
            shape,
            (layernorm_forward, layernorm_backward),
            (Parameter("gamma", shape, Ones()), Parameter("beta", shape, Zeros())),
            sizes=(prod(shape),),
            settings=(self.epsilon,),
            saved_per_image=2,
            smooth=True,
        )

    def statement(self, shape: Shape) -> Statement:
        """The sums run over the numbers of one image, or over the channels of one of its pixels."""
        values = {"epsilon": self.epsilon}
        if self.over == "channels":
            image = image_shape(shape, "layer normalisation over channels")
            pixel = {"[n]": "[n,h,w]", "gamma[AT]": "gamma[c]", "beta[AT]": "beta[c]", ", n)": ", n, h, w)"}
            pixel |= {"AT": "c,h,w", "ALL": "c", "M": str(image[0])}
            forward, backward = FORWARD, BACKWARD
            for written, meant in pixel.items():
                forward, backward = forward.replace(written, meant), backward.replace(written, meant)
            return Statement(forward, backward, values, input=image)
        indices = ",".join(("j",) if len(shape) == 1 else ("c", "h", "w")[-len(shape) :])
        forward, backward = (
            text.replace("AT", indices).replace("ALL", indices).replace("M", str(prod(shape)))
            for text in (FORWARD, BACKWARD)
        )
        return Statement(forward, backward, values)

    def torch_modules(self, shape: Shape) -> list[TorchModule]:
        """Its namesake, over the last axes: all but the batch's, or the channels, brought there and back."""
        names = {"gamma": "weight", "beta": "bias"}
        if self.over == "channels":
            channels, *_ = image_shape(shape, "layer normalisation over channels")
            there, back = ({"dims": dims} for dims in ((0, 2, 3, 1), (0, 3, 1, 2)))
            own = TorchModule("torch.nn.LayerNorm", {"normalized_shape": (channels,), "eps": self.epsilon}, names)
            return with_channel(shape, TorchModule("torch.permute", there), own, TorchModule("torch.permute", back))
        arguments = {"normalized_shape": shape, "eps": self.epsilon}
        return [TorchModule("torch.nn.LayerNorm", arguments, names)]
