"""Numbers in other places.

A batch lies in "rows" (N, D), an image after another, or in "columns" (D, N), the batch last. Dense layers multiply
rows; convolutions and pools work on columns, where every loop over the batch is contiguous and so vectorises for any
size of window. Between the two `shape` holds (D,); what comes before that here has its batches in columns.
"""

from handgrad.kernels.compile import fast_kernel, inline_kernel
from handgrad.kernels.packed import transpose


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


@fast_kernel
def to_columns_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x^T.  Shapes  x (N, D), y (D, N)"""
    transpose(x, x.size // shape[0], shape[0], y, x.size // shape[0])


@fast_kernel
def to_columns_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy^T."""
    if dx.size:
        transpose(dy, shape[0], dx.size // shape[0], dx, shape[0])


@fast_kernel
def to_rows_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x^T.  Shapes  x (D, N), y (N, D)"""
    transpose(x, shape[0], x.size // shape[0], y, shape[0])


@fast_kernel
def to_rows_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy^T."""
    if dx.size:
        transpose(dy, dx.size // shape[0], shape[0], dx, dx.size // shape[0])
