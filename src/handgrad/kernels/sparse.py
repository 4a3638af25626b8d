"""Products that leave out what is zero: half of the pixels of Fashion-MNIST are black, four fifths of MNIST's.

Forward     y[n] = sum_k x[n, k] W[k]: (1) list, for each group of four images n, the pixels k that are not zero in one
            of them; (2) blocks whose inner index runs over the list
Backward    dW[k] = sum_n x[n, k] dy[n]: (1) list, for each group of four neighbouring pixels k, the images n that are
            not zero in one of them; (2) the same blocks

Leaving a zero term out changes no bit of a sum. Why groups of four: one list serves all rows of a block, and the more
rows, the fewer pixels are zero in all of them; four rows of four vectors are sixteen sums, as in `blocks`. Where few
pixels are zero, lists cost more than they save: so they are for the first layer only, and for images that are dark
enough, see `share_of_zeros`.
"""

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from handgrad.kernels.blocks import I32, I64, VECTOR_BYTES, block, splat
from handgrad.kernels.compile import fast_kernel, inline_kernel
from handgrad.kernels.matmul import product
from handgrad.kernels.processor import FEATURES

BITS = 16
GROUP = 4  # rows of a block; divides BITS
AT_ONCE = 256  # groups that are looked at together, so that they stay in the cache
FEW = 2 * GROUP  # images, for fewer of which lists cost more than they save
VECTORS = 2 if VECTOR_BYTES == 32 else 4  # of a row of its largest block: AVX has half the registers
# Blocks of as many vectors a row as registers hold, of two, and of one that is masked.
most, pair = block(GROUP, VECTORS, listed=True), block(GROUP, 2, listed=True)
single = block(GROUP, 1, masked=True, listed=True)


@intrinsic
def nonzero_bits(typing_context: Any, array: Any, start: Any, select: Any) -> Any:
    """Bit i of the result, for i = 0 to 15, is set where `array[start + i]`, flat, has a bit in common with `select`.

    The numbers are taken as the bits they are stored in: a `select` of all but the sign asks a float for being no zero.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        number = ir.IntType(signature.args[0].dtype.bitwidth)
        vector = ir.VectorType(number, BITS)
        here = builder.load(builder.bitcast(builder.gep(data, [values[1]]), vector.as_pointer()), align=4)
        wanted = values[2] if number == I64 else builder.trunc(values[2], number)
        found = builder.and_(here, splat(builder, wanted, BITS))
        mask = builder.icmp_signed("!=", found, ir.Constant(vector, [0] * BITS))
        return builder.zext(builder.bitcast(mask, ir.IntType(BITS)), I64)

    return types.int64(array, types.int64, types.int64), generate


@intrinsic
def compress(typing_context: Any, bits: Any, base: Any, out: Any, count: Any) -> Any:
    """What `one_by_one` does, by one instruction of AVX-512."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        vector, mask = ir.VectorType(I32, BITS), ir.VectorType(ir.IntType(1), BITS)
        data = context.make_array(signature.args[2])(context, builder, values[2]).data
        numbers = splat(builder, builder.trunc(values[1], I32), BITS)
        numbers = builder.add(numbers, ir.Constant(vector, list(range(BITS))))
        chosen = builder.bitcast(builder.trunc(values[0], ir.IntType(BITS)), mask)
        function_type, name = ir.FunctionType(vector, [vector, vector, mask]), "llvm.x86.avx512.mask.compress.v16i32"
        instruction = cgutils.get_or_insert_function(builder.module, function_type, name)
        listed = builder.call(instruction, [numbers, ir.Constant(vector, [0] * BITS), chosen])
        builder.store(listed, builder.bitcast(builder.gep(data, [values[3]]), vector.as_pointer()), align=4)
        return builder.add(values[3], builder.ctpop(values[0]))

    return types.int64(types.int64, types.int64, out, types.int64), generate


@inline_kernel
def one_by_one(bits, base, out, count):
    """Write base + i to `out`, from `count` on, for each bit i of `bits` that is set; returns the new count.

    Shapes  out int32, with room for sixteen more: what lies beyond the result may be written to as well
    """
    for i in range(BITS):
        out[count] = base + i
        count += (bits >> i) & 1
    return count


