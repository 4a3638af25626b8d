"""The fully connected layer, y = x W + b.  `shape` holds (inputs, outputs); parameters are W row by row, then b."""

from typing import Any

from handgrad.kernels.compile import fast_kernel, strict_kernel
from handgrad.kernels.matmul import (
    FEW,
    PACKED,
    matmul,
    matmul_transposed_a,
    matmul_transposed_b,
    small_matmul,
    small_matmul_transposed_a,
    small_matmul_transposed_b,
)
from handgrad.kernels.program import share
from handgrad.kernels.sparse import sparse_matmul, sparse_matmul_transposed_a

LARGE_BATCH = 1024
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
        row = dy[n : n + dbias.size]
        for j in range(dbias.size):
            dbias[j] += row[j]


def dense_pair(product: Any, product_transposed_a: Any, product_transposed_b: Any) -> tuple[Any, Any]:
    """Both kernels, made from three products of matrices."""

    @fast_kernel
    def dense_forward(x, y, parameters, buffers, saved, shape, settings, key, training, part):
        """y = x W + b.

        Shapes  x (N, I), W (I, O), b (O,), y (N, O)
        Part    some of the units
        """
        inputs, outputs = shape[0], shape[1]
        first, last = share(outputs, TILE, part[0], part[1])
        if first < last:
            product(x.size // inputs, outputs, inputs, x, parameters, y, first, last)
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
            product_transposed_a(inputs, outputs, rows, x, dy, dparameters, first, last)
            if dx.size:
                product_transposed_b(rows, inputs, outputs, dy, parameters, dx, first, last)

    return dense_forward, dense_backward


dense_forward, dense_backward = dense_pair(matmul, matmul_transposed_a, matmul_transposed_b)
small_dense = dense_pair(small_matmul, small_matmul_transposed_a, small_matmul_transposed_b)


def dense_kernels(inputs: int, outputs: int) -> tuple[Any, Any]:
    """The kernels of a layer: for one whose products are never cut into panels, those that are compiled sooner.

    Both compute the same bits. Batches of more than LARGE_BATCH images would gain from panels in some more layers.
    """
    small = min(inputs, outputs) < FEW or inputs * max(outputs, LARGE_BATCH) < PACKED
    return small_dense if small else (dense_forward, dense_backward)


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
        small_matmul_transposed_b(rows, inputs, outputs, dy, parameters, dx, 0, inputs)
