"""GELU."""

import math
from dataclasses import dataclass

from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.elementary import exp
from handgrad.nn.layer import Activation


@fast_kernel
def gelu_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x Phi(x), Phi the standard normal distribution function (the exact form, not the tanh approximation).

    Math    Phi(x) = (1 + erf(x / sqrt 2)) / 2;  saved[i] = Phi(x[i])
    Ref     Hendrycks & Gimpel, Gaussian error linear units (2016)
    """
    one, half, root = x.dtype.type(1), x.dtype.type(0.5), x.dtype.type(math.sqrt(0.5))
    for i in range(x.size):
        saved[i] = half * (one + x.dtype.type(math.erf(x[i] * root)))
        y[i] = x[i] * saved[i]


@fast_kernel
def gelu_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy (Phi(x) + x phi(x)), phi(x) = exp(-x^2 / 2) / sqrt(2 pi)."""
    half, height = x.dtype.type(0.5), x.dtype.type(1 / math.sqrt(2 * math.pi))
    for i in range(dx.size):
        dx[i] = dy[i] * (saved[i] + x[i] * height * exp(-half * x[i] * x[i]))


@dataclass(frozen=True)
class GELU(Activation):
    """y = x Phi(x), the exact form."""

    kernels = gelu_forward, gelu_backward
    saves = True
    rule = (
        "Phi = 1/2 * (1 + erf(X / sqrt(2)));  Y = X * Phi",
        "dX = dY * d(Y, X) = dY * (Phi + X * exp(-X^2 / 2) / sqrt(2 * pi))",
    )
    torch = "GELU", {}