list_bits = compress if "avx512f" in FEATURES else one_by_one


class Lists(NamedTuple):
    """For each group g of GROUP rows the k that count: `counts[g]` of `numbers`, 1 at least, from g * room on."""

    room: int
    numbers: Any  # int32
    counts: Any  # int64, one for each group; the last group is that of the last GROUP rows


@fast_kernel
def most_columns(j, m, n, a, a_row, a_inner, b, c, lists):
    """Columns j to j + VECTORS * width of the product: see `listed_product`."""
    for group in range(lists.counts.size):
        first, start, count = min(group * GROUP, m - GROUP), group * lists.room, lists.counts[group]
        most(a, a_row, a_inner, b, n, c, first, lists.numbers, start, count, j, 0)


@fast_kernel
def pair_columns(j, m, n, a, a_row, a_inner, b, c, lists):
    """Columns j to j + 2 * width of the product: see `listed_product`."""
    for group in range(lists.counts.size):
        first, start, count = min(group * GROUP, m - GROUP), group * lists.room, lists.counts[group]
        pair(a, a_row, a_inner, b, n, c, first, lists.numbers, start, count, j, 0)


@fast_kernel
def single_columns(j, m, n, a, a_row, a_inner, b, c, lists):
    """Columns j to j + width, or to n, of the product: see `listed_product`."""
    for group in range(lists.counts.size):
        first, start, count = min(group * GROUP, m - GROUP), group * lists.room, lists.counts[group]
        single(a, a_row, a_inner, b, n, c, first, lists.numbers, start, count, j, n - j)


@fast_kernel
def listed_product(m, n, a, a_row, a_inner, b, c, lists):
    """c = a b, of which each group of GROUP rows takes the k in its list; a[i, k] stands at i a_row + k a_inner.

    Shapes  b (K, n), c (m, n) flat, row-major
    """
    width = VECTOR_BYTES // c.itemsize
    step, j = VECTORS * width, 0
    while n >= step and n - j > 2 * width:
        most_columns(min(j, n - step), m, n, a, a_row, a_inner, b, c, lists)
        j += step
    while n >= 2 * width and j < n:
        pair_columns(min(j, n - 2 * width), m, n, a, a_row, a_inner, b, c, lists)
        j += 2 * width
    while j < n:
        single_columns(j, m, n, a, a_row, a_inner, b, c, lists)
        j += width


@inline_kernel
def rounded(number, multiple):
    """The least multiple that is not below `number`."""
    return -(-number // multiple) * multiple


@fast_kernel
def nonzero_masks(x, rows, pixels):
    """(rows of masks, masks): bit i of masks[chunk rows + n] tells whether x[n, 16 chunk + i] is not zero.

    Shapes  x (rows, pixels) flat; masks (ceil(pixels / 16), rows rounded up to 16) flat, int32, no bits in the rest
    """
    high, select = rounded(rows, BITS), (1 << (8 * x.itemsize - 1)) - 1  # all bits but the sign: -0.0 is zero too
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
        product(m, n, inner, a, inner, 1, b, c, 0, n)
        return
    listed_product(m, n, a, inner, 1, b, c, list_pixels(a, m, inner))


@fast_kernel
def sparse_matmul_transposed_a(m, n, inner, a, b, c):
    """c = a^T b.  Shapes  a (inner, m), b (inner, n), c (m, n), flat and row-major"""
    if m < GROUP or inner < FEW:
        product(m, n, inner, a, 1, m, b, c, 0, n)
        return
    listed_product(m, n, a, 1, m, b, c, list_images(a, inner, m))


def share_of_zeros(images: Any, background: float) -> float:
    """Share of the pixels that equal `background` in GROUP neighbouring images at once.  Shapes  images (N, D)"""
    blocks, count = len(images) // GROUP, 0
    for first in range(0, GROUP * blocks, GROUP * AT_ONCE):
        part = images[first : min(first + GROUP * AT_ONCE, GROUP * blocks)] == background
        count += int(np.count_nonzero(np.logical_and.reduce([part[i::GROUP] for i in range(GROUP)])))
    return count / max(1, blocks * images.shape[1])
