"""Batch normalisation of a vector's features, or of an image's channels.

In the kernels, `shape` is (features,) or (channels,); parameters gamma, then beta; buffers running mean, then running
variance; settings (momentum, epsilon).
Layout  features in rows (N, D); channels in columns (C, H * W * N), so that each channel is one contiguous plane
Forward     (1) mean = sum_n x / N;  (2) variance = sum_n (x - mean)^2 / N;  (3) inverse = 1 / sqrt(variance + epsilon)
            (4) y = gamma x^ + beta, x^ = (x - mean) inverse
Backward    (5) dbeta = sum_n dy;  (6) dgamma = sum_n dy x^
            (7) dx = gamma inverse (dy - dbeta / N - x^ dgamma / N): the second term is the way through the mean, the
            third the way through the variance
saved   mean, then inverse, as used for this batch: x^ costs one subtraction and one product to compute again, less than
        to read it back. Then one number: 1 / N, of a channel 1 / (H W N); 0 in evaluation, where mean and variance are
        constants and (7) has its first term only
Ref     Ioffe & Szegedy, Batch normalization (2015); conventions of PyTorch's BatchNorm1d and BatchNorm2d
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from handgrad.equations import Statement
from handgrad.errors import UsageError, bounded
from handgrad.kernels.compile import fast_kernel, inline_kernel
from handgrad.kernels.program import share
from handgrad.nn.initializers import Ones, Zeros
from handgrad.nn.layer import COST, Buffer, Layer, Parameter, Plan, Shape
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


@inline_kernel
def batch_statistics(x, mean, variance):
    """Mean and biased variance of each column, the variance from the differences to the mean (no cancellation)."""
    rows, features = x.shape
    mean[:] = 0
    variance[:] = 0
    for n in range(rows):
        for j in range(features):
            mean[j] += x[n, j]
    for j in range(features):
        mean[j] /= x.dtype.type(rows)
    for n in range(rows):
        for j in range(features):
            variance[j] += (x[n, j] - mean[j]) ** 2
    for j in range(features):
        variance[j] /= x.dtype.type(rows)


@fast_kernel
def batchnorm_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta.

    Shapes  x, y (N, D); gamma, beta, mean, variance (D,)
    Math    in training the batch's mean and biased variance, and the running ones move by `momentum` towards the
            mean and the *unbiased* variance (times N / (N - 1)); in evaluation the running ones
    """
    features, one = shape[0], x.dtype.type(1)
    rows = x.size // features
    gamma, beta = parameters[:features], parameters[features:]
    running_mean, running_variance = buffers[:features], buffers[features:]
    mean, inverse = saved[:features], saved[features : 2 * features]
    momentum, epsilon = settings[0], settings[1]
    if training:  # (1) and (2); `inverse` holds the variance until (3)
        batch_statistics(x.reshape((rows, features)), mean, inverse)
        unbias = x.dtype.type(rows / max(rows - 1, 1))
        for j in range(features):
            running_mean[j] += momentum * (mean[j] - running_mean[j])
            running_variance[j] += momentum * (inverse[j] * unbias - running_variance[j])
            inverse[j] = one / np.sqrt(inverse[j] + epsilon)
        saved[2 * features] = one / x.dtype.type(rows)
    else:
        for j in range(features):
            mean[j] = running_mean[j]
            inverse[j] = one / np.sqrt(running_variance[j] + epsilon)
        saved[2 * features] = 0
    for n in range(rows):
        for j in range(features):
            i = n * features + j  # (4)
            y[i] = gamma[j] * ((x[i] - mean[j]) * inverse[j]) + beta[j]


