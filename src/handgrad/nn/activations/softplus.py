"""Softplus."""

import math
from dataclasses import dataclass

from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.elementary import exp, sigmoid
from handgrad.nn.layer import Activation


@fast_kernel
def softplus_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = log(1 + exp(x)), computed as max(x, 0) + log(1 + exp(-|x|)), which cannot overflow."""
    zero = x.dtype.type(0)
    for i in range(x.size):
        y[i] = (zero if x[i] <= zero else x[i]) + x.dtype.type(math.log1p(exp(-abs(x[i]))))


@fast_kernel
def softplus_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy s(x), s the sigmoid."""
    for i in range(dx.size):
        dx[i] = dy[i] * sigmoid(x[i])


@dataclass(frozen=True)
class Softplus(Activation):
    """y = log(1 + exp(x))."""

    kernels = softplus_forward, softplus_backward
    rule = "Y = log(1 + exp(X))", "dX = dY * d(Y, X) = dY * (1 / (1 + exp(-X)))"
    # Above its threshold PyTorch takes y = x: off by 2e-9 at its default of 20, by nothing in float64 at 40.
    torch = "Softplus", {"threshold": 40.0}
    aliases = ("smooth_relu",)
