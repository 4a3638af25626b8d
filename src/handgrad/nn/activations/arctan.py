"""Arctangent."""

import math
from dataclasses import dataclass

from handgrad.kernels.compile import fast_kernel
from handgrad.nn.layer import Activation


@fast_kernel
def arctan_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = arctan(x)."""
    for i in range(x.size):
        y[i] = math.atan(x[i])


@fast_kernel
def arctan_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy / (1 + x^2)."""
    one = x.dtype.type(1)
    for i in range(dx.size):
        dx[i] = dy[i] / (one + x[i] * x[i])


@dataclass(frozen=True)
class Arctan(Activation):
    """y = arctan(x)."""

    kernels = arctan_forward, arctan_backward
    rule = "Y = atan(X)", "dX = dY * d(Y, X) = dY / (1 + X^2)"
    torch = "torch.atan", {}
    aliases = ("atan", "arctangent", "inverse_tangent", "tan_inverse")
    output_range = -math.pi / 2, math.pi / 2