@fast_kernel
def batchnorm_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """(5), (6) and (7) above."""
    features = shape[0]
    rows = dy.size // features
    gamma = parameters[:features]
    dgamma, dbeta = dparameters[:features], dparameters[features:]
    mean, inverse = saved[:features], saved[features : 2 * features]
    dparameters[:] = 0
    for n in range(rows):
        for j in range(features):
            i = n * features + j  # (5) and (6)
            dbeta[j] += dy[i]
            dgamma[j] += dy[i] * ((x[i] - mean[j]) * inverse[j])
    if dx.size:
        each = saved[2 * features]
        for n in range(rows):
            for j in range(features):
                i = n * features + j  # (7)
                normalised = (x[i] - mean[j]) * inverse[j]
                dx[i] = gamma[j] * inverse[j] * (dy[i] - each * (dbeta[j] + normalised * dgamma[j]))


@inline_kernel
def plane_statistics(plane):
    """Mean and biased variance of a channel, the variance from the differences to the mean (no cancellation)."""
    count, mean, variance = plane.dtype.type(plane.size), plane.dtype.type(0), plane.dtype.type(0)
    for k in range(plane.size):
        mean += plane[k]
    mean /= count
    for k in range(plane.size):
        variance += (plane[k] - mean) ** 2
    return mean, variance / count


@fast_kernel
def channelnorm_forward(x, y, parameters, buffers, saved, shape, settings, key, training, part):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, a plane after the other, so that it is in the cache.

    Shapes  x, y (C, H W N); gamma, beta, mean, variance (C,)
    Math    in training the batch's mean and biased variance, and the running ones move by `momentum` towards the
            mean and the *unbiased* variance (times M / (M - 1), M = H W N); in evaluation the running ones
    Part    some channels: none needs what is computed for another one
    """
    channels, one = shape[0], x.dtype.type(1)
    count = x.size // channels
    first, last = share(channels, 1, part[0], part[1])
    momentum, epsilon = settings[0], settings[1]
    unbias = x.dtype.type(count / max(count - 1, 1))
    for c in range(first, last):
        plane, out = x[c * count : (c + 1) * count], y[c * count : (c + 1) * count]
        if training:
            mean, variance = plane_statistics(plane)  # (1) and (2)
            buffers[c] += momentum * (mean - buffers[c])
            buffers[channels + c] += momentum * (variance * unbias - buffers[channels + c])
        else:
            mean, variance = buffers[c], buffers[channels + c]
        inverse = one / np.sqrt(variance + epsilon)  # (3)
        saved[c], saved[channels + c] = mean, inverse
        gamma, beta = parameters[c], parameters[channels + c]
        for k in range(count):  # (4)
            out[k] = gamma * ((plane[k] - mean) * inverse) + beta
    if first == 0:
        saved[2 * channels] = one / x.dtype.type(count) if training else one - one


@fast_kernel
def channelnorm_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings, part):
    """(5), (6) and (7) above, the sums over the batch and all pixels of the channel."""
    channels, each = shape[0], saved[2 * shape[0]]
    count = dy.size // channels
    first, last = share(channels, 1, part[0], part[1])
    for c in range(first, last):
        start, stop = c * count, (c + 1) * count
        plane, gradient, mean, inverse = x[start:stop], dy[start:stop], saved[c], saved[channels + c]
        dgamma, dbeta = dy.dtype.type(0), dy.dtype.type(0)
        for k in range(count):  # (5) and (6)
            dbeta += gradient[k]
            dgamma += gradient[k] * ((plane[k] - mean) * inverse)
        dparameters[c], dparameters[channels + c] = dgamma, dbeta
        if dx.size:
            out, scale = dx[start:stop], parameters[c] * inverse
            dgamma *= each
            dbeta *= each
            for k in range(count):  # (7)
                out[k] = scale * (gradient[k] - (dbeta + (plane[k] - mean) * inverse * dgamma))


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Normalises each feature over the batch in training, by running statistics in evaluation; then gamma, beta.

    Of images (channels, height, width) each channel is one feature, over the batch and all its pixels.
    `momentum` is the share of the new batch in the running statistics, as in PyTorch (Keras' is one minus it).
    """

    aliases = "bn", "batch_normalization", "batch_normalisation"

    momentum: float = bounded(0.1, "(0, 1]")
    epsilon: float = bounded(1e-5, "(0, inf)")

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
            shared=images,
            multiplications=COST * prod(shape),
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
