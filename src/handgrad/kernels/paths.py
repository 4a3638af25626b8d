"""Where paths through a network part and meet again.

In a network, arrays that hold the same numbers lie in the same memory, and then nothing is copied: what begins a path
is what was split, and the gradient by what is added is the gradient by the sum.
"""

from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.rearrangement import copy


@fast_kernel
def path_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x, the beginning of a path."""
    if y.ctypes.data != x.ctypes.data:
        copy(x, y)


@fast_kernel
def path_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy, or dx = dx + dy where another path has left its gradient there.  shape (whether one has,)"""
    if shape[0]:
        for i in range(dx.size):
            dx[i] += dy[i]
    else:
        for i in range(dx.size):
            dx[i] = dy[i]


@fast_kernel
def add_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = x, or y = y + x from the second path on.  shape (whether it is a later path,)"""
    if shape[0]:
        for i in range(y.size):
            y[i] += x[i]
    else:
        for i in range(y.size):
            y[i] = x[i]


@fast_kernel
def add_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy."""
    if dx.size and dx.ctypes.data != dy.ctypes.data:
        copy(dy, dx)


@fast_kernel
def concat_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y[n, start + i] = x[n, i].  shape (start, numbers of an image in x, in y, whether the batch is the last axis)

    Shapes  x (N, size), y (N, total); with the batch last (size, N), (total, N)
    """
    start, size, total, columns = shape
    rows = x.size // size
    blocks, length, stride = (1, x.size, y.size) if columns else (rows, size, total)
    first = start * rows if columns else start
    for n in range(blocks):
        for i in range(length):
            y[n * stride + first + i] = x[n * length + i]


@fast_kernel
def concat_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx[n, i] = dy[n, start + i]."""
    start, size, total, columns = shape
    rows = dx.size // size
    blocks, length, stride = (1, dx.size, dy.size) if columns else (rows, size, total)
    first = start * rows if columns else start
    if dx.size:
        for n in range(blocks):
            for i in range(length):
                dx[n * length + i] = dy[n * stride + first + i]
