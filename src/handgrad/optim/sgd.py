"""Stochastic gradient descent."""

from dataclasses import dataclass

from handgrad.checks import bounded
from handgrad.kernels.compile import fast_kernel
from handgrad.optim.optimizer import Optimizer, learning_rate_only


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

    learning_rate: float = bounded(0.1, "(0, inf)")
