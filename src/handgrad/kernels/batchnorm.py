"""Batch normalisation of features.  `shape` (features,); parameters gamma, then beta; buffers running mean, variance.

settings (momentum, epsilon); saved: mean, then 1 / sqrt(variance + epsilon), as used for this batch, then one number:
1 / N where they depend on the batch, 0 in evaluation, where they are constants.
Ref     Ioffe & Szegedy, Batch normalization (2015); conventions of PyTorch's BatchNorm1d
"""

import numpy as np

from handgrad.kernels.compile import fast_kernel, inline_kernel


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
    if training:
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
