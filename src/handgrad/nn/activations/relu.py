"""ReLU."""

from dataclasses import dataclass

from handgrad.kernels.compile import fast_kernel
from handgrad.nn.layer import Activation


@fast_kernel
def relu_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = max(x, 0), written so that NaN stays NaN: a diverged network must not look like a dead one."""
    zero = x.dtype.type(0)
    for i in range(x.size):
        y[i] = zero if x[i] <= zero else x[i]


@fast_kernel
def relu_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy where x > 0, else 0; at the kink the derivative is taken as 0."""
    zero = x.dtype.type(0)
    for i in range(dx.size):
        dx[i] = dy[i] if x[i] > zero else zero


@dataclass(frozen=True)
class ReLU(Activation):
    """y = max(x, 0)."""

    kernels = relu_forward, relu_backward
    rule = "Y = max(X, 0)", "dX = dY * d(Y, X) = dY * (X > 0)"
    torch = "ReLU", {}
    aliases = ("rectifier", "rectified_linear", "rectified_linear_unit")
    kink = True
