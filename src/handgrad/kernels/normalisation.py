"""Normalisation by statistics over features, for each image or each pixel by itself; batches in columns.

`shape` (groups, features of a group, how many features one gamma and beta are for); settings (epsilon,)
Layout  x is (groups, features, I): what is normalised together is one column of I, an image, or a pixel of an image
Forward     (1) mean = sum_k x / K;  (2) variance = sum_k (x - mean)^2 / K;  (3) inverse = 1 / sqrt(variance + epsilon)
            (4) y = gamma x^ + beta, x^ = (x - mean) inverse
Backward    (5) dbeta = sum_i dy;  (6) dgamma = sum_i dy x^;  (7) with dx^ = dy gamma:
            dx = inverse (dx^ - sum_k dx^ / K - x^ sum_k dx^ x^ / K)
saved   for each column its mean, then for each its inverse, from which the backward pass has x^ again
"""

import numpy as np

from handgrad.kernels.compile import fast_kernel


@fast_kernel
def featurenorm_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and biased variance over the features of a group.

    Shapes  x, y (G, K, I); gamma, beta (G K / shared,); saved (2, G, I)
    """
    groups, size, shared = shape[0], shape[1], shape[2]
    each = x.size // (groups * size)
    one, count, half = x.dtype.type(1), x.dtype.type(size), groups * size // shared
    means, inverses = saved[: groups * each], saved[groups * each : 2 * groups * each]
    for g in range(groups):
        mean, inverse = means[g * each : (g + 1) * each], inverses[g * each : (g + 1) * each]
        mean[:] = 0
        inverse[:] = 0
        for k in range(g * size, (g + 1) * size):
            for i in range(each):
                mean[i] += x[k * each + i]  # (1)
        for i in range(each):
            mean[i] /= count
        for k in range(g * size, (g + 1) * size):
            for i in range(each):
                inverse[i] += (x[k * each + i] - mean[i]) * (x[k * each + i] - mean[i])  # (2)
        for i in range(each):
            inverse[i] = one / np.sqrt(inverse[i] / count + settings[0])  # (3)
        for k in range(g * size, (g + 1) * size):
            gamma, beta = parameters[k // shared], parameters[half + k // shared]
            for i in range(each):
                y[k * each + i] = gamma * ((x[k * each + i] - mean[i]) * inverse[i]) + beta  # (4)


@fast_kernel
def featurenorm_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """(5), (6) and (7) above."""
    groups, size, shared = shape[0], shape[1], shape[2]
    each = dy.size // (groups * size)
    count, half, zero = x.dtype.type(size), groups * size // shared, x.dtype.type(0)
    means, inverses = saved[: groups * each], saved[groups * each : 2 * groups * each]
    total, along = np.empty(each, x.dtype), np.empty(each, x.dtype)
    dparameters[:] = 0
    for g in range(groups):
        mean, inverse = means[g * each : (g + 1) * each], inverses[g * each : (g + 1) * each]
        total[:] = 0
        along[:] = 0
        for k in range(g * size, (g + 1) * size):
            gamma, dgamma, dbeta = parameters[k // shared], zero, zero
            for i in range(each):
                normalised = (x[k * each + i] - mean[i]) * inverse[i]
                dbeta += dy[k * each + i]  # (5)
                dgamma += dy[k * each + i] * normalised  # (6)
                total[i] += gamma * dy[k * each + i]
                along[i] += gamma * dy[k * each + i] * normalised
            dparameters[k // shared] += dgamma
            dparameters[half + k // shared] += dbeta
        if dx.size:
            for k in range(g * size, (g + 1) * size):
                gamma = parameters[k // shared]
                for i in range(each):  # (7)
                    normalised = (x[k * each + i] - mean[i]) * inverse[i]
                    dx[k * each + i] = inverse[i] * (
                        gamma * dy[k * each + i] - total[i] / count - normalised * along[i] / count
                    )
