"""Layer normalisation of each image.  `shape` (size,); parameters gamma, then beta; settings (epsilon,).

saved: for each image its mean and 1 / sqrt(variance + epsilon), from which the backward pass has x^ again.
Ref     Ba, Kiros & Hinton, Layer normalization (2016), arXiv 1607.06450
"""

import numpy as np

from handgrad.kernels.compile import fast_kernel


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
