"""ELU."""

import math
from dataclasses import dataclass

from handgrad.errors import bounded
from handgrad.kernels.compile import fast_kernel
from handgrad.nn.layer import Activation


@fast_kernel
def elu_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x where x > 0, else alpha (exp(x) - 1).  settings (alpha,)"""
    alpha = settings[0]
    for i in range(x.size):
        y[i] = x[i] if x[i] > 0 else alpha * x.dtype.type(math.expm1(x[i]))


@fast_kernel
def elu_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy where x > 0, else dy (y + alpha), since alpha exp(x) = y + alpha."""
    alpha = settings[0]
    for i in range(dx.size):
        dx[i] = dy[i] if x[i] > 0 else dy[i] * (y[i] + alpha)


@dataclass(frozen=True)
class ELU(Activation):
    """y = x where x > 0, else alpha (exp(x) - 1).  Ref  Clevert, Unterthiner & Hochreiter (2015), arXiv 1511.07289."""

    kernels = elu_forward, elu_backward
    rule = "Y = where(X > 0, X, alpha * (exp(X) - 1))", "dX = dY * d(Y, X) = dY * where(X > 0, 1, Y + alpha)"
    torch = "ELU", {"alpha": "alpha"}

    alpha: float = bounded(1.0, "(0, inf)")
