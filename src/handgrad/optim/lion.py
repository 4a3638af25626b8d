"""Lion."""

from dataclasses import dataclass

import numpy as np

from handgrad.errors import bounded
from handgrad.kernels.compile import fast_kernel, strict_kernel
from handgrad.optim.optimizer import Optimizer


@strict_kernel
def lion_prepare(coefficients, memory, hyper, step, learning_rate, loss):
    """coefficients (learning_rate, beta1, 1 - beta1, beta2, 1 - beta2), the differences taken in float64."""
    beta1, beta2 = hyper
    coefficients[0], coefficients[1], coefficients[2] = learning_rate, beta1, 1 - beta1
    coefficients[3], coefficients[4] = beta2, 1 - beta2


@fast_kernel
def lion_update(w, dw, m, _, __, coefficients):
    """w = w - learning_rate sign(beta1 m + (1 - beta1) dw);  m = beta2 m + (1 - beta2) dw."""
    learning_rate, beta1, one_minus_beta1 = coefficients[0], coefficients[1], coefficients[2]
    beta2, one_minus_beta2 = coefficients[3], coefficients[4]
    for i in range(w.size):
        w[i] -= learning_rate * np.sign(beta1 * m[i] + one_minus_beta1 * dw[i])
        m[i] = beta2 * m[i] + one_minus_beta2 * dw[i]


@dataclass(frozen=True)
class Lion(Optimizer):
    """Steps of one length for every weight: the sign of a momentum that leans towards the newest gradient."""

    prepare, update, vectors, decoupled = lion_prepare, lion_update, 1, True
    rule = "w = w - learning_rate * sign(beta1 * m + (1 - beta1) * g);  m = beta2 * m + (1 - beta2) * g"
    reference = "Chen et al., Symbolic discovery of optimization algorithms, NeurIPS 2023 (arXiv 2302.06675), alg. 2"
    differences = "Not in PyTorch. Keras: the same, but its weight_decay, where it is set, applies to biases too."
    aliases = ("evolved_sign_momentum",)

    learning_rate: float = bounded(0.0001, "(0, inf)")
    beta1: float = bounded(0.9, "[0, 1)")
    beta2: float = bounded(0.99, "[0, 1)")
