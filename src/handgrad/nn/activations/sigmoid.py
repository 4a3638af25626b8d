"""Sigmoid."""

from dataclasses import dataclass

from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.elementary import sigmoid
from handgrad.nn.layer import Activation


@fast_kernel
def sigmoid_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = 1 / (1 + exp(-x))."""
    for i in range(x.size):
        y[i] = sigmoid(x[i])


@fast_kernel
def sigmoid_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy y (1 - y)."""
    one = x.dtype.type(1)
    for i in range(dx.size):
        dx[i] = dy[i] * y[i] * (one - y[i])


@dataclass(frozen=True)
class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x))."""

    kernels = sigmoid_forward, sigmoid_backward
    rule = "Y = 1 / (1 + exp(-X))", "dX = dY * d(Y, X) = dY * (exp(-X) / (1 + exp(-X))^2) = dY * Y * (1 - Y)"
    torch = "Sigmoid", {}
    aliases = ("logistic", "sigm", "sig", "logistic_sigmoid")
    output_range = 0.0, 1.0
