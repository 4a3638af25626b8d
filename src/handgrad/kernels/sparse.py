"""Products that leave out what is zero: half of the pixels of Fashion-MNIST are black, four fifths of MNIST's.

A block takes four images at once in the forward pass, and four neighbouring pixels in the backward one; it runs over
a list of the pixels, or of the images, that are not zero in all four of them. Leaving a zero term out changes no bit
of a sum. The lists make every other product slower, so these are only for the first layer, and only where the images
are dark enough: see `share_of_zeros`.
"""

from typing import Any, NamedTuple

import numpy as np

from handgrad.kernels.bitmasks import BITS, list_bits, nonzero_bits
from handgrad.kernels.blocks import VECTOR_BYTES, block
from handgrad.kernels.compile import fast_kernel, inline_kernel
from handgrad.kernels.matmul import matmul, matmul_transposed_a

GROUP = 4  # rows of a block; divides BITS
FEW = 2 * GROUP  # images, for fewer of which lists cost more than they save
VECTORS = 2 if VECTOR_BYTES == 32 else 4  # of its widest kind: AVX has half the registers
widest, wide = block(GROUP, VECTORS, listed=True), block(GROUP, 2, listed=True)
narrow = block(GROUP, 1, masked=True, listed=True)


class Lists(NamedTuple):
    """For each group g of GROUP rows the k that count: `counts[g]` of `numbers`, 1 at least, from g * room on."""

    room: int
    numbers: Any  # int32
    counts: Any  # int64, one for each group; the last group is that of the last GROUP rows


@fast_kernel
def widest_columns(j, m, n, a, a_row, a_inner, b, c, lists):
    """Columns j to j + VECTORS * lanes of the product: see `listed_product`."""
    for group in range(lists.counts.size):
        first, start, count = min(group * GROUP, m - GROUP), group * lists.room, lists.counts[group]
        widest(a, a_row, a_inner, b, n, c, first, lists.numbers, start, count, j, 0)


@fast_kernel
def wide_columns(j, m, n, a, a_row, a_inner, b, c, lists):
    """Columns j to j + 2 * lanes of the product: see `listed_product`."""
    for group in range(lists.counts.size):
        first, start, count = min(group * GROUP, m - GROUP), group * lists.room, lists.counts[group]
        wide(a, a_row, a_inner, b, n, c, first, lists.numbers, start, count, j, 0)


@fast_kernel
def narrow_columns(j, m, n, a, a_row, a_inner, b, c, lists):
    """Columns j to j + lanes, or to n, of the product: see `listed_product`."""
    for group in range(lists.counts.size):
        first, start, count = min(group * GROUP, m - GROUP), group * lists.room, lists.counts[group]
        narrow(a, a_row, a_inner, b, n, c, first, lists.numbers, start, count, j, n - j)


@fast_kernel
def listed_product(m, n, a, a_row, a_inner, b, c, lists):
    """c = a b, of which each group of GROUP rows takes the k in its list; a[i, k] stands at i a_row + k a_inner.

    Shapes  b (K, n), c (m, n) flat, row-major
    """
    lanes = VECTOR_BYTES // c.itemsize
    step, j = VECTORS * lanes, 0
    while n >= step and n - j > 2 * lanes:
        widest_columns(min(j, n - step), m, n, a, a_row, a_inner, b, c, lists)
        j += step
    while n >= 2 * lanes and j < n:
        wide_columns(min(j, n - 2 * lanes), m, n, a, a_row, a_inner, b, c, lists)
        j += 2 * lanes
    while j < n:
        narrow_columns(j, m, n, a, a_row, a_inner, b, c, lists)
        j += lanes


