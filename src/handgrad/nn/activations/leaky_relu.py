"""LeakyReLU."""

from dataclasses import dataclass

from handgrad.errors import bounded
from handgrad.kernels.compile import fast_kernel
from handgrad.nn.layer import Activation


@fast_kernel
def leaky_relu_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x where x > 0, else slope x.  settings (slope,)"""
    slope = settings[0]
    for i in range(x.size):
        y[i] = x[i] if x[i] > 0 else slope * x[i]


@fast_kernel
def leaky_relu_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy where x > 0, else slope dy."""
    slope = settings[0]
    for i in range(dx.size):
        dx[i] = dy[i] if x[i] > 0 else slope * dy[i]


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """y = x where x > 0, else slope x."""

    kernels = leaky_relu_forward, leaky_relu_backward
    rule = "Y = where(X > 0, X, slope * X)", "dX = dY * d(Y, X) = dY * where(X > 0, 1, slope)"
    torch = "LeakyReLU", {"negative_slope": "slope"}
    aliases = ("lrelu", "leaky", "leaky_rectifier")
    kink = True

    slope: float = bounded(0.01, "[0, inf)")
