"""Numbers in other places, batches in columns."""

from handgrad.kernels.compile import fast_kernel, inline_kernel


@inline_kernel
def copy(source, target):
    """target[i] = source[i].  Numba's `target[:] = source` takes seconds to compile: the words of its error message."""
    for i in range(source.size):
        target[i] = source[i]


@fast_kernel
def exchange_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y[p, c] = x[c, p].  Shapes  x (C, P, N), y (P, C, N); shape (C, P)"""
    channels, pixels = shape[0], shape[1]
    rows = x.size // (channels * pixels)
    for p in range(pixels):
        for c in range(channels):
            start, end = (c * pixels + p) * rows, (p * channels + c) * rows
            copy(x[start : start + rows], y[end:])


@fast_kernel
def exchange_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx[c, p] = dy[p, c]."""
    channels, pixels = shape[0], shape[1]
    rows = dx.size // (channels * pixels)
    for c in range(channels if rows else 0):
        for p in range(pixels):
            start, end = (c * pixels + p) * rows, (p * channels + c) * rows
            copy(dy[end : end + rows], dx[start:])


@fast_kernel
def pad_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y[c] = x[c], and 0 in the channels from there on.  shape (channels in, channels out)"""
    copy(x, y)
    y[x.size :] = 0


@fast_kernel
def pad_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx[c] = dy[c]."""
    copy(dy[: dx.size], dx)
