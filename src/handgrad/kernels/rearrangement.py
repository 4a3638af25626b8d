"""Numbers in other places, batches in columns."""

from handgrad.kernels.compile import fast_kernel


@fast_kernel
def exchange_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y[p, c] = x[c, p].  Shapes  x (C, P, N), y (P, C, N); shape (C, P)"""
    channels, pixels = shape[0], shape[1]
    rows = x.size // (channels * pixels)
    for p in range(pixels):
        for c in range(channels):
            start, end = (c * pixels + p) * rows, (p * channels + c) * rows
            y[end : end + rows] = x[start : start + rows]


@fast_kernel
def exchange_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx[c, p] = dy[p, c]."""
    channels, pixels = shape[0], shape[1]
    rows = dx.size // (channels * pixels)
    for c in range(channels if rows else 0):
        for p in range(pixels):
            start, end = (c * pixels + p) * rows, (p * channels + c) * rows
            dx[start : start + rows] = dy[end : end + rows]


@fast_kernel
def pad_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y[c] = x[c], and 0 in the channels from there on.  shape (channels in, channels out)"""
    y[: x.size] = x
    y[x.size :] = 0


@fast_kernel
def pad_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx[c] = dy[c]."""
    dx[:] = dy[: dx.size]
