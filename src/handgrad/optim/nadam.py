"""NAdam: Adam with Nesterov momentum and a momentum schedule."""

import math
from dataclasses import dataclass

import numpy as np

from handgrad.errors import bounded
from handgrad.kernels.compile import fast_kernel, strict_kernel
from handgrad.optim.optimizer import Optimizer
from handgrad.torch_mapping import TorchOptimizer


@strict_kernel
def nadam_prepare(coefficients, memory, hyper, step, learning_rate, loss):
    """The momentum of this step and the next; `memory` holds the product of all momenta so far.

    Math    mu_t = beta1 (1 - 0.96^(t decay) / 2);  gradient's share: rate (1 - mu_t) / (1 - prod mu_1..t)
            momentum's share: rate mu_(t+1) / (1 - prod mu_1..t+1)
    """
    beta1, beta2, epsilon, decay = hyper
    now = beta1 * (1 - 0.5 * 0.96 ** (step * decay))
    after = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * decay))
    memory[0] *= now
    coefficients[0], coefficients[1] = beta1, 1 - beta1
    coefficients[2], coefficients[3] = beta2, 1 - beta2
    coefficients[4] = learning_rate * (1 - now) / (1 - memory[0])
    coefficients[5] = learning_rate * after / (1 - memory[0] * after)
    coefficients[6], coefficients[7] = 1 / math.sqrt(1 - beta2**step), epsilon


@fast_kernel
def nadam_update(w, dw, m, v, _, coefficients):
    """w = w - (a dw + b m) / (sqrt(v / c2) + epsilon), with a and b from `nadam_prepare`, m and v as in Adam."""
    beta1, one_minus_beta1, beta2, one_minus_beta2 = coefficients[0], coefficients[1], coefficients[2], coefficients[3]
    fresh, carried, root, epsilon = coefficients[4], coefficients[5], coefficients[6], coefficients[7]
    for i in range(w.size):
        m[i] = beta1 * m[i] + one_minus_beta1 * dw[i]
        v[i] = beta2 * v[i] + one_minus_beta2 * dw[i] * dw[i]
        w[i] -= (fresh * dw[i] + carried * m[i]) / (np.sqrt(v[i]) * root + epsilon)


@dataclass(frozen=True)
class NAdam(Optimizer):
    """Adam that looks one step of momentum ahead, with Dozat's warming-up momentum."""

    prepare, update, vectors, memory = nadam_prepare, nadam_update, 2, (1.0,)
    rule = (
        "mu = beta1 * (1 - 0.5 * 0.96^(t * momentum_decay))\n"
        "mu_next = beta1 * (1 - 0.5 * 0.96^((t + 1) * momentum_decay))\n"
        "p = where(t > 1, p * mu, mu)  # the product of all mu so far\n"
        "m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g^2\n"
        "w = w - learning_rate * (mu_next * m / (1 - p * mu_next) + (1 - mu) * g / (1 - p))\n"
        "        / (sqrt(v / (1 - beta2^t)) + epsilon)"
    )
    reference = "Dozat, Incorporating Nesterov momentum into Adam, ICLR workshop 2016, algorithm 2"
    differences = (
        "PyTorch: the same. Keras: its schedule has 0.96^t where this one has 0.96^(0.004 t), so momentum_decay 1 does "
        "the same; its epsilon is 1e-07. Course scripts often leave the schedule out (mu = beta1 throughout), which "
        "takes larger first steps; momentum_decay 1e6 does so here."
    )
    torch = TorchOptimizer(
        "torch.optim.NAdam",
        {"betas": ("beta1", "beta2"), "eps": "epsilon", "momentum_decay": "momentum_decay"},
        states=("exp_avg", "exp_avg_sq"),
        memory=("mu_product",),
    )
    aliases = ("nesterov_adam", "nesterov_accelerated_adam")

    beta1: float = bounded(0.9, "[0, 1)")
    beta2: float = bounded(0.999, "[0, 1)")
    epsilon: float = bounded(1e-8, "[0, inf)")
    momentum_decay: float = bounded(0.004, "[0, inf)")
