"""Batch normalisation of the channels of images, each over the batch and all its pixels.  `shape` (channels,).

Layout  columns: (channels, height, width, N), so that each channel is one contiguous plane
Parameters, buffers, settings, what is saved and the formulas are those of `kernels.batchnorm`.
Ref     Ioffe & Szegedy, Batch normalization (2015), section 3.2; conventions of PyTorch's BatchNorm2d
"""

import numpy as np

from handgrad.kernels.compile import fast_kernel, inline_kernel


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
def channelnorm_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, a plane after the other, so that it is in the cache.

    Shapes  x, y (C, H W N); gamma, beta, mean, variance (C,)
    Math    in training the batch's mean and biased variance, and the running ones move by `momentum` towards the
            mean and the *unbiased* variance (times M / (M - 1), M = H W N); in evaluation the running ones
    """
    channels, one = shape[0], x.dtype.type(1)
    count = x.size // channels
    momentum, epsilon = settings[0], settings[1]
    unbias = x.dtype.type(count / max(count - 1, 1))
    for c in range(channels):
        plane, out = x[c * count : (c + 1) * count], y[c * count : (c + 1) * count]
        if training:
            mean, variance = plane_statistics(plane)
            buffers[c] += momentum * (mean - buffers[c])
            buffers[channels + c] += momentum * (variance * unbias - buffers[channels + c])
        else:
            mean, variance = buffers[c], buffers[channels + c]
        inverse = one / np.sqrt(variance + epsilon)
        saved[c], saved[channels + c] = mean, inverse
        gamma, beta = parameters[c], parameters[channels + c]
        for k in range(count):
            out[k] = gamma * ((plane[k] - mean) * inverse) + beta
    saved[2 * channels] = one / x.dtype.type(count) if training else one - one


@fast_kernel
def channelnorm_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """Gradients through the statistics too where they are the batch's own, x^ = (x - mean) inverse.

    Math    dbeta = sum dy;  dgamma = sum dy x^, over the batch and all pixels of the channel
            dx = gamma inverse (dy - dbeta / M - x^ dgamma / M); in evaluation without the last two terms
    """
    channels, share = shape[0], saved[2 * shape[0]]
    count = dy.size // channels
    for c in range(channels):
        start, stop = c * count, (c + 1) * count
        plane, gradient, mean, inverse = x[start:stop], dy[start:stop], saved[c], saved[channels + c]
        dgamma, dbeta = dy.dtype.type(0), dy.dtype.type(0)
        for k in range(count):
            dbeta += gradient[k]
            dgamma += gradient[k] * ((plane[k] - mean) * inverse)
        dparameters[c], dparameters[channels + c] = dgamma, dbeta
        if dx.size:
            out, scale = dx[start:stop], parameters[c] * inverse
            dgamma *= share
            dbeta *= share
            for k in range(count):
                out[k] = scale * (gradient[k] - (dbeta + (plane[k] - mean) * inverse * dgamma))
