"""Matrix products of the sizes that small networks have, from blocks that stay in registers.

No BLAS: on these thin shapes its packing and dispatch cost more than they bring, and its bits change with the library,
the number of threads and the processor that it thinks it is on. Here the sum over the inner dimension is taken in its
own order, one fused multiply-add a term, whatever the sizes: a row's bits do not depend on how many rows there are.

The product is cut into columns of two vectors, these into blocks of ROWS rows: the columns of b stay in the cache for
all blocks below one another. The last block overlaps its neighbour rather than being smaller: the same numbers are
computed twice, to the same bits. Only where n is below two vectors are single, masked ones used. Larger factors than
a cache holds are cut further, see `packed`; gradients of large weights are computed row by row.
"""

import numpy as np

from handgrad.kernels.blocks import ROWS, VECTOR_BYTES, block
from handgrad.kernels.compile import fast_kernel, inline_kernel
from handgrad.kernels.packed import aligned, pack_columns, packed_product, transpose

# Blocks of a pair of vectors and of a single, masked one: of ROWS rows, of half as many, of one.
pair, pair_half, pair_row = block(ROWS, 2), block(ROWS // 2, 2), block(1, 2)
single, single_half, single_row = block(ROWS, 1, True), block(ROWS // 2, 1, True), block(1, 1, True)
# Where cutting into panels pays, measured: see benchmarks/LOG.md.
FEW, MANY, MOST = 4 * ROWS, 16 * ROWS, 256 * ROWS  # rows, columns or terms
PACKED, LARGE = 1 << 18, 15 << 16  # numbers of the weights
SCRATCH, NEAR = 1 << 16, 1 << 10  # numbers of a transpose at once; from one row of a to the next, read where they lie
NO_LIST = np.empty(0, np.int32)


@fast_kernel
def block_rows(m):
    """How many rows the blocks of a product with m rows have."""
    return ROWS if m >= ROWS else (ROWS // 2 if m >= ROWS // 2 else 1)


@fast_kernel
def pair_columns(j, m, n, inner, a, a_row, a_inner, b, c):
    """Columns j to j + 2 * width of the product: see `product`."""
    size = block_rows(m)
    for i in range(0, m, size):
        first = min(i, m - size)
        if size == ROWS:
            pair(a, a_row, a_inner, b, n, c, first, NO_LIST, 0, inner, j, 0)
        elif size > 1:
            pair_half(a, a_row, a_inner, b, n, c, first, NO_LIST, 0, inner, j, 0)
        else:
            pair_row(a, a_row, a_inner, b, n, c, first, NO_LIST, 0, inner, j, 0)


@fast_kernel
def single_columns(j, columns, m, n, inner, a, a_row, a_inner, b, c):
    """Columns j to j + width, or as many as are left, of the product: see `product`."""
    size = block_rows(m)
    for i in range(0, m, size):
        first = min(i, m - size)
        if size == ROWS:
            single(a, a_row, a_inner, b, n, c, first, NO_LIST, 0, inner, j, columns)
        elif size > 1:
            single_half(a, a_row, a_inner, b, n, c, first, NO_LIST, 0, inner, j, columns)
        else:
            single_row(a, a_row, a_inner, b, n, c, first, NO_LIST, 0, inner, j, columns)


@fast_kernel
def product(m, n, inner, a, a_row, a_inner, b, c, first, last):
    """Columns first to last of c = a b; a[i, k] stands at i a_row + k a_inner: (inner, 1) for rows, (1, m) for columns.

    Shapes  a (m * inner,), b (inner * n,) row-major, c (m * n,) row-major
    """
    width = VECTOR_BYTES // c.itemsize
    if last - first >= 2 * width:
        for j in range(first, last, 2 * width):
            pair_columns(min(j, last - 2 * width), m, n, inner, a, a_row, a_inner, b, c)
    else:
        for j in range(first, last, width):
            single_columns(j, last - j, m, n, inner, a, a_row, a_inner, b, c)


@fast_kernel
def product_by_rows(m, n, inner, a, b, c, first, last):
    """Rows first to last of c = a^T b, ROWS of them after another: c, the largest matrix, is written as memory has it.

    Shapes  a (inner, m), b (inner, n), which stays in the second-level cache, c (m, n), flat and row-major
    """
    width = 2 * VECTOR_BYTES // c.itemsize
    copied = aligned(c, ROWS * inner)
    for i in range(first, last, ROWS):
        start = min(i, last - ROWS)
        columns, step, rows = a[start:], m, c[start * n :]
        if m > NEAR:
            pack_columns(a, start, m, ROWS, inner, copied)
            columns, step = copied, ROWS
        for j in range(0, n, width):
            pair(columns, 1, step, b, n, rows, 0, NO_LIST, 0, inner, min(j, n - width), 0)


@inline_kernel
def conflict(row, array):
    """Whether rows of so many numbers lie a distance apart that brings them into a few sets of the caches."""
    return row * array.itemsize % 2048 == 0


@fast_kernel
def matmul(m, n, inner, a, b, c, first, last):
    """Columns first to last of c = a b.  Shapes  a (m, inner), b (inner, n), c (m, n), flat and row-major"""
    if min(m, n, inner) >= FEW and inner * n >= PACKED:
        packed_product(m, n, inner, a, inner, 1, b, c, first, last)
    else:
        product(m, n, inner, a, inner, 1, b, c, first, last)


@fast_kernel
def matmul_transposed_a(m, n, inner, a, b, c, first, last):
    """Rows first to last of c = a^T b.  Shapes  a (inner, m), b (inner, n), c (m, n), flat and row-major"""
    here, rows = c[first * n :], last - first
    large = min(rows, n) >= FEW and inner >= (FEW if conflict(n, c) else MANY) and m * max(n, inner) >= PACKED
    if large and inner <= MOST:
        product_by_rows(m, n, inner, a, b, c, first, last)
    elif large:
        packed_product(rows, n, inner, a[first:], 1, m, b, here, 0, n)
    else:
        product(rows, n, inner, a[first:], 1, m, b, here, 0, n)


@fast_kernel
def matmul_transposed_b(m, n, inner, a, b, c, first, last):
    """Columns first to last of c = a b^T, as the transpose of b a^T: blocks want rows of their second factor.

    Shapes  a (m, inner), b (n, inner), c (m, n), flat and row-major
    """
    some = max(SCRATCH // m // FEW, 1) * FEW  # rows of the transpose at once: it stays in the second-level cache
    a_transposed, c_transposed = aligned(a, inner * m), aligned(c, min(some, last - first) * m)
    transpose(a, m, inner, a_transposed, m)
    panels = min(m, n, inner) >= FEW and n * inner >= (PACKED if conflict(inner, b) else LARGE)
    for start in range(first, last, some):
        rows, weights = min(some, last - start), b[start * inner :]
        if panels:
            packed_product(rows, m, inner, weights, inner, 1, a_transposed, c_transposed, 0, m)
        else:
            product(rows, m, inner, weights, inner, 1, a_transposed, c_transposed, 0, m)
        transpose(c_transposed[: rows * m], rows, m, c[start:], n)


@fast_kernel
def small_matmul(m, n, inner, a, b, c, first, last):
    """`matmul` of what is never cut into panels: without them, less is to be compiled."""
    product(m, n, inner, a, inner, 1, b, c, first, last)


@fast_kernel
def small_matmul_transposed_a(m, n, inner, a, b, c, first, last):
    """`matmul_transposed_a` of what is never cut into panels."""
    product(last - first, n, inner, a[first:], 1, m, b, c[first * n :], 0, n)


@fast_kernel
def small_matmul_transposed_b(m, n, inner, a, b, c, first, last):
    """`matmul_transposed_b` of what is never cut into panels."""
    rows = last - first
    a_transposed, c_transposed = np.empty(inner * m, a.dtype), np.empty(rows * m, c.dtype)
    transpose(a, m, inner, a_transposed, m)
    product(rows, m, inner, b[first * inner :], inner, 1, a_transposed, c_transposed, 0, m)
    transpose(c_transposed, rows, m, c[first:], n)
