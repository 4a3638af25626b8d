"""Eve: Adam with a global learning rate that listens to the loss."""

from dataclasses import dataclass

from handgrad.errors import bounded
from handgrad.kernels.compile import strict_kernel
from handgrad.optim.optimizer import Optimizer, adam_prepare, adam_update


@strict_kernel
def eve_prepare(coefficients, memory, hyper, step, learning_rate, loss):
    """Adam's coefficients for the rate learning_rate / d; `memory` holds d and the loss of the step before.

    Math    r = |f - f_before| / min(f, f_before), clipped to [1/clip, clip];  d = beta3 d + (1 - beta3) r
            (the loss's minimum f* is taken as 0, and d as 1 at the first step)
    """
    beta3, clip = hyper[3], hyper[4]
    if step > 1:
        smaller = max(min(loss, memory[1]), 1e-300)
        change = min(max(abs(loss - memory[1]) / smaller, 1 / clip), clip)
        memory[0] = beta3 * memory[0] + (1 - beta3) * change
    memory[1] = loss
    adam_prepare(coefficients, memory, hyper[:3], step, learning_rate / memory[0], loss)


@dataclass(frozen=True)
class Eve(Optimizer):
    """Adam that slows down while the loss jumps about and speeds up where it hardly moves."""

    prepare, update, vectors, memory = eve_prepare, adam_update, 2, (1.0, 0.0)
    rule = (
        "r = min(max(abs(f - f_before) / min(f, f_before), 1 / clip), clip)  # f is the batch's loss, its minimum 0\n"
        "d = where(t > 1, beta3 * d + (1 - beta3) * r, 1)\n"
        "m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g^2\n"
        "w = w - learning_rate / d * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)"
    )
    reference = (
        "Hayashi, Koushik & Neubig, Eve: a gradient based optimization method (2016), arXiv 1611.01505v3, alg. 1"
    )
    differences = "In neither PyTorch nor Keras. Version 1 of the paper tracked the loss differently (bounds k and K)."

    beta1: float = bounded(0.9, "[0, 1)")
    beta2: float = bounded(0.999, "[0, 1)")
    epsilon: float = bounded(1e-8, "[0, inf)")
    beta3: float = bounded(0.999, "[0, 1)")
    clip: float = bounded(10.0, "[1, inf)")
