"""Dropout, inverted: kept units are scaled up in training, so that evaluation is the identity."""

import numpy as np

from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.random import bits


@fast_kernel
def dropout_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """In training y[i] = m[i] x[i], m[i] = 0 with probability `rate`, else 1 / (1 - rate); otherwise y = x.

    Shapes  x, y (any,); saved keeps m (1 in evaluation);  settings (rate,)
    Ref     Srivastava et al., Dropout, JMLR 15 (2014)
    """
    one, zero = x.dtype.type(1), x.dtype.type(0)
    if not training:
        for i in range(x.size):
            saved[i] = one
            y[i] = x[i]
        return
    scale = one / (one - settings[0])
    threshold = np.uint64(float(settings[0]) * 2.0**32)
    for i in range(x.size):
        saved[i] = zero if (bits(key, i) >> np.uint64(32)) < threshold else scale
        y[i] = saved[i] * x[i]


@fast_kernel
def dropout_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = m dy."""
    for i in range(dx.size):
        dx[i] = saved[i] * dy[i]
