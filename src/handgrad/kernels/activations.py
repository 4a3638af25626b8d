"""Activation functions, element by element: each forward pass beside its derivative.

Numbers are taken in the arrays' own type (`one = x.dtype.type(1)`): a bare 1.0 would turn float32 loops into float64.
"""

import math

from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.elementary import exp, sigmoid, tanh


@fast_kernel
def identity_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x."""
    for i in range(x.size):
        y[i] = x[i]


@fast_kernel
def identity_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy."""
    for i in range(dx.size):
        dx[i] = dy[i]


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
