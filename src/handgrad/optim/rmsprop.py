"""RMSprop."""

from dataclasses import dataclass

import numpy as np

from handgrad.errors import bounded
from handgrad.kernels.compile import fast_kernel, strict_kernel
from handgrad.optim.optimizer import Optimizer
from handgrad.torch_mapping import TorchOptimizer


@strict_kernel
def rmsprop_prepare(coefficients, memory, hyper, step, learning_rate, loss):
    """coefficients (learning_rate, beta, 1 - beta, epsilon), the difference taken in float64."""
    beta, epsilon = hyper
    coefficients[0], coefficients[1], coefficients[2], coefficients[3] = learning_rate, beta, 1 - beta, epsilon


@fast_kernel
def rmsprop_update(w, dw, square, _, __, coefficients):
    """square = beta square + (1 - beta) dw^2;  w = w - learning_rate dw / (sqrt(square) + epsilon)."""
    learning_rate, beta, one_minus_beta, epsilon = coefficients[0], coefficients[1], coefficients[2], coefficients[3]
    for i in range(w.size):
        square[i] = beta * square[i] + one_minus_beta * dw[i] * dw[i]
        w[i] -= learning_rate * dw[i] / (np.sqrt(square[i]) + epsilon)


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Each weight's gradient over the root of its own running mean square."""

    prepare, update, vectors = rmsprop_prepare, rmsprop_update, 1
    rule = "s = beta * s + (1 - beta) * g^2;  w = w - learning_rate * g / (sqrt(s) + epsilon)"
    reference = "Tieleman & Hinton, Lecture 6.5, Neural networks for machine learning (2012)"
    differences = (
        "PyTorch: the same, its `alpha` is our `beta`. Keras: epsilon under the root, sqrt(s + epsilon), 1e-07 unless "
        "set, and its `rho`, our beta, is 0.9. "
        "No bias correction anywhere, so the first steps are about learning_rate / sqrt(1 - beta) long."
    )
    torch = TorchOptimizer("torch.optim.RMSprop", {"alpha": "beta", "eps": "epsilon"}, states=("square_avg",))
    aliases = ("rms", "rms_propagation", "root_mean_square_propagation")

    beta: float = bounded(0.99, "[0, 1)")
    epsilon: float = bounded(1e-8, "[0, inf)")
