"""SiLU."""

from dataclasses import dataclass

from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.elementary import sigmoid
from handgrad.nn.layer import Activation


@fast_kernel
def silu_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x s(x), s the sigmoid; saved[i] = s(x[i]).  Ref  Elfwing, Uchibe & Doya (2017), arXiv 1702.03118."""
    for i in range(x.size):
        saved[i] = sigmoid(x[i])
        y[i] = x[i] * saved[i]


@fast_kernel
def silu_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy s (1 + x (1 - s))."""
    one = x.dtype.type(1)
    for i in range(dx.size):
        dx[i] = dy[i] * saved[i] * (one + x[i] * (one - saved[i]))


@dataclass(frozen=True)
class SiLU(Activation):
    """y = x sigmoid(x), also called swish."""

    kernels = silu_forward, silu_backward
    saves = True
    rule = "S = 1 / (1 + exp(-X));  Y = X * S", "dX = dY * d(Y, X) = dY * (S + X * S * (1 - S))"
    torch = "SiLU", {}
    aliases = ("swish",)
