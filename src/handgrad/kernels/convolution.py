"""Convolution of images, in deep learning's sense: a cross-correlation, the kernel is not flipped.

Layout  columns: (channels, height, width, N), the batch last. A row of an image is then width * N contiguous numbers,
        the next pixel to the right N further on, and one loop over a row serves every image and pixel of it.
Forward     y[o, r, s] = (1) bias[o] + (2) sum_c,i,j weight[o, c, i, j] x[c, r down + i - top, s right + j - left]
Backward    (3) dbias[o] = sum_n,r,s dy[o, r, s]
            (4) dweight[o, c, i, j] = sum_n,r,s dy[o, r, s] x[c, r down + i - top, s right + j - left]
            (5) dx[c, h, w] = sum_o,i,j weight[o, c, i, j] dy[o, r, s] over all r, s with r down + i - top = h and
                s right + j - left = w: a correlation of dy, spread out by the stride within zeros, with the kernel
                rotated by 180 degrees

`shape` (channels, height, width, filters, kernel height, kernel width, stride down, stride right, zeros above, zeros
        to the left, output height, output width)
saved   where there is padding: the images within a margin of zeros, so that no loop meets a border, in (2) or in (4).
        Not the windows as rows of a matrix (im2col), which would take kernel height * kernel width times the memory.
Ref     the pairs of y, dy and the formulas: Dumoulin & Visin, A guide to convolution arithmetic (2016), chapter 4
"""

import numpy as np

from handgrad.kernels.compile import fast_kernel, inline_kernel
from handgrad.kernels.packed import aligned
from handgrad.kernels.program import share
from handgrad.kernels.rearrangement import copy


@inline_kernel
def add_taps(y, x, weight, batch):
    """y[k] += sum_j weight[j] x[j batch + k], three j at a time: y is read and written once for three products.

    Why three: a row of the usual 3 x 3 kernel. One at a time would load and store y for each product.
    """
    size, j = y.size, 0
    while weight.size - j >= 3:
        a, b, c = weight[j], weight[j + 1], weight[j + 2]
        x0 = x[j * batch : j * batch + size]
        x1 = x[(j + 1) * batch : (j + 1) * batch + size]
        x2 = x[(j + 2) * batch : (j + 2) * batch + size]
        for k in range(size):
            y[k] += a * x0[k] + b * x1[k] + c * x2[k]
        j += 3
    while j < weight.size:
        a = weight[j]
        x0 = x[j * batch : j * batch + size]
        for k in range(size):
            y[k] += a * x0[k]
        j += 1


@inline_kernel
def dot_taps(dy, dy_next, x, dweight, dweight_next, batch):
    """dweight[j] += sum_k dy[k] x[j batch + k] for two filters and three j at a time: six products a load of five.

    Why two filters: a sum has to wait for its last multiply-add, and six sums keep both units busy where three do not.
    """
    size, j, zero = dy.size, 0, dy.dtype.type(0)
    while dweight.size - j >= 3:
        x0 = x[j * batch : j * batch + size]
        x1 = x[(j + 1) * batch : (j + 1) * batch + size]
        x2 = x[(j + 2) * batch : (j + 2) * batch + size]
        a = b = c = a_next = b_next = c_next = zero
        for k in range(size):
            a += dy[k] * x0[k]
            b += dy[k] * x1[k]
            c += dy[k] * x2[k]
            a_next += dy_next[k] * x0[k]
            b_next += dy_next[k] * x1[k]
            c_next += dy_next[k] * x2[k]
        for at, one, other in ((j, a, a_next), (j + 1, b, b_next), (j + 2, c, c_next)):
            dweight[at] += one
            dweight_next[at] += other
        j += 3
    while j < dweight.size:
        x0 = x[j * batch : j * batch + size]
        a = a_next = zero
        for k in range(size):
            a += dy[k] * x0[k]
            a_next += dy_next[k] * x0[k]
        dweight[j] += a
        dweight_next[j] += a_next
        j += 1


@inline_kernel
def total(x):
    """Sum of a vector."""
    out = x.dtype.type(0)
    for k in range(x.size):
        out += x[k]
    return out


@inline_kernel
def correlate(x, weight, bias, y, down, right, batch, first, last, top):
    """y[o, r, s] = bias[o] + sum_c,i,j weight[o, c, i, j] x[c, r down + i - top, s right + j], for each image.

    Shapes  x (C, H, W N), weight (O, C, KH, KW), bias (O,), y (O, OH, OW N), of which r = first to last; N is `batch`
    """
    chunk = y.shape[2] if right == 1 else batch  # a stride leaves gaps: then one pixel at a time
    for r in range(first, last):
        for o in range(weight.shape[0]):
            y[o, r] = bias[o]  # (1)
            for c in range(weight.shape[1]):
                for i in range(weight.shape[2]):
                    for start in range(0, y.shape[2], chunk):
                        out = y[o, r, start : start + chunk]
                        # (2), a row of the kernel against a row of the images of the whole batch
                        add_taps(out, x[c, r * down + i - top, start * right :], weight[o, c, i], batch)


