"""Gradient descent with Nesterov's momentum."""

from dataclasses import dataclass

from handgrad.errors import bounded
from handgrad.kernels.compile import fast_kernel
from handgrad.optim.optimizer import Optimizer, learning_rate_only
from handgrad.torch_mapping import TorchOptimizer


@fast_kernel
def nag_update(w, dw, velocity, _, __, coefficients):
    """velocity = momentum velocity + dw;  w = w - learning_rate (dw + momentum velocity)."""
    learning_rate, momentum = coefficients[0], coefficients[1]
    for i in range(w.size):
        velocity[i] = momentum * velocity[i] + dw[i]
        w[i] -= learning_rate * (dw[i] + momentum * velocity[i])


@dataclass(frozen=True)
class NAG(Optimizer):
    """Nesterov's accelerated gradient, in the form that needs the gradient at the present weights only."""

    prepare, update, vectors = learning_rate_only, nag_update, 1
    rule = "v = momentum * v + g;  w = w - learning_rate * (g + momentum * v)"
    reference = "Nesterov (1983); this form: Bengio, Boulanger-Lewandowski & Pascanu (2012), arXiv 1212.0901, eq. 7"
    differences = (
        "PyTorch: SGD(nesterov=True), the same. Textbooks take the gradient at the look-ahead point w - momentum * v; "
        "this is that method written for the look-ahead weights themselves."
    )
    torch = TorchOptimizer(
        "torch.optim.SGD", {"momentum": "momentum", "nesterov": "looks_ahead"}, states=("momentum_buffer",)
    )
    aliases = (
        *("nesterov", "nestorov", "ngd", "nesterov_gd", "nesterov_momentum", "nesterov_accelerated_gradient", "nagd"),
        *("nesterov_accelerated_gradient_descent", "nesterov_accelerated", "sgd_nesterov", "nesterov_sgd"),
        *("nesterov_accelerated_gd", "nesterov_gradient_descent", "nag_gd"),
    )

    learning_rate: float = bounded(0.01, "(0, inf)")
    momentum: float = bounded(0.9, "[0, 1)")

    @property
    def looks_ahead(self) -> bool:
        """False without momentum, where it is plain descent, and where PyTorch refuses `nesterov`."""
        return self.momentum > 0
