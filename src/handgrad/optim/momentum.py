"""Gradient descent with Polyak's momentum."""

from dataclasses import dataclass

from handgrad.errors import bounded
from handgrad.kernels.compile import fast_kernel
from handgrad.optim.optimizer import Optimizer, learning_rate_only
from handgrad.torch_mapping import TorchOptimizer


@fast_kernel
def momentum_update(w, dw, velocity, _, __, coefficients):
    """velocity = momentum velocity + dw;  w = w - learning_rate velocity."""
    learning_rate, momentum = coefficients[0], coefficients[1]
    for i in range(w.size):
        velocity[i] = momentum * velocity[i] + dw[i]
        w[i] -= learning_rate * velocity[i]


@dataclass(frozen=True)
class Momentum(Optimizer):
    """The heavy ball: a velocity that forgets by the factor `momentum` each step."""

    prepare, update, vectors = learning_rate_only, momentum_update, 1
    rule = "v = momentum * v + g;  w = w - learning_rate * v"
    reference = "Polyak, Some methods of speeding up the convergence of iteration methods (1964)"
    differences = (
        "PyTorch: the same (dampening 0). Keras and the course's slides fold the learning rate into the velocity, "
        "v = momentum * v - learning_rate * g: the same path while the rate is constant, another one under a schedule."
    )
    torch = TorchOptimizer("torch.optim.SGD", {"momentum": "momentum"}, states=("momentum_buffer",))
    aliases = (
        *("mgd", "sgdm", "momentum_gd", "sgd_momentum", "momentum_sgd", "sgd_with_momentum", "heavy_ball", "polyak"),
        *("momentum_based_gd", "momentum_gradient_descent", "msgd", "momentum_based_gradient_descent"),
        *("gd_momentum", "gd_with_momentum", "mom"),
    )

    learning_rate: float = bounded(0.01, "(0, inf)")
    momentum: float = bounded(0.9, "[0, 1)")
