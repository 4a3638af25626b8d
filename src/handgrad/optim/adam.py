"""Adam, and AdamW with its decoupled weight decay."""

import math
from dataclasses import dataclass

import numpy as np

from handgrad.checks import bounded
from handgrad.kernels.compile import fast_kernel, strict_kernel
from handgrad.optim.optimizer import Optimizer


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
    beta1, rest1, beta2, rest2 = coefficients[0], coefficients[1], coefficients[2], coefficients[3]
    rate, root, epsilon = coefficients[4], coefficients[5], coefficients[6]
    for i in range(w.size):
        m[i] = beta1 * m[i] + rest1 * dw[i]
        v[i] = beta2 * v[i] + rest2 * dw[i] * dw[i]
        w[i] -= rate * m[i] / (np.sqrt(v[i]) * root + epsilon)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Momentum over the root of a running mean square, both corrected for starting at zero."""

    prepare, update, vectors = adam_prepare, adam_update, 2
    rule = (
        "m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g^2\n"
        "w = w - learning_rate * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)"
    )
    reference = "Kingma & Ba, Adam: a method for stochastic optimization, ICLR 2015, algorithm 1"
    elsewhere = (
        "PyTorch: the same. Keras adds epsilon to sqrt(v) before the correction, which makes it larger in the first "
        "steps, and its default is 1e-07."
    )

    beta1: float = bounded(0.9, "[0, 1)")
    beta2: float = bounded(0.999, "[0, 1)")
    epsilon: float = bounded(1e-8, "[0, inf)")


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam whose weight decay shrinks the weights directly instead of entering the moments."""

    decoupled = True
    reference = "Loshchilov & Hutter, Decoupled weight decay regularization, ICLR 2019, algorithm 2"
    elsewhere = "PyTorch: the same, but its weight_decay is 0.01 unless set (here 0) and applies to biases too."
