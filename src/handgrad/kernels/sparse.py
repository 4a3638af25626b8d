"""Products that leave out what is zero in a whole block: half of MNIST's pixels are black in eight images at once.

Leaving a zero term out changes no bit of a sum. The lists that this needs make every other product slower, so these
are only for the first layer, and only where the images are dark enough: see `share_of_zeros`.
"""

import numpy as np

from handgrad.kernels.blocks import ROWS, VECTOR_BYTES, block
from handgrad.kernels.compile import fast_kernel

wide, wide_one = block(ROWS, 2, False, True), block(1, 2, False, True)
narrow, narrow_one = block(ROWS, 1, True, True), block(1, 1, True, True)


@fast_kernel
def listed_columns(j, n, a, a_row, a_inner, b, c, rows, inner, counts):
    """Columns j to j + 2 * lanes of the product, or j to n where fewer are left than one vector holds."""
    size = ROWS if rows.size >= ROWS else 1
    step = inner.size // counts.size if counts.size > 1 else 0
    is_wide = n >= 2 * VECTOR_BYTES // c.itemsize
    for i in range(0, rows.size, size):
        number = i // size
        first, start, count = min(i, rows.size - size), number * step, counts[min(number, counts.size - 1)]
        if size == ROWS and is_wide:
            wide(a, a_row, a_inner, b, n, c, rows, first, inner, start, count, j, 0)
        elif size == ROWS:
            narrow(a, a_row, a_inner, b, n, c, rows, first, inner, start, count, j, n - j)
        elif is_wide:
            wide_one(a, a_row, a_inner, b, n, c, rows, first, inner, start, count, j, 0)
        else:
            narrow_one(a, a_row, a_inner, b, n, c, rows, first, inner, start, count, j, n - j)


@fast_kernel
def listed_product(n, a, a_row, a_inner, b, c, rows, inner, counts):
    """c[i, j] = sum_k a[i, k] b[k, j] for every i in `rows`; a[i, k] stands at i a_row + k a_inner.

    Shapes  b (K, n), c (M, n) flat, row-major; rows (m,) int64, some of 0 to M - 1
            inner int64: the k that count, `counts[0]` of them for all rows; or one list for each block of rows, of
            which `counts[block]` are taken. A list has one k at least
    """
    lanes = VECTOR_BYTES // c.itemsize
    step = 2 * lanes if n >= 2 * lanes else lanes
    for j in range(0, n, step):
        listed_columns(min(j, n - step) if step > lanes else j, n, a, a_row, a_inner, b, c, rows, inner, counts)


@fast_kernel
def nonzero_columns(x, first, rows, inner, columns):
    """List in `columns` the k with x[i, k] not zero for some i from `first` to first + rows; returns how many.

    Shapes  x (any, inner) flat; columns (inner,) int64.  One at least is listed, so that a sum has a term.
    """
    seen = np.zeros(inner, np.bool_)
    for i in range(first, first + rows):
        for k in range(inner):
            seen[k] |= x[i * inner + k] != 0
    count = 0
    for k in range(inner):
        columns[count] = k
        count += seen[k]
    return max(count, 1)


@fast_kernel
def sparse_matmul(m, n, inner, a, b, c):
    """c = a b.  Shapes  a (m, inner), b (inner, n), c (m, n), flat and row-major"""
    size = ROWS if m >= ROWS else 1
    blocks = (m + size - 1) // size
    lists, counts = np.empty(blocks * inner, np.int64), np.empty(blocks, np.int64)
    for number in range(blocks):
        here = lists[number * inner : (number + 1) * inner]
        counts[number] = nonzero_columns(a, min(number * size, m - size), size, inner, here)
    listed_product(n, a, inner, 1, b, c, np.arange(m), lists, counts)


@fast_kernel
def sparse_matmul_transposed_a(m, n, inner, a, b, c):
    """c = a^T b.  Shapes  a (inner, m), b (inner, n), c (m, n), flat and row-major"""
    rows = np.empty(m, np.int64)
    count = nonzero_columns(a, 0, inner, m, rows)
    c[: m * n] = 0
    listed_product(n, a, 1, m, b, c, rows[:count], np.arange(inner), np.full(1, inner))


@fast_kernel
def share_of_zeros(images, background):
    """Share of the pixels that equal `background` in ROWS neighbouring images at once.  Shapes  images (N, D)"""
    count, blocks = 0, images.shape[0] // ROWS
    for number in range(blocks):
        for k in range(images.shape[1]):
            dark = True
            for i in range(number * ROWS, (number + 1) * ROWS):
                dark &= images[i, k] == background
            count += dark
    return count / max(1, blocks * images.shape[1])
