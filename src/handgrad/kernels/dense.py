"""The fully connected layer, y = x W + b.  `shape` holds (inputs, outputs); parameters are W row by row, then b."""

from handgrad.kernels.compile import fast_kernel, strict_kernel
from handgrad.kernels.matmul import matmul, matmul_transposed_a, matmul_transposed_b
from handgrad.kernels.sparse import sparse_matmul, sparse_matmul_transposed_a
from handgrad.kernels.team import share

TILE = 32  # units or inputs in a part, a multiple of what a block of the product has


@strict_kernel
def add_bias(y, bias, outputs, first, last):
    """y[n, j] += bias[j] for every row n, and j from first to last.  Shapes  y (N * outputs,), bias (outputs,)"""
    some = bias[first:last]
    for n in range(first, y.size, outputs):
        row = y[n : n + some.size]
        for j in range(some.size):
            row[j] += some[j]


@strict_kernel
def sum_rows(dy, dbias):
    """dbias = sum_n dy[n].  Shapes  dy (N * O,), dbias (O,)"""
    dbias[:] = 0
    for n in range(0, dy.size, dbias.size):
        for j in range(dbias.size):
            dbias[j] += dy[n + j]


@fast_kernel
def dense_forward(x, y, parameters, buffers, saved, shape, settings, key, training, part):
    """y = x W + b.

    Shapes  x (N, I), W (I, O), b (O,), y (N, O)
    Part    some of the units
    """
    inputs, outputs = shape[0], shape[1]
    first, last = share(outputs, TILE, part[0], part[1])
    if first < last:
        matmul(x.size // inputs, outputs, inputs, x, parameters, y, first, last)
        add_bias(y, parameters[inputs * outputs :], outputs, first, last)


@fast_kernel
def dense_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings, part):
    """Gradients of the loss with respect to W, b and x.

    Shapes  as `dense_forward`; each gradient has its variable's shape
    Math    dW = x^T dy;  db = sum_n dy[n];  dx = dy W^T
    Part    some of the inputs: their weights' gradients, and their own
    """
    inputs, outputs = shape[0], shape[1]
    rows = dy.size // outputs
    first, last = share(inputs, TILE, part[0], part[1])
    if part[0] == 0:
        sum_rows(dy, dparameters[inputs * outputs :])
    if first < last:
        matmul_transposed_a(inputs, outputs, rows, x, dy, dparameters, first, last)
        if dx.size:
            matmul_transposed_b(rows, inputs, outputs, dy, parameters, dx, first, last)


@fast_kernel
def sparse_dense_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """`dense_forward`, to the last bit, for images that are mostly black."""
    inputs, outputs = shape[0], shape[1]
    sparse_matmul(x.size // inputs, outputs, inputs, x, parameters, y)
    add_bias(y, parameters[inputs * outputs :], outputs, 0, outputs)


@fast_kernel
def sparse_dense_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """`dense_backward`, to the last bit, for images that are mostly black."""
    inputs, outputs = shape[0], shape[1]
    rows = dy.size // outputs
    sparse_matmul_transposed_a(inputs, outputs, rows, x, dy, dparameters)
    sum_rows(dy, dparameters[inputs * outputs :])
    if dx.size:
        matmul_transposed_b(rows, inputs, outputs, dy, parameters, dx, 0, inputs)
