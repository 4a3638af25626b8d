"""Convolutions with kernels of 3 x 3 and stride 1 by Winograd's minimal filtering F(2 x 2, 3 x 3).

Layout  columns, and `shape` as in kernels.grouped_convolution
Math    A tile of 2 x 2 numbers of y comes from 4 x 4 numbers d of x, which overlap by two with the next tile's:
            y = A^T [sum_c (G w G^T) * (B^T d B)] A,    * number by number, w the kernel of a filter and a channel
        so 16 products of a filter and a channel stand for the 36 of the sum over taps. Each of the 16 is a product of
        matrices, (filters, channels) by (channels, tiles * N)
dx      the same of dy, under the kernel turned by 180 degrees, which exchanges the first and last row and column of
        G w G^T
dweight the same sum read from its other end: G^T [sum_tiles (A dy A^T) * (B^T d B)] G
saved   nothing
Error   of y and dx below the plain sum's, as sums are shorter, of dweight twice that: see benchmarks/LOG.md
Ref     Lavin & Gray, Fast algorithms for convolutional neural networks (2016)
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from handgrad.kernels.blocks import I64, ROWS, VECTOR_BYTES, splat
from handgrad.kernels.compile import fast_kernel, inline_kernel, strict_kernel
from handgrad.kernels.implicit_gemm import FILTERS, TAPS, bias_gradients, dot_block
from handgrad.kernels.packed import aligned, packed_product
from handgrad.kernels.program import CACHE_LINE_BYTES, share

B_T = (1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, -1, 0, 1)
A_T = (1, 1, 1, 0), (0, 1, -1, 1)
A = tuple(zip(*A_T, strict=True))
SIDE, POINTS = 4, 16  # of a tile of x, and of the products that stand for it
BLOCK = 1 << 17  # numbers of transformed tiles, of x and of y, at a time: half of a second-level cache
COLUMNS = 512  # tiles * N at a time, at most, unless one tile has more
IMAGES = 256  # of a tile at a time
CHANNELS = 128  # of dweight at a time: so many rows of transformed x stay in the second-level cache


def both_sides(matrix: Any) -> Any:
    """A compiled function (source, places, target, target_places, margin, count, bias).

    Math    target = M source M^T for each of `count` images; bias[0] is added to source's number (1, 1), which A^T . A
            adds to each number of y
    Places  where each number of the two square matrices stands for the first image, the others follow; -1: outside of
            the images. Outside, zeros are read from `margin`, and what would stand there is written to it
    """

    @intrinsic
    def transform(typing_context: Any, source: Any, places: Any, target: Any, target_places: Any, *rest: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            builder.function.attributes.add("noinline")
            margin, count, bias = (builder.extract_value(values[4], i) for i in range(3))
            arrays = [*zip(signature.args[:4], values[:4], strict=True), (rest[0], margin), (rest[2], bias)]
            data = [context.make_array(of)(context, builder, value).data for of, value in arrays]

            def numbers(array: Any, listed: Any, side: int) -> list[Any]:
                found = [builder.load(builder.gep(listed, [ir.Constant(I64, i)])) for i in range(side * side)]
                outside = [builder.icmp_signed("<", place, ir.Constant(I64, 0)) for place in found]
                return [
                    builder.select(out, data[4], builder.gep(array, [place]))
                    for out, place in zip(outside, found, strict=True)
                ]

            starts, ends = numbers(data[0], data[1], len(matrix[0])), numbers(data[2], data[3], len(matrix))
            width, real = VECTOR_BYTES * 8 // source.dtype.bitwidth, context.get_value_type(source.dtype)
            added = builder.load(data[5]) if len(matrix) < len(matrix[0]) else None
            whole = builder.and_(count, ir.Constant(I64, -width))
            zero = ir.Constant(I64, 0)
            for first, stop, together in ((zero, whole, width), (whole, count, 1)):
                vector, step = ir.VectorType(real, together), ir.Constant(I64, together)
                with cgutils.for_range_slice(builder, first, stop, step, inc=True) as (n, _):

                    def at(pointer: Any, n: Any = n, vector: Any = vector) -> Any:
                        return builder.bitcast(builder.gep(pointer, [n]), vector.as_pointer())

                    align = source.dtype.bitwidth // 8
                    tile = [builder.load(at(pointer), align=align) for pointer in starts]
                    if added is not None:
                        tile[SIDE + 1] = builder.fadd(tile[SIDE + 1], splat(builder, added, together))
                    for pointer, value in zip(ends, _sandwich(builder, matrix, tile), strict=True):
                        builder.store(value, at(pointer), align=align)
            return context.get_dummy_value()

        more = types.StarArgTuple((rest[0], types.int64, rest[2]))
        return types.void(source, places, target, target_places, more), generate

    return transform


def _sandwich(builder: Any, matrix: Any, tile: list[Any]) -> list[Any]:
    """M d M^T, of vectors; M has the numbers 0, 1 and -1, and a 1 in each row."""

    def weighed(weights: Any, terms: list[Any]) -> Any:
        plus, minus = ([t for w, t in zip(weights, terms, strict=True) if w == sign] for sign in (1, -1))
        out = plus[0]
        for term in plus[1:]:
            out = builder.fadd(out, term)
        for term in minus:
            out = builder.fsub(out, term)
        return out

    side = len(matrix[0])
    rows = [[weighed(weights, tile[j::side]) for j in range(side)] for weights in matrix]
    return [weighed(weights, row) for row in rows for weights in matrix]


of_images, of_outputs, of_gradients = both_sides(B_T), both_sides(A_T), both_sides(A)


@fast_kernel
def images_tile(source, places, target, target_places, margin, count, bias):
    """B^T d B: see `both_sides`."""
    of_images(source, places, target, target_places, margin, count, bias)


@fast_kernel
def outputs_tile(source, places, target, target_places, margin, count, bias):
    """A^T m A: see `both_sides`."""
    of_outputs(source, places, target, target_places, margin, count, bias)


@fast_kernel
def gradients_tile(source, places, target, target_places, margin, count, bias):
    """A dy A^T: see `both_sides`."""
    of_gradients(source, places, target, target_places, margin, count, bias)


@inline_kernel
def tile_places(places, row, column, sizes, batch, n):
    """Where the numbers of a square tile from (row, column) on stand in images of `sizes`, for image n; -1: outside."""
    side = SIDE if places.size == POINTS else SIDE // 2
    for i in range(side):
        for j in range(side):
            inside = 0 <= row + i < sizes[0] and 0 <= column + j < sizes[1]
            places[i * side + j] = ((row + i) * sizes[1] + column + j) * batch + n if inside else -1


@inline_kernel
def apart(rows, columns, itemsize):
    """How far apart the 16 matrices lie: not by a power of two, or they would share a few sets of the cache."""
    return rows * columns + 3 * CACHE_LINE_BYTES // itemsize


@inline_kernel
def sizes_of(shape):
    """(channels, height, width, filters, zeros above and to the left, output height and width) of a layer's `shape`."""
    return shape[0], shape[1], shape[2], shape[3], shape[8], shape[9], shape[10], shape[11]