@inline_kernel
def rounded(number, multiple):
    """The least multiple that is not below `number`."""
    return -(-number // multiple) * multiple


@fast_kernel
def nonzero_masks(x, rows, pixels):
    """(rows of masks, masks): bit i of masks[chunk rows + n] tells whether x[n, 16 chunk + i] is not zero.

    Shapes  x (rows, pixels) flat; masks (ceil(pixels / 16), rows rounded up to 16) flat, int32, no bits in the rest
    """
    high, select = rounded(rows, BITS), (1 << (8 * x.itemsize - 1)) - 1
    masks = np.zeros(rounded(pixels, BITS) // BITS * high, np.int32)
    for chunk in range(pixels // BITS):
        for n in range(rows):
            masks[chunk * high + n] = nonzero_bits(x, n * pixels + chunk * BITS, select)
    whole = pixels // BITS
    for k in range(whole * BITS, pixels):
        for n in range(rows):
            masks[whole * high + n] |= (x[n * pixels + k] != 0) << (k - whole * BITS)
    return high, masks


@fast_kernel
def list_pixels(x, rows, pixels):
    """The pixels that are not zero in each group of images.  Shapes  x (rows, pixels) flat"""
    high, masks = nonzero_masks(x, rows, pixels)
    room = rounded(pixels, BITS) + BITS
    counts = np.empty(rounded(rows, GROUP) // GROUP, np.int64)
    numbers = np.empty(counts.size * room, np.int32)
    for group in range(counts.size):
        here, count = numbers[group * room : (group + 1) * room], 0
        first = min(group * GROUP, rows - GROUP)
        for chunk in range(masks.size // high):
            bits = 0
            for n in range(first, first + GROUP):
                bits |= masks[chunk * high + n]
            count = list_bits(bits, chunk * BITS, here, count)
        if count == 0:  # a sum has one term at least; and there, beyond its count, `list_bits` may have written
            here[0], count = 0, 1
        counts[group] = count
    return Lists(room, numbers, counts)


@fast_kernel
def list_images(x, rows, pixels):
    """The images that are not zero in each group of pixels.  Shapes  x (rows, pixels) flat"""
    high, masks = nonzero_masks(x, rows, pixels)
    room = high + BITS
    counts = np.empty(rounded(pixels, GROUP) // GROUP, np.int64)
    numbers = np.empty(counts.size * room, np.int32)
    for group in range(counts.size):
        here, count = numbers[group * room : (group + 1) * room], 0
        chunk, place = group * GROUP // BITS, group * GROUP % BITS
        for n in range(0, high, BITS):
            bits = nonzero_bits(masks, chunk * high + n, ((1 << GROUP) - 1) << place)
            count = list_bits(bits, n, here, count)
        if count == 0:  # a sum has one term at least; and there, beyond its count, `list_bits` may have written
            here[0], count = 0, 1
        counts[group] = count
    if pixels % GROUP:  # the last group overlaps the one before: it takes every image
        here = numbers[(counts.size - 1) * room :]
        for n in range(rows):
            here[n] = n
        counts[counts.size - 1] = rows
    return Lists(room, numbers, counts)


@fast_kernel
def sparse_matmul(m, n, inner, a, b, c):
    """c = a b.  Shapes  a (m, inner), b (inner, n), c (m, n), flat and row-major"""
    if m < FEW:
        matmul(m, n, inner, a, b, c)
        return
    listed_product(m, n, a, inner, 1, b, c, list_pixels(a, m, inner))


@fast_kernel
def sparse_matmul_transposed_a(m, n, inner, a, b, c):
    """c = a^T b.  Shapes  a (inner, m), b (inner, n), c (m, n), flat and row-major"""
    if m < GROUP or inner < FEW:
        matmul_transposed_a(m, n, inner, a, b, c)
        return
    listed_product(m, n, a, 1, m, b, c, list_images(a, inner, m))


@fast_kernel
def share_of_zeros(images, background):
    """Share of the pixels that equal `background` in GROUP neighbouring images at once.  Shapes  images (N, D)"""
    count, blocks = 0, images.shape[0] // GROUP
    for number in range(blocks):
        for k in range(images.shape[1]):
            dark = True
            for i in range(number * GROUP, (number + 1) * GROUP):
                dark &= images[i, k] == background
            count += dark
    return count / max(1, blocks * images.shape[1])
