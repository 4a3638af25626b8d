"""Products of large matrices, cut so that each part is in the nearest cache while it is needed.

    for blocks of `inner` k, which fit a panel into the first-level cache, or nearly
        for blocks of rows of a, which stay in the second-level cache
            for panels of b, as many columns as a tile has
                for tiles of ROWS rows: c[tile] += a[rows, k] panel

The first tile of a panel reads b and copies it into the panel, where its rows are neighbours: in b itself they lie n
numbers apart, and where n is a multiple of 512 or so, all of them fall into the same few sets of the cache. Rows of a
are read where they lie; columns of it, for a^T b, are copied ROWS at a time. Each tile prefetches a part of what the
next panel or block takes from memory.

An element is still one chain of multiply-adds over k in order, from block to block through c: the same bits as from
the smaller blocks of `matmul`, whatever the sizes and whichever part of the product is asked for.

Ref     Van Zee & van de Geijn, BLIS: a framework for rapidly instantiating BLAS functionality, ACM TOMS 41 (2015)
"""

import numpy as np

from handgrad.kernels.blocks import ROWS, VECTOR_BYTES, tile, transpose_square
from handgrad.kernels.compile import fast_kernel, inline_kernel
from handgrad.kernels.program import CACHE_LINE_BYTES

INNER = 384  # k in a block
WIDE, NARROW = 1 << 17, 1 << 15  # numbers of a in a block of rows: where b is the larger matrix, and where a is
plain, packing = tile(ROWS, 2), tile(ROWS, 2, packing=True)


