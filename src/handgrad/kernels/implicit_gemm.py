"""Convolutions as matrix products without the matrix of windows (implicit GEMM), for several channels and filters.

Layout  columns, and groups, dilation and `shape` as in kernels.grouped_convolution
Product     y = W X, W (filters, taps), X (taps, pixels of a row * N); a tap is a channel, row and column of the kernel.
            Row k of X is a row of the images, moved to where tap k looks. X needs no memory: a panel of it, as many
            columns as a register block has, is copied from there when it is needed
Band        the rows that a row of y looks at, with their margin of zeros, in the second-level cache. For the next row
            of y only `step` of them are new. With a stride r the pixels of a row stand in phases, 0, r, 2r, ... then
            1, r + 1, ...: what a tap meets on its way is contiguous again
dx      a product of the same form for each phase of dx's rows and columns, of those taps that reach it
dweight sums over numbers that are contiguous in both factors: see `blocks.dots`
saved   nothing
Ref     Chetlur et al., cuDNN: efficient primitives for deep learning (2014)
"""

import numpy as np

from handgrad.kernels.blocks import ROWS, VECTOR_BYTES, dots, tile
from handgrad.kernels.compile import fast_kernel, inline_kernel, strict_kernel
from handgrad.kernels.packed import INNER, aligned, copy_tile, plain_tile
from handgrad.kernels.program import share

FILTERS, TAPS = (2 if VECTOR_BYTES == 32 else 4), 6  # of a block of dweight: 24 sums in 32 registers, 12 in 16
CHUNK = 1024  # numbers of a row of dy at a time: FILTERS rows of them stay in the first-level cache
CHANNELS = 2  # of dweight in a part: whole blocks of a kernel whose size 3 divides
gathering, products = tile(ROWS, 2, packing=True, listed=True), dots(FILTERS, TAPS)


@fast_kernel
def gathering_tile(a, a_place, panel, c, c_place, count_fresh, b, places, following):
    """See `blocks.tile`."""
    ahead = 0, 0, 0, 0, 0, following
    gathering(a, a_place, panel, c, c_place, count_fresh[0], count_fresh[1], b, places, panel, ahead)


@strict_kernel
def dot_block(a, a_place, b, places, count, out):
    """See `blocks.dots`. Strict: lanes must be added in one order, wherever in a block a sum stands."""
    products(a, a_place, b, places, count, out)


