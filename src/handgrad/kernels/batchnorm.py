"""Batch normalisation of features, or of an image's channels.  `shape` (features,), or (channels, pixels).

parameters gamma, then beta; buffers running mean, then running variance; settings (momentum, epsilon)
saved: mean, then 1 / sqrt(variance + epsilon), as used for this batch, then one number: 1 / how many numbers each
       was taken over where they depend on the batch, 0 in evaluation, where they are constants.
Ref     Ioffe & Szegedy, Batch normalization (2015); conventions of PyTorch's BatchNorm1d and BatchNorm2d
"""

import numpy as np

from handgrad.kernels.compile import fast_kernel


@fast_kernel
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
def settle(saved, buffers, settings, features, count, training):
    """Turn the variance in `saved` into 1 / sqrt(variance + epsilon) and move the running statistics, in training;
    in evaluation, take both from the running statistics.

    Math    the running ones move by `momentum` towards the mean and the *unbiased* variance (times N / (N - 1))
    """
    one = saved.dtype.type(1)
    running_mean, running_variance = buffers[:features], buffers[features:]
    mean, inverse = saved[:features], saved[features : 2 * features]
    momentum, epsilon = settings[0], settings[1]
    if training:
        unbias = saved.dtype.type(count / max(count - 1, 1))
        for j in range(features):
            running_mean[j] += momentum * (mean[j] - running_mean[j])
            running_variance[j] += momentum * (inverse[j] * unbias - running_variance[j])
            inverse[j] = one / np.sqrt(inverse[j] + epsilon)
        saved[2 * features] = one / saved.dtype.type(count)
    else:
        for j in range(features):
            mean[j] = running_mean[j]
            inverse[j] = one / np.sqrt(running_variance[j] + epsilon)
        saved[2 * features] = 0


@fast_kernel
def batchnorm_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta.

    Shapes  x, y (N, D); gamma, beta, mean, variance (D,)
    Math    in training the batch's mean and biased variance; in evaluation the running ones, see `settle`
    """
    features = shape[0]
    rows = x.size // features
    gamma, beta = parameters[:features], parameters[features:]
    mean, inverse = saved[:features], saved[features : 2 * features]
    if training:
        batch_statistics(x.reshape((rows, features)), mean, inverse)
    settle(saved, buffers, settings, features, rows, training)
    for n in range(rows):
        for j in range(features):
            i = n * features + j
            y[i] = gamma[j] * ((x[i] - mean[j]) * inverse[j]) + beta[j]


@fast_kernel
def batchnorm_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """Gradients through the statistics too where they are the batch's own, x^ = (x - mean) inverse.

    Math    dbeta = sum_n dy;  dgamma = sum_n dy x^
            dx = gamma inverse (dy - dbeta / N - x^ dgamma / N); in evaluation without the last two terms
    """
    features = shape[0]
    rows = dy.size // features
    gamma = parameters[:features]
    dgamma, dbeta = dparameters[:features], dparameters[features:]
    mean, inverse = saved[:features], saved[features : 2 * features]
    dparameters[:] = 0
    for n in range(rows):
        for j in range(features):
            i = n * features + j
            dbeta[j] += dy[i]
            dgamma[j] += dy[i] * ((x[i] - mean[j]) * inverse[j])
    if dx.size:
        share = saved[2 * features]
        for n in range(rows):
            for j in range(features):
                i = n * features + j
                normalised = (x[i] - mean[j]) * inverse[j]
                dx[i] = gamma[j] * inverse[j] * (dy[i] - share * (dbeta[j] + normalised * dgamma[j]))


@fast_kernel
def plane_statistics(plane):
    """Mean and biased variance of a channel, the variance from the differences to the mean."""
    count, mean, variance = plane.dtype.type(plane.size), plane.dtype.type(0), plane.dtype.type(0)
    for k in range(plane.size):
        mean += plane[k]
    mean /= count
    for k in range(plane.size):
        variance += (plane[k] - mean) ** 2
    return mean, variance / count


@fast_kernel
def channelnorm_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """As `batchnorm_forward`, over the batch and all pixels of each channel.

    Shapes  x, y (C, H W N), a channel's plane contiguous; gamma, beta, mean, variance (C,)
    """
    channels = shape[0]
    planes, out = x.reshape((channels, x.size // channels)), y.reshape((channels, x.size // channels))
    gamma, beta = parameters[:channels], parameters[channels:]
    mean, inverse = saved[:channels], saved[channels : 2 * channels]
    if training:
        for c in range(channels):
            mean[c], inverse[c] = plane_statistics(planes[c])
    settle(saved, buffers, settings, channels, planes.shape[1], training)
    for c in range(channels):
        plane, result, middle = planes[c], out[c], mean[c]
        scale, shift = inverse[c], beta[c]
        for k in range(plane.size):
            result[k] = gamma[c] * ((plane[k] - middle) * scale) + shift


@fast_kernel
def channelnorm_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """As `batchnorm_backward`, with sums over the batch and all pixels of each channel."""
    channels = shape[0]
    planes, gradients = x.reshape((channels, x.size // channels)), dy.reshape((channels, x.size // channels))
    zero, share = dy.dtype.type(0), saved[2 * channels]
    for c in range(channels):
        plane, gradient, middle, scale = planes[c], gradients[c], saved[c], saved[channels + c]
        dgamma, dbeta = zero, zero
        for k in range(plane.size):
            dbeta += gradient[k]
            dgamma += gradient[k] * ((plane[k] - middle) * scale)
        dparameters[c], dparameters[channels + c] = dgamma, dbeta
        if dx.size:
            out, factor = dx[c * plane.size : (c + 1) * plane.size], parameters[c] * scale
            dgamma *= share
            dbeta *= share
            for k in range(plane.size):
                out[k] = factor * (gradient[k] - (dbeta + (plane[k] - middle) * scale * dgamma))