@inline_kernel
def correlate_gradients(x, dy, dweight, dbias, down, right, batch, first, last):
    """dweight[o, c, i, j] = sum_n,r,s dy[o, r, s] x[c, r down + i, s right + j];  dbias[o] = sum_n,r,s dy[o, r, s].

    Shapes  as `correlate`; each gradient has its variable's shape, of which o = first to last, the first an even one
    """
    chunk, final = (dy.shape[2] if right == 1 else batch), dy.shape[0] - 1
    for o in range(first, last):
        dweight[o] = 0
        dbias[o] = 0
    spare = np.empty(dweight.shape[3], dweight.dtype)  # an odd last filter is paired with itself
    for r in range(dy.shape[1]):
        for o in range(first, last):
            dbias[o] += total(dy[o, r])  # (3)
        for o in range(first, last, 2):
            dy_row, dy_row_next = dy[o, r], dy[min(o + 1, final), r]
            for c in range(dweight.shape[1]):
                for i in range(dweight.shape[2]):
                    taps, taps_next = dweight[o, c, i], dweight[o + 1, c, i] if o < final else spare
                    for start in range(0, dy_row.size, chunk):
                        # (4), for two filters
                        stop, line = start + chunk, x[c, r * down + i, start * right :]
                        dot_taps(dy_row[start:stop], dy_row_next[start:stop], line, taps, taps_next, batch)


@inline_kernel
def within_zeros(x, y, top, left, down, right, batch, first, last):
    """Copy x into zeros: pixel (r, s) to (top + r down, left + s right), where y has that place.

    Shapes  x (C, H, W N), y (C, H', W' N), of whose rows only those from first to last are written
    """
    width, room = x.shape[2] // batch, y.shape[2] // batch
    for c in range(y.shape[0]):
        for r in range(first, last):
            line, source = y[c, r], (r - top) // down
            if r < top or (r - top) % down or source >= x.shape[1]:
                line[:] = 0
            elif right == 1:
                start, size = left * batch, min(width, room - left) * batch
                line[:start] = 0
                copy(x[c, source, :size], line[start:])
                line[start + size :] = 0
            else:
                line[:] = 0
                for s in range(min(width, (room - left + right - 1) // right)):
                    place = (left + s * right) * batch
                    copy(x[c, source, s * batch : (s + 1) * batch], line[place:])


@inline_kernel
def turned(weight):
    """The kernel that leads back from outputs to inputs: rotated by 180 degrees, channels and filters exchanged.

    Shapes  weight (O, C, KH, KW) -> (C, O, KH, KW)
    """
    filters, channels, height, width = weight.shape
    out = np.empty((channels, filters, height, width), weight.dtype)
    for o in range(filters):
        for c in range(channels):
            for i in range(height):
                for j in range(width):
                    out[c, o, height - 1 - i, width - 1 - j] = weight[o, c, i, j]
    return out


@inline_kernel
def padded(x, saved, shape):
    """The images with their margin as they lie in `saved`, or as they are where `saved` is empty.

    Shapes  x flat -> (C, H', W' N), H' and W' as far as windows reach
    """
    channels, height, width, _, kernel_height, kernel_width, down, right, _, _, rows, columns = shape
    batch = x.size // (channels * height * width)
    if not saved.size:
        return x.reshape((channels, height, width * batch))
    height, width = (rows - 1) * down + kernel_height, (columns - 1) * right + kernel_width
    return saved[: channels * height * width * batch].reshape((channels, height, width * batch))


@fast_kernel
def convolution_forward(x, y, parameters, buffers, saved, shape, settings, key, training, part):
    """y[o, r, s] = bias[o] + sum_c,i,j weight[o, c, i, j] x[c, r down + i - top, s right + j - left], x = 0 outside.

    Shapes  x (C, H, W, N), y (O, OH, OW, N); parameters: weight (O, C, KH, KW), then bias (O,)
    Part    some rows of y; rows of the margin that two parts need, both write alike
    """
    channels, height, width, filters, kernel_height, kernel_width, down, right, top, left, rows, columns = shape
    batch = x.size // (channels * height * width)
    first, last = share(rows, 1, part[0], part[1])
    weights = filters * channels * kernel_height * kernel_width
    weight = parameters[:weights].reshape((filters, channels, kernel_height, kernel_width))
    images = padded(x, saved, shape)
    if first == last:
        return
    if saved.size:
        inputs, reach = x.reshape((channels, height, width * batch)), (last - 1) * down + kernel_height
        within_zeros(inputs, images, top, left, 1, 1, batch, first * down, reach)
    out = y.reshape((filters, rows, columns * batch))
    correlate(images, weight, parameters[weights:], out, down, right, batch, first, last, 0)


@fast_kernel
def convolution_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings, part):
    """Gradients of the loss with respect to weight, bias and x.

    Math    (3), (4) and (5) above
    Part    the weights' gradients of some filters, in pairs, and some rows of dx
    """
    channels, height, width, filters, kernel_height, kernel_width, down, right, top, left, rows, columns = shape
    batch = dy.size // (filters * rows * columns)
    weights = filters * channels * kernel_height * kernel_width
    gradient = dy.reshape((filters, rows, columns * batch))
    dweight = dparameters[:weights].reshape((filters, channels, kernel_height, kernel_width))
    first, last = share(filters, 2, part[0], part[1])
    images = padded(x, saved, shape)
    if first < last:
        correlate_gradients(images, gradient, dweight, dparameters[weights:], down, right, batch, first, last)
    first, last = share(height, 1, part[0], part[1])
    if dx.size and first < last:  # (5) is (2) again: dy, spread out by the stride within zeros, under the turned kernel
        weight = parameters[:weights].reshape((filters, channels, kernel_height, kernel_width))
        outer = filters, last - first + kernel_height - 1, (width + kernel_width - 1) * batch
        spread = aligned(dy, outer[0] * outer[1] * outer[2]).reshape(outer)
        above, before = kernel_height - 1 - top - first, kernel_width - 1 - left
        within_zeros(gradient, spread, above, before, down, right, batch, 0, outer[1])
        zeros, out = np.zeros(channels, dy.dtype), dx.reshape((channels, height, width * batch))
        correlate(spread, turned(weight), zeros, out, 1, 1, batch, first, last, first)
