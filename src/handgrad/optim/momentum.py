"""Gradient descent with momentum, Polyak's and Nesterov's."""

from dataclasses import dataclass

from handgrad.checks import bounded
from handgrad.kernels.compile import fast_kernel
from handgrad.optim.optimizer import Optimizer, learning_rate_only


@fast_kernel
def momentum_update(w, dw, velocity, _, __, coefficients):
    """velocity = momentum velocity + dw;  w = w - learning_rate velocity."""
    learning_rate, momentum = coefficients[0], coefficients[1]
    for i in range(w.size):
        velocity[i] = momentum * velocity[i] + dw[i]
        w[i] -= learning_rate * velocity[i]


@fast_kernel
def nag_update(w, dw, velocity, _, __, coefficients):
    """velocity = momentum velocity + dw;  w = w - learning_rate (dw + momentum velocity)."""
    learning_rate, momentum = coefficients[0], coefficients[1]
    for i in range(w.size):
        velocity[i] = momentum * velocity[i] + dw[i]
        w[i] -= learning_rate * (dw[i] + momentum * velocity[i])


@dataclass(frozen=True)
class Momentum(Optimizer):
    """The heavy ball: a velocity that forgets by the factor `momentum` each step."""

    prepare, update, vectors = learning_rate_only, momentum_update, 1
    rule = "v = momentum * v + g;  w = w - learning_rate * v"
    reference = "Polyak, Some methods of speeding up the convergence of iteration methods (1964)"
    elsewhere = (
        "PyTorch: the same (dampening 0). Keras and the course's slides fold the learning rate into the velocity, "
        "v = momentum * v - learning_rate * g: the same path while the rate is constant, another one under a schedule."
    )

    learning_rate: float = bounded(0.01, "(0, inf)")
    momentum: float = bounded(0.9, "[0, 1)")


@dataclass(frozen=True)
class NAG(Optimizer):
    """Nesterov's accelerated gradient, in the form that needs the gradient at the present weights only."""

    prepare, update, vectors = learning_rate_only, nag_update, 1
    rule = "v = momentum * v + g;  w = w - learning_rate * (g + momentum * v)"
    reference = "Nesterov (1983); this form: Bengio, Boulanger-Lewandowski & Pascanu (2012), arXiv 1212.0901, eq. 7"
    elsewhere = (
        "PyTorch: SGD(nesterov=True), the same. Textbooks take the gradient at the look-ahead point w - momentum * v; "
        "this is that method written for the look-ahead weights themselves."
    )

    learning_rate: float = bounded(0.01, "(0, inf)")
    momentum: float = bounded(0.9, "[0, 1)")