@inline_kernel
def aligned(like, size):
    """A vector of `like`'s type that starts at a cache line, not set: loads across two lines take twice as long."""
    room = np.empty(size + CACHE_LINE_BYTES // like.itemsize, like.dtype)
    start = (-room.ctypes.data % CACHE_LINE_BYTES) // like.itemsize
    return room[start : start + size]


@fast_kernel
def plain_tile(a, a_place, panel, c, c_place, count, fresh, ahead, ahead_place):
    """See `blocks.tile`."""
    plain(a, a_place, panel, c, c_place, count, fresh, panel, (0, 0), ahead, ahead_place)


@fast_kernel
def packing_tile(a, a_place, panel, c, c_place, count_fresh, b, b_place, ahead, ahead_place):
    """See `blocks.tile`."""
    packing(a, a_place, panel, c, c_place, count_fresh[0], count_fresh[1], b, b_place, ahead, ahead_place)


@fast_kernel
def square(a, a_start, a_row, out, start, row):
    """See `blocks.transpose_square`."""
    transpose_square(a, a_start, a_row, out, start, row)


@fast_kernel
def transpose(a, rows, columns, out, row):
    """out = a^T, its rows `row` numbers apart.  Shapes  a (rows * columns,) row-major, out (columns * row,)"""
    width = VECTOR_BYTES // a.itemsize
    high, wide = rows // width * width, columns // width * width
    for i in range(0, high, width):
        for j in range(0, wide, width):
            square(a, i * columns + j, columns, out, j * row + i, row)
    for i in range(rows):
        for j in range(wide if i < high else 0, columns):
            out[j * row + i] = a[i * columns + j]


@fast_kernel
def pack_columns(a, start, a_inner, rows, count, out):
    """Columns of a, ROWS at a time: out[block, k, r] = a[start + k a_inner + block ROWS + r]."""
    for k in range(count):
        for first in range(0, rows, ROWS):
            here, there = start + k * a_inner + first, first * count + k * ROWS
            source, target = a[here : here + min(ROWS, rows - first)], out[there : there + ROWS]
            for r in range(source.size):
                target[r] = source[r]


@inline_kernel
def copy_tile(source, start, row, target, target_start, target_row, rows_columns):
    """target[i, j] = source[i, j] for as many rows and columns as are left at an edge."""
    for i in range(rows_columns[0]):
        for j in range(rows_columns[1]):
            target[target_start + i * target_row + j] = source[start + i * row + j]


@inline_kernel
def halvings(number):
    """The whole part of log2(number), for a number of 2 at least; 1 for less."""
    out = 1
    while (4 << out) <= 2 * number:
        out += 1
    return out


@fast_kernel
def panel_product(panel, columns, n, a, a_place, b, b_place, c, c_place, sizes):
    """Tiles of one panel, one below another: c += a panel, for `sizes` = rows, k, whether c is fresh, a's prefetch.

    Shapes  a_place as `blocks.tile`; b_place: where the panel starts in b, and where the next one does; c_place: where
            its first tile starts, where the next panel's does; rows of b and c have n numbers
    """
    rows, count, fresh, ahead_row, ahead_start, ahead_step = sizes
    width = 2 * VECTOR_BYTES // c.itemsize
    edge, shift = aligned(c, ROWS * width), halvings(rows // ROWS)
    last = width // 2 - 1  # of a line's numbers: where rows begin within one, the line before is the last panel's, too
    if columns < width:
        copy_tile(b, b_place[0], n, panel, 0, width, (count, columns))
    for i in range(0, rows, ROWS):
        here = a_place[0] + i // ROWS * a_place[3], a_place[1], a_place[2]
        left, place = min(ROWS, rows - i), c_place[0] + i * n
        after = last + (place + ROWS * n if i + ROWS < rows else c_place[1])
        ahead, lines = b, (last + b_place[1] + ((i // ROWS * count) >> shift) * n, 1, width // 2, shift, n, after)
        if ahead_row:
            ahead, lines = a, (ahead_start + i * ahead_row, 7, ahead_row, 3, ahead_step, after)
        whole = left == ROWS and columns == width
        if not whole:
            copy_tile(c, place, n, edge, 0, width, (left, columns))
        out, out_place = (c, (place, n)) if whole else (edge, (0, width))
        if i == 0 and columns == width:
            packing_tile(a, here, panel, out, out_place, (count, fresh), b, (b_place[0], n), ahead, lines)
        else:
            plain_tile(a, here, panel, out, out_place, count, fresh, ahead, lines)
        if not whole:
            copy_tile(edge, 0, width, c, place, n, (left, columns))


@fast_kernel
def packed_product(m, n, inner, a, a_row, a_inner, b, c, first, last):
    """Columns first to last of c = a b: see `matmul.product`.

    Shapes  a (m, inner) at i a_row + k a_inner, one of which is 1; b (inner, n), c (m, n) flat, row-major
    """
    width, direct = 2 * VECTOR_BYTES // c.itemsize, a_inner == 1
    panels, most = -(-(last - first) // width), -(-inner // -(-inner // INNER))
    a_larger = direct and m > last - first
    rows = max(ROWS, min((NARROW if a_larger else WIDE) // most // ROWS * ROWS, -(-m // ROWS) * ROWS))
    rows = -(-m // -(-m // rows) // ROWS) * ROWS
    panel = aligned(c, width * most)
    packed = a if direct else aligned(c, rows * most)
    rest = m % ROWS if direct else 0  # a tile reads ROWS rows: the last ones are copied, as behind them a ends
    last_rows = aligned(c, ROWS * most)
    for start in range(0, inner, most):
        count = min(most, inner - start)
        copy_tile(a, (m - rest) * a_row + start, a_row, last_rows, 0, most, (rest, count))
        for i in range(0, m, rows):
            high = min(rows, m - i)
            whole = high // ROWS * ROWS if rest else high
            a_place = i * a_row + start, a_row, 1, ROWS * a_row
            if not direct:
                pack_columns(a, i * a_row + start * a_inner, a_inner, high, count, packed)
                a_place = 0, 1, ROWS, ROWS * count
            for j in range(first, last, width):
                follows = j + 2 * width <= last
                b_place = start * n + j, start * n + (j + width if follows else first)
                c_place = i * n + j, i * n + (j + width if follows else first)
                ahead = (i + rows) * a_row + start + (j - first) // width * count // panels
                fresh, step, columns = int(start == 0), max(1, 8 // panels), min(width, last - j)
                if whole:
                    sizes = whole, count, fresh, a_row if a_larger else 0, ahead, step
                    panel_product(panel, columns, n, packed, a_place, b, b_place, c, c_place, sizes)
                if high > whole:
                    place, below = (0, most, 1, 0), (c_place[0] + whole * n, c_place[1])
                    sizes = high - whole, count, fresh, 0, ahead, step
                    panel_product(panel, columns, n, last_rows, place, b, b_place, c, below, sizes)
