"""Matrix products of the sizes that small networks have, from blocks that stay in registers.

No BLAS: on these thin shapes its packing and dispatch cost more than they bring, and its bits change with the library,
the number of threads and the processor that it thinks it is on. Here the sum over the inner dimension is taken in its
own order, one fused multiply-add a term, whatever the sizes.
"""

import numpy as np

from handgrad.kernels.blocks import ROWS, VECTOR_BYTES, block
from handgrad.kernels.compile import fast_kernel

wide_all, wide_2, wide_1 = block(ROWS, 2), block(2, 2), block(1, 2)
narrow_all, narrow_2, narrow_1 = block(ROWS, 1), block(2, 1), block(1, 1)
masked_all, masked_2, masked_1 = block(ROWS, 1, True), block(2, 1, True), block(1, 1, True)


@fast_kernel
def wide_columns(j, m, n, inner, a, a_row, a_inner, b, c):
    """Columns j to j + 2 * lanes of the product: see `product`."""
    i = 0
    while i + ROWS <= m:
        wide_all(a, i * a_row, a_row, a_inner, b, j, n, c, i * n + j, n, inner, 0)
        i += ROWS
    while i + 2 <= m:
        wide_2(a, i * a_row, a_row, a_inner, b, j, n, c, i * n + j, n, inner, 0)
        i += 2
    if i < m:
        wide_1(a, i * a_row, a_row, a_inner, b, j, n, c, i * n + j, n, inner, 0)


@fast_kernel
def narrow_columns(j, m, n, inner, a, a_row, a_inner, b, c):
    """Columns j to j + lanes of the product: see `product`."""
    i = 0
    while i + ROWS <= m:
        narrow_all(a, i * a_row, a_row, a_inner, b, j, n, c, i * n + j, n, inner, 0)
        i += ROWS
    while i + 2 <= m:
        narrow_2(a, i * a_row, a_row, a_inner, b, j, n, c, i * n + j, n, inner, 0)
        i += 2
    if i < m:
        narrow_1(a, i * a_row, a_row, a_inner, b, j, n, c, i * n + j, n, inner, 0)


@fast_kernel
def last_columns(j, m, n, inner, a, a_row, a_inner, b, c):
    """Columns j to n of the product, fewer than a vector holds: see `product`."""
    i = 0
    while i + ROWS <= m:
        masked_all(a, i * a_row, a_row, a_inner, b, j, n, c, i * n + j, n, inner, n - j)
        i += ROWS
    while i + 2 <= m:
        masked_2(a, i * a_row, a_row, a_inner, b, j, n, c, i * n + j, n, inner, n - j)
        i += 2
    if i < m:
        masked_1(a, i * a_row, a_row, a_inner, b, j, n, c, i * n + j, n, inner, n - j)


@fast_kernel
def product(m, n, inner, a, a_row, a_inner, b, c):
    """c = a b, where a[i, k] stands at i a_row + k a_inner: (inner, 1) for rows of a, (1, m) for its columns.

    Shapes  a (m * inner,), b (inner * n,) row-major, c (m * n,) row-major
    """
    lanes = VECTOR_BYTES // c.itemsize
    j = 0
    while n - j >= 2 * lanes:
        wide_columns(j, m, n, inner, a, a_row, a_inner, b, c)
        j += 2 * lanes
    if n - j >= lanes:
        narrow_columns(j, m, n, inner, a, a_row, a_inner, b, c)
        j += lanes
    if j < n:
        last_columns(j, m, n, inner, a, a_row, a_inner, b, c)


@fast_kernel
def transpose(a, rows, columns, out):
    """out = a^T.  Shapes  a (rows * columns,), out (columns * rows,), both row-major"""
    for i in range(rows):
        for j in range(columns):
            out[j * rows + i] = a[i * columns + j]


@fast_kernel
def matmul(m, n, inner, a, b, c):
    """c = a b.  Shapes  a (m, inner), b (inner, n), c (m, n), flat and row-major"""
    product(m, n, inner, a, inner, 1, b, c)


@fast_kernel
def matmul_transposed_a(m, n, inner, a, b, c):
    """c = a^T b.  Shapes  a (inner, m), b (inner, n), c (m, n), flat and row-major"""
    product(m, n, inner, a, 1, m, b, c)


@fast_kernel
def matmul_transposed_b(m, n, inner, a, b, c):
    """c = a b^T, as the transpose of b a^T: a and c are small beside b.

    Shapes  a (m, inner), b (n, inner), c (m, n), flat and row-major
    """
    a_transposed = np.empty(inner * m, a.dtype)
    c_transposed = np.empty(n * m, c.dtype)
    transpose(a, m, inner, a_transposed)
    product(n, m, inner, b, inner, 1, a_transposed, c_transposed)
    transpose(c_transposed, n, m, c)
