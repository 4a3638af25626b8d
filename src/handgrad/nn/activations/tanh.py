"""Tanh."""

from dataclasses import dataclass

from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.elementary import tanh
from handgrad.nn.layer import Activation


@fast_kernel
def tanh_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = tanh(x)."""
    for i in range(x.size):
        y[i] = tanh(x[i])


@fast_kernel
def tanh_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy (1 - y^2)."""
    one = x.dtype.type(1)
    for i in range(dx.size):
        dx[i] = dy[i] * (one - y[i] * y[i])


@dataclass(frozen=True)
class Tanh(Activation):
    """y = tanh(x)."""

    kernels = tanh_forward, tanh_backward
    rule = "Y = tanh(X)", "dX = dY * d(Y, X) = dY * (1 - Y^2)"
    torch = "Tanh", {}
    aliases = ("hyperbolic_tangent", "hyperbolic_tan")
    output_range = -1.0, 1.0