@fast_kernel
def fill_row(source, band, row, geometry):
    """Row number `row` of the images in their margin, of each channel, into its place in the band."""
    channels, height, width, batch, top, left, slots, phases, room = geometry
    line, here = phases * room * batch, row - top
    for c in range(channels):
        start = (c * slots + row % slots) * line
        out = band[start : start + line]
        if not 0 <= here < height:
            for k in range(out.size):
                out[k] = 0
            continue
        start = (c * height + here) * width * batch
        image = source[start : start + width * batch]
        for p in range(phases):
            first = max(0, -((p - left) // phases))  # the first pixel of this phase that is none of the margin's
            many = max(0, min(room - first, -(-(width + left - p) // phases) - first))
            inner = out[(p * room + first) * batch : (p * room + first + many) * batch]
            for k in range(p * room * batch, (p * room + first) * batch):
                out[k] = 0
            for k in range((p * room + first + many) * batch, (p + 1) * room * batch):
                out[k] = 0
            if phases == 1:
                for k in range(inner.size):
                    inner[k] = image[k]
            else:
                for q in range(many):
                    start = ((first + q) * phases + p - left) * batch
                    pixel, place = image[start : start + batch], inner[q * batch : (q + 1) * batch]
                    for n in range(batch):
                        place[n] = pixel[n]


@inline_kernel
def window_taps(channels, shape, geometry):
    """(where taps start, places, rows): tap k looks at places[k] of the band's row number rows[k], from s = 0 on."""
    height, width, down, right = shape[-5], shape[-4], shape[-3], shape[-2]
    batch, slots, phases, room = geometry[3], geometry[6], geometry[7], geometry[8]
    count, k = channels * height * width, 0
    places, rows = np.empty(count, np.int64), np.empty(count, np.int64)
    for c in range(channels):
        for i in range(height):
            for j in range(width):
                pixel = j * right % phases * room + j * right // phases
                places[k], rows[k] = (c * slots * phases * room + pixel) * batch, i * down
                k += 1
    return np.array([0, count]), places, rows


@fast_kernel
def pack_weights(weight, bias, filters, packed):
    """packed[o // ROWS, k, o % ROWS] = weight[o, k], or bias[o] as the last k of filter o; 0 for filters beyond."""
    inner = weight.size // filters
    count = inner + min(1, bias.size)
    for o in range(-(-filters // ROWS) * ROWS):
        start = o // ROWS * ROWS * count + o % ROWS
        for k in range(count):
            if o >= filters:
                packed[start + k * ROWS] = 0
            elif k < inner:
                packed[start + k * ROWS] = weight[o * inner + k]
            else:
                packed[start + k * ROWS] = bias[o]


@inline_kernel
def backward_taps(weight, shape, geometry, packed):
    """As `window_taps` for dx, phase after phase of its rows and columns; its weights go to `packed`.

    Math    row h = q down + p of dx meets row r = q + (p + top - i d) / down of dy, where that is whole
    """
    channels, filters, down, right, top, left = shape[0], shape[3], shape[6], shape[7], shape[8], shape[9]
    height, width, along, across = shape[-5], shape[-4], shape[-3], shape[-2]
    batch, above, before, slots, _, room = geometry[3:]
    starts, count = np.zeros(down * right + 1, np.int64), 0
    places, rows = np.empty(filters * height * width, np.int64), np.empty(filters * height * width, np.int64)
    high = -(-channels // ROWS) * ROWS
    for phase in range(down * right):
        first, inner = count, 0
        for pass_ in range(2):  # the second one knows how many taps there are
            k = 0
            for o in range(filters):
                for i in range(height):
                    for j in range(width):
                        r, s = phase // right + top - i * along, phase % right + left - j * across
                        if r % down or s % right:
                            continue
                        if pass_:
                            places[first + k] = (o * slots * room + s // right + before) * batch
                            rows[first + k] = r // down + above
                            for c in range(high):
                                at = first * high + (c // ROWS * inner + k) * ROWS + c % ROWS
                                here = ((o * channels + c) * height + i) * width + j
                                packed[at] = weight[here] if c < channels else 0
                        k += 1
            inner = k
        count += inner
        starts[phase + 1] = count
    return starts, places, rows


@fast_kernel
def correlate_panel(band, places, count, packed, panel, columns, c, c_place, filters):
    """Columns of one row of the product: c[o, j] = sum_k packed[o, k] band[places[k] + j], blocks of k in turn.

    Shapes  c_place: where the columns start in c, and how far apart rows of c are
    """
    width = 2 * VECTOR_BYTES // c.itemsize
    most = -(-count // -(-count // INNER))
    edge = panel[most * width :]
    for start in range(0, count, most):
        few, fresh = min(most, count - start), int(start == 0)
        for o in range(0, filters, ROWS):
            a_place = o * count + start * ROWS, 1, ROWS
            left, place = min(ROWS, filters - o), c_place[0] + o * c_place[1]
            whole = left == ROWS and columns == width
            if not whole:
                copy_tile(c, place, c_place[1], edge, 0, width, (left, columns))
            out, out_place = (c, (place, c_place[1])) if whole else (edge, (0, width))
            after = place + (ROWS * c_place[1] if o + ROWS < filters else 0)
            if o == 0:
                gathering_tile(packed, a_place, panel, out, out_place, (few, fresh), band, places[start:], after)
            else:
                ahead = 0, 0, 0, 0, 0, after
                plain_tile(packed, a_place, panel, out, out_place, few, fresh, panel, ahead)
            if not whole:
                copy_tile(edge, 0, width, c, place, c_place[1], (left, columns))


@fast_kernel
def correlate(source, geometry, taps, packed, biased, y, target, first, last):
    """Rows first to last of y = W X: see above.

    Shapes  geometry: channels, height, width, N of the images; zeros above and to the left; rows of the band, phases of
            its columns, and pixels in each; target: filters, height and width of y; how many rows of the band lie
            between two of y, phases of y's rows and columns, each with its own taps
    """
    channels, _, _, batch, _, _, slots, phases, room = geometry
    filters, height, width, step, down, right = target
    starts, steps, rows = taps
    vectors, line, high = 2 * VECTOR_BYTES // y.itemsize, phases * room * batch, -(-filters // ROWS) * ROWS
    ones = channels * slots * line + vectors
    band, panel = aligned(y, ones + vectors), aligned(y, (INNER + ROWS) * vectors)
    spare = aligned(y, filters * width * batch if right > 1 else 0)
    places, present = np.empty(steps.size + 1, np.int64), 0
    for k in range(ones, ones + vectors):
        band[k] = 1
    for r in range(first, last):
        base = r // down * step
        for each in range(max(present, base), base + slots):
            fill_row(source, band, each, geometry)
        present = base + slots
        for s in range(right):
            phase = r % down * right + s
            start, count = starts[phase], starts[phase + 1] - starts[phase]
            pixels = -(-(width - s) // right)
            for k in range(count):
                places[k] = steps[start + k] + (base + rows[start + k]) % slots * line
            out, place, apart = y, r * width * batch, height * width * batch
            if right > 1:
                out, place, apart = spare, 0, pixels * batch
                spare[:] = 0
            if count + biased:
                weights = packed[start * high :]
                for j in range(0, pixels * batch, vectors):
                    places[count] = ones - j
                    wide = min(vectors, pixels * batch - j)
                    correlate_panel(
                        band[j:], places, count + biased, weights, panel, wide, out, (place + j, apart), filters
                    )
            if right > 1:
                spread_pixels(
                    spare, y[r * width * batch + s * batch :], filters, (pixels, batch, right), height * width
                )
            elif not count + biased:
                for o in range(filters):
                    y[o * apart + place : o * apart + place + width * batch] = 0


@fast_kernel
def spread_pixels(source, y, filters, sizes, apart):
    """y[o, s right] = source[o, s] for each pixel s; `sizes`: pixels, N, right; a channel of y has `apart` pixels."""
    pixels, batch, right = sizes
    for o in range(filters):
        for s in range(pixels):
            pixel, start = (
                source[(o * pixels + s) * batch : (o * pixels + s + 1) * batch],
                (o * apart + s * right) * batch,
            )
            out = y[start : start + batch]
            for n in range(batch):
                out[n] = pixel[n]


@fast_kernel
def weight_gradients(source, geometry, taps, dy, dweight, sizes):
    """dweight[o, k] = sum_r,s,n dy[o, r, s] X[k, r, s], row after row of dy.

    Shapes  sizes: filters, rows, pixels * N of dy, down, and how far apart dweight's filters are; X as in `correlate`
    """
    channels, _, _, batch, _, _, slots, phases, room = geometry
    filters, height, length, down, apart = sizes
    steps, rows = taps[1], taps[2]
    line, count, width = phases * room * batch, steps.size, VECTOR_BYTES // dy.itemsize
    band = aligned(dy, channels * slots * line)
    groups, size = -(-count // TAPS), -(-FILTERS * TAPS // width) * width
    sums, places, present = aligned(dy, -(-filters // FILTERS) * groups * size), np.empty(groups * TAPS, np.int64), 0
    for k in range(sums.size):
        sums[k] = 0
    for r in range(height):
        for each in range(max(present, r * down), r * down + slots):
            fill_row(source, band, each, geometry)
        present = r * down + slots
        for start in range(0, length, CHUNK):
            for k in range(places.size):
                at = min(k, count - 1)  # those that are too many repeat the last one
                places[k] = steps[at] + (r * down + rows[at]) % slots * line + start
            for o in range(0, filters, FILTERS):
                dy_place = (o * height + r) * length + start, height * length, filters - 1 - o
                for g in range(groups):
                    out = sums[(o // FILTERS * groups + g) * size :]
                    dot_block(dy, dy_place, band, places[g * TAPS :], min(CHUNK, length - start), out)
    for o in range(filters):
        for k in range(count):
            block = o // FILTERS * groups + k // TAPS
            dweight[o * apart + k] = sums[block * size + o % FILTERS * TAPS + k % TAPS]


@inline_kernel
def input_geometry(channels, batch, shape):
    """Of the band of images: see `correlate`."""
    _, height, width, _, reach, across, _, right, top, left, _, columns = shape[:12]
    return channels, height, width, batch, top, left, reach, right, columns - 1 + -(-across // right)


@inline_kernel
def gradient_geometry(batch, shape):
    """Of the band of dy that dx comes from."""
    _, _, width, filters, reach, across, down, right, top, left, rows, columns = shape[:12]
    above, before = (reach - 1 - top) // down, (across - 1 - left) // right
    slots, room = above + (down - 1 + top) // down + 1, -(-width // right) + before + (right - 1 + left) // right
    return filters, rows, columns, batch, above, before, slots, 1, room


@fast_kernel
def implicit_gemm_forward(x, y, parameters, buffers, saved, shape, settings, key, training, part):
    """y[o, r, s] = bias[o] + sum_c,i,j weight[o, c, i, j] x[g C + c, r down + i d - top, s right + j e - left].

    Shapes  x (G C, H, W, N), y (G O, OH, OW, N); parameters: weight (G O, C, KH, KW), then bias (G O,), if there is one
    Part    some rows of y; some filters where weights outnumber the images, as each part packs what it needs of them
    """
    channels, filters, rows, columns, groups, biased = shape[0], shape[3], shape[10], shape[11], shape[12], shape[17]
    batch, inner = x.size // (groups * channels * shape[1] * shape[2]), channels * shape[13] * shape[14]
    biases, xs, ys = parameters[groups * filters * inner :], x.size // groups, y.size // groups
    low, stop, first, last = 0, filters, 0, rows
    if filters * inner > xs:
        low, stop = share(filters, ROWS, part[0], part[1])
    else:
        first, last = share(rows, 1, part[0], part[1])
    geometry = input_geometry(channels, batch, shape)
    taps = window_taps(channels, shape, geometry)
    packed = aligned(x, -(-(stop - low) // ROWS) * ROWS * (inner + 1))
    for g in range(groups if first < last and low < stop else 0):
        here, end = g * filters + low, g * filters + stop
        pack_weights(parameters[here * inner : end * inner], biases[here:end], stop - low, packed)
        target, out = (stop - low, rows, columns, shape[6], 1, 1), y[g * ys + low * rows * columns * batch :]
        correlate(x[g * xs :], geometry, taps, packed, biased, out, target, first, last)


@inline_kernel
def bias_gradients(dy, biases, rows, length, part):
    """dbias[o] = sum_r,s,n dy[o, r, s], of some filters: a row's sum, then the sum of these.

    Shapes  dy (O, rows, length), biases (O,)
    """
    first, last = share(biases.size, 1, part[0], part[1])
    for o in range(first, last):
        biases[o] = 0
        for r in range(rows):
            line, total = dy[(o * rows + r) * length : (o * rows + r + 1) * length], dy.dtype.type(0)
            for k in range(line.size):
                total += line[k]
            biases[o] += total


@fast_kernel
def implicit_gemm_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings, part):
    """Gradients of the loss with respect to weight, bias and x.

    Math    (3), (4) and (5) of kernels.convolution
    Part    the weights' gradients of some channels, the biases of some filters, and some rows of dx
    """
    channels, height, width, filters, groups = shape[0], shape[1], shape[2], shape[3], shape[12]
    rows, columns, area = shape[10], shape[11], shape[13] * shape[14]
    batch, inner = dy.size // (groups * filters * rows * columns), channels * area
    length, xs, ys = columns * batch, x.size // groups, y.size // groups
    first, last = share(groups * channels, CHANNELS, part[0], part[1])
    for g in range(groups):
        low, high = max(first, g * channels) - g * channels, min(last, (g + 1) * channels) - g * channels
        if low < high:
            geometry = input_geometry(high - low, batch, shape)
            taps, start = window_taps(high - low, shape, geometry), g * xs + low * height * width * batch
            dweight, sizes = dparameters[g * filters * inner + low * area :], (filters, rows, length, shape[6], inner)
            weight_gradients(x[start:], geometry, taps, dy[g * ys :], dweight, sizes)
    bias_gradients(dy, dparameters[groups * filters * inner :], rows, length, part)
    first, last = share(height, 1, part[0], part[1])
    if dx.size and first < last:
        geometry = gradient_geometry(batch, shape)
        packed, no_bias = aligned(dy, -(-channels // ROWS) * ROWS * filters * area), 0
        for g in range(groups):
            weight = parameters[g * filters * inner : (g + 1) * filters * inner]
            taps = backward_taps(weight, shape, geometry, packed)
            target = channels, height, width, 1, shape[6], shape[7]
            correlate(dy[g * ys :], geometry, taps, packed, no_bias, dx[g * xs :], target, first, last)