@inline_kernel
def pieces(batch):
    """(pieces, images of one): in how many a tile's images are taken."""
    count = -(-batch // IMAGES)
    return count, -(-batch // count)


@strict_kernel
def transform_weights(weight, filters, channels, first, last, out):
    """out[point, o, c] = G w[o, c] G^T of channels first to last.  Shapes  weight (O, C, 3, 3) flat"""
    wide, half = last - first, weight.dtype.type(0.5)
    step = apart(filters, wide, weight.itemsize)
    rows = np.empty((4, 3), weight.dtype)
    for o in range(filters):
        for c in range(wide):
            w = weight[(o * channels + first + c) * 9 : (o * channels + first + c + 1) * 9]
            for j in range(3):
                outer = w[j] + w[6 + j]
                rows[0, j], rows[3, j] = w[j], w[6 + j]
                rows[1, j], rows[2, j] = half * (outer + w[3 + j]), half * (outer - w[3 + j])
            here = o * wide + c
            for i in range(SIDE):
                outer, at = rows[i, 0] + rows[i, 2], i * SIDE * step + here
                out[at], out[at + 3 * step] = rows[i, 0], rows[i, 2]
                out[at + step], out[at + 2 * step] = half * (outer + rows[i, 1]), half * (outer - rows[i, 1])


@strict_kernel
def add_weight_gradient(product, out):
    """out = G^T product G.  Shapes  product (4, 4), out (9,)"""
    half, rows = product.dtype.type(0.5), np.empty((3, 4), product.dtype)
    for j in range(SIDE):
        plus, minus = half * (product[1, j] + product[2, j]), half * (product[1, j] - product[2, j])
        rows[0, j], rows[1, j], rows[2, j] = product[0, j] + plus, minus, plus + product[3, j]
    for i in range(3):
        plus, minus = half * (rows[i, 1] + rows[i, 2]), half * (rows[i, 1] - rows[i, 2])
        out[3 * i], out[3 * i + 1], out[3 * i + 2] = rows[i, 0] + plus, minus, plus + rows[i, 3]


@inline_kernel
def piece_of(unit, batch, across):
    """(row, column, first image, images) of a unit of work: some images' tile of 2 x 2 numbers."""
    count, size = pieces(batch)
    tile, n = unit // count, unit % count * size
    return tile // across * 2, tile % across * 2, n, min(size, batch - n)


@inline_kernel
def columns_of(first, last, batch, across):
    """Images of units first to last, all in all."""
    total = 0
    for unit in range(first, last):
        total += piece_of(unit, batch, across)[3]
    return total


@inline_kernel
def tiles_of(sizes):
    """(how many tiles of 2 x 2 stand beside each other, how many there are) in images of `sizes`."""
    across = -(-sizes[1] // 2)
    return across, -(-sizes[0] // 2) * across


@inline_kernel
def turned_point(p):
    """Where the transformed weights of the kernel turned by 180 degrees have number p of theirs."""
    i, j = p // SIDE, p % SIDE
    return (3 - i if i % 3 == 0 else i) * SIDE + (3 - j if j % 3 == 0 else j)


@fast_kernel
def transform_images(source, images, units, batch, across, wide, v):
    """v[point, c, column] = B^T d B of the tiles of units[0] to units[1], side by side.

    Shapes  images: channels, height, width, zeros above and to the left; v (16, channels, wide)
    """
    places, inner, area = np.empty(POINTS, np.int64), np.empty(POINTS, np.int64), images[1] * images[2] * batch
    step, margin, none, at = apart(images[0], wide, v.itemsize), np.zeros(batch, v.dtype), np.zeros(1, v.dtype), 0
    for unit in range(units[0], units[1]):
        row, column, n, count = piece_of(unit, batch, across)
        tile_places(places, row - images[3], column - images[4], images[1:3], batch, n)
        for c in range(images[0]):
            for p in range(POINTS):
                inner[p] = p * step + c * wide + at
            images_tile(source[c * area :], places, v, inner, margin, count, none)
        at += count


@fast_kernel
def correlate(source, images, weights, turned, biases, y, outputs, units, batch):
    """y = the sums of `source` under the kernels, of the tiles of units[0] to units[1].

    Shapes  images as in `transform_images`; outputs: filters, height, width; biases (filters,) or (0,)
            weights (16, filters, channels), or (16, channels, filters) of kernels that are `turned`
    """
    channels, filters, across = images[0], outputs[0], tiles_of(outputs[1:])[0]
    most = max(1, min(COLUMNS, BLOCK // (POINTS * (channels + filters))) // pieces(batch)[1])
    room = most * pieces(batch)[1]
    v = aligned(y, POINTS * apart(channels, room, y.itemsize))
    m = aligned(y, POINTS * apart(filters, room, y.itemsize))
    scratch, none, area = np.empty(batch, y.dtype), np.zeros(1, y.dtype), outputs[1] * outputs[2] * batch
    places, corner = np.empty(POINTS, np.int64), np.empty(SIDE, np.int64)
    u_step, a_row, a_inner = apart(filters, channels, y.itemsize), channels, 1
    if turned:
        a_row, a_inner = 1, filters
    for start in range(units[0], units[1], most):
        stop, at = min(start + most, units[1]), 0
        wide = columns_of(start, stop, batch, across)
        v_step, m_step = apart(channels, wide, y.itemsize), apart(filters, wide, y.itemsize)
        transform_images(source, images, (start, stop), batch, across, wide, v)
        for p in range(POINTS):
            u = weights[(turned_point(p) if turned else p) * u_step :]
            packed_product(filters, wide, channels, u, a_row, a_inner, v[p * v_step :], m[p * m_step :], 0, wide)
        for unit in range(start, stop):
            row, column, n, count = piece_of(unit, batch, across)
            tile_places(corner, row, column, outputs[1:], batch, n)
            for o in range(filters):
                for p in range(POINTS):
                    places[p] = p * m_step + o * wide + at
                bias = biases[o:] if biases.size else none
                outputs_tile(m, places, y[o * area :], corner, scratch, count, bias)
            at += count


@fast_kernel
def weight_gradients(source, images, dy, outputs, dweight, inner, batch):
    """dweight[o, c] = G^T [sum (A dy A^T) * (B^T d B)] G, summed over tiles and images in their order.

    Shapes  images and outputs as in `correlate`; dweight's filters lie `inner` numbers apart
    """
    channels, filters, area = images[0], outputs[0], outputs[1] * outputs[2] * batch
    across, tiles = tiles_of(outputs[1:])
    units, size = tiles * pieces(batch)[0], pieces(batch)[1]
    most = max(1, COLUMNS // size)
    v = aligned(dy, POINTS * apart(channels, most * size, dy.itemsize))
    z = aligned(dy, POINTS * apart(filters, most * size, dy.itemsize))
    width = VECTOR_BYTES // dy.itemsize
    groups, block = -(-channels // TAPS), -(-FILTERS * TAPS // width) * width
    step = -(-filters // FILTERS) * groups * block
    sums, listed = aligned(dy, POINTS * step), np.empty(groups * TAPS, np.int64)
    for k in range(sums.size):
        sums[k] = 0
    places, corner, margin = np.empty(POINTS, np.int64), np.empty(SIDE, np.int64), np.zeros(batch, dy.dtype)
    for start in range(0, units, most):
        stop, at = min(start + most, units), 0
        wide = columns_of(start, stop, batch, across)
        v_step, z_step = apart(channels, wide, dy.itemsize), apart(filters, wide, dy.itemsize)
        transform_images(source, images, (start, stop), batch, across, wide, v)
        for unit in range(start, stop):
            row, column, n, count = piece_of(unit, batch, across)
            tile_places(corner, row, column, outputs[1:], batch, n)
            for o in range(filters):
                for p in range(POINTS):
                    places[p] = p * z_step + o * wide + at
                gradients_tile(dy[o * area :], corner, z, places, margin, count, margin)
            at += count
        for k in range(listed.size):
            listed[k] = min(k, channels - 1) * wide  # those that are too many repeat the last one
        for p in range(POINTS):
            of_point = v[p * v_step :]
            for first in range(0, groups, CHANNELS // TAPS):
                for o in range(0, filters, FILTERS):
                    here = p * z_step + o * wide, wide, filters - 1 - o
                    for g in range(first, min(groups, first + CHANNELS // TAPS)):
                        out = sums[p * step + (o // FILTERS * groups + g) * block :]
                        dot_block(z, here, of_point, listed[g * TAPS :], wide, out)
    product = np.empty((SIDE, SIDE), dy.dtype)
    for o in range(filters):
        for c in range(channels):
            at = (o // FILTERS * groups + c // TAPS) * block + o % FILTERS * TAPS + c % TAPS
            for p in range(POINTS):
                product[p // SIDE, p % SIDE] = sums[p * step + at]
            add_weight_gradient(product, dweight[o * inner + c * 9 : o * inner + c * 9 + 9])


@inline_kernel
def halves(part):
    """(part, parts) of two sides, so that each part has a share of both: of 4 parts, a half of each."""
    rows = 1
    while (rows * 2) * (rows * 2) <= part[1] and part[1] % (rows * 2) == 0:
        rows *= 2
    return (part[0] % rows, rows), (part[0] // rows, part[1] // rows)


@fast_kernel
def winograd_forward(x, y, parameters, buffers, saved, shape, settings, key, training, part):
    """y[o, r, s] = bias[o] + sum_c,i,j weight[o, c, i, j] x[c, r + i - top, s + j - left], x = 0 outside.

    Shapes  x (C, H, W, N), y (O, OH, OW, N); parameters: weight (O, C, 3, 3), then bias (O,), if there is one
    Part    some tiles; some filters where weights outnumber the images, as each part transforms what it needs of them
    """
    channels, height, width, filters, top, left, rows, columns = sizes_of(shape)
    batch, inner = x.size // (channels * height * width), channels * 9
    low, stop, biases = 0, filters, parameters[filters * inner :]
    first, last = 0, tiles_of((rows, columns))[1] * pieces(batch)[0]
    if filters * inner > x.size:
        low, stop = share(filters, ROWS, part[0], part[1])
    else:
        first, last = share(last, 1, part[0], part[1])
    few = stop - low
    if few == 0 or first == last:
        return
    u = aligned(x, POINTS * apart(few, channels, x.itemsize))
    transform_weights(parameters[low * inner :], few, channels, 0, channels, u)
    images, outputs = (channels, height, width, top, left), (few, rows, columns)
    out, biases = y[low * rows * columns * batch :], biases[low:] if biases.size else biases
    correlate(x, images, u, False, biases, out, outputs, (first, last), batch)


@fast_kernel
def winograd_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings, part):
    """Gradients of the loss with respect to weight, bias and x.

    Math    (3), (4) and (5) of kernels.convolution
    Part    the weights' gradients of some filters and channels, the biases of some filters, and of dx what `forward`
            has of y
    """
    channels, height, width, filters, top, left, rows, columns = sizes_of(shape)
    batch, inner = dy.size // (filters * rows * columns), channels * 9
    of_filters, of_channels = halves(part)
    low, stop = share(filters, FILTERS, of_filters[0], of_filters[1])
    first, last = share(channels, TAPS, of_channels[0], of_channels[1])
    if low < stop and first < last:
        images, outputs = (last - first, height, width, top, left), (stop - low, rows, columns)
        source, gradient = x[first * height * width * batch :], dy[low * rows * columns * batch :]
        weight_gradients(source, images, gradient, outputs, dparameters[low * inner + first * 9 :], inner, batch)
    bias_gradients(dy, dparameters[filters * inner :], rows, columns * batch, part)
    low, stop, first = 0, channels, 0
    last = tiles_of((height, width))[1] * pieces(batch)[0]
    if filters * inner > dy.size:
        low, stop = share(channels, ROWS, part[0], part[1])
    else:
        first, last = share(last, 1, part[0], part[1])
    few = stop - low
    if dx.size and few and first < last:
        u, none = aligned(dy, POINTS * apart(filters, few, dy.itemsize)), np.zeros(0, dy.dtype)
        transform_weights(parameters, filters, channels, low, stop, u)
        images, outputs = (filters, rows, columns, 2 - top, 2 - left), (few, height, width)
        correlate(dy, images, u, True, none, dx[low * height * width * batch :], outputs, (first, last), batch)
