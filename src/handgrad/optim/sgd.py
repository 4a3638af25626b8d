"""Stochastic gradient descent."""

from dataclasses import dataclass

from handgrad.errors import bounded
from handgrad.kernels.compile import fast_kernel
from handgrad.optim.optimizer import Optimizer, learning_rate_only
from handgrad.torch_mapping import TorchOptimizer


@fast_kernel
def sgd_update(w, dw, _, __, ___, coefficients):
    """w = w - learning_rate dw."""
    learning_rate = coefficients[0]
    for i in range(w.size):
        w[i] -= learning_rate * dw[i]


@dataclass(frozen=True)
class SGD(Optimizer):
    """Plain mini-batch gradient descent."""

    prepare, update = learning_rate_only, sgd_update
    rule = "w = w - learning_rate * g"
    reference = "Robbins & Monro, A stochastic approximation method, Ann. Math. Stat. 22 (1951)"
    torch = TorchOptimizer("torch.optim.SGD")
    aliases = (
        *("gd", "gradient_descent", "stochastic_gradient_descent", "batch_gradient_descent", "mini_batch"),
        *("mini_batch_gradient_descent", "vanilla_gradient_descent", "vanilla", "vanilla_sgd", "vanilla_gd"),
        *("stochastic", "stochastic_gd", "batch_gd", "mini_batch_gd", "vgd", "bgd", "mbgd", "mini_batch_sgd", "normal"),
        "plain_sgd",
    )

    learning_rate: float = bounded(0.1, "(0, inf)")
