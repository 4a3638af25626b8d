"""What Adam and its relatives share: running means of the gradient and of its square, corrected for starting at 0."""

import math

import numpy as np

from handgrad.kernels.compile import fast_kernel, strict_kernel


@strict_kernel
def adam_prepare(coefficients, memory, hyper, step, learning_rate, loss):
    """Both bias corrections, once a step: (beta1, 1 - beta1, beta2, 1 - beta2, rate / c1, 1 / sqrt(c2), epsilon)."""
    beta1, beta2, epsilon = hyper
    coefficients[0], coefficients[1] = beta1, 1 - beta1
    coefficients[2], coefficients[3] = beta2, 1 - beta2
    coefficients[4] = learning_rate / (1 - beta1**step)
    coefficients[5] = 1 / math.sqrt(1 - beta2**step)
    coefficients[6] = epsilon


@fast_kernel
def adam_update(w, dw, m, v, _, coefficients):
    """m = beta1 m + (1 - beta1) dw;  v = beta2 v + (1 - beta2) dw^2;  w = w - rate/c1 m / (sqrt(v / c2) + epsilon)."""
    beta1, one_minus_beta1, beta2, one_minus_beta2 = coefficients[0], coefficients[1], coefficients[2], coefficients[3]
    rate, root, epsilon = coefficients[4], coefficients[5], coefficients[6]
    for i in range(w.size):
        m[i] = beta1 * m[i] + one_minus_beta1 * dw[i]
        v[i] = beta2 * v[i] + one_minus_beta2 * dw[i] * dw[i]
        w[i] -= rate * m[i] / (np.sqrt(v[i]) * root + epsilon)
