"""Adagrad."""

from dataclasses import dataclass

import numpy as np

from handgrad.errors import bounded
from handgrad.kernels.compile import fast_kernel
from handgrad.optim.optimizer import Optimizer, learning_rate_only
from handgrad.torch_mapping import TorchOptimizer


@fast_kernel
def adagrad_update(w, dw, square, _, __, coefficients):
    """square = square + dw^2;  w = w - learning_rate dw / (sqrt(square) + epsilon)."""
    learning_rate, epsilon = coefficients[0], coefficients[1]
    for i in range(w.size):
        square[i] += dw[i] * dw[i]
        w[i] -= learning_rate * dw[i] / (np.sqrt(square[i]) + epsilon)


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Each weight's gradient over the root of the sum of all its squares: rates that only fall."""

    prepare, update, vectors = learning_rate_only, adagrad_update, 1
    rule = "s = s + g^2;  w = w - learning_rate * g / (sqrt(s) + epsilon)"
    reference = "Duchi, Hazan & Singer, Adaptive subgradient methods, JMLR 12 (2011), eq. 1"
    differences = (
        "PyTorch: the same (lr_decay 0). Keras starts s at 0.1 instead of 0, which shortens the first steps, and has "
        "epsilon under the root, sqrt(s + epsilon), 1e-07 unless set."
    )
    torch = TorchOptimizer("torch.optim.Adagrad", {"eps": "epsilon"}, states=("sum",))

    learning_rate: float = bounded(0.01, "(0, inf)")
    epsilon: float = bounded(1e-10, "[0, inf)")
