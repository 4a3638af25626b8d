"""Pooling: one number for each window of each channel.

Layout  columns: (channels, height, width, N), the batch last
`shape` (channels, height, width, window height, window width, stride down, stride right, output height, output width)
"""

import numpy as np

from handgrad.kernels.compile import fast_kernel


@fast_kernel
def max_pool_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y[c, r, s] = max over i, j of x[c, r down + i, s right + j]; a NaN in the window is its maximum.

    Shapes  x (C, H, W, N), y (C, OH, OW, N); saved, of y's size, keeps the first place i KW + j of each maximum
    """
    channels, height, width, tall, wide, down, right, rows, columns = shape
    lanes, lowest = x.size // (channels * height * width), x.dtype.type(-np.inf)
    images = x.reshape((channels, height, width, lanes))
    out = y.reshape((channels, rows, columns, lanes))
    places = saved[: y.size].reshape(out.shape)
    for c in range(channels):
        for r in range(rows):
            for s in range(columns):
                best, place = out[c, r, s], places[c, r, s]
                best[:] = lowest
                place[:] = 0
                for i in range(tall):
                    for j in range(0, wide, 2):  # two at a time; an odd last one is its own partner
                        partner = min(j + 1, wide - 1)
                        one, other = (
                            images[c, r * down + i, s * right + j],
                            images[c, r * down + i, s * right + partner],
                        )
                        here, there = x.dtype.type(i * wide + j), x.dtype.type(i * wide + partner)
                        for n in range(lanes):
                            value, at = best[n], place[n]
                            larger = (one[n] > value) | (one[n] != one[n])
                            value = one[n] if larger else value
                            at = here if larger else at
                            larger = (other[n] > value) | (other[n] != other[n])
                            best[n] = other[n] if larger else value
                            place[n] = there if larger else at


@fast_kernel
def max_pool_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy at the place of each window's maximum, summed where windows overlap; 0 elsewhere."""
    channels, height, width, tall, wide, down, right, rows, columns = shape
    if not dx.size:
        return
    lanes, zero = dx.size // (channels * height * width), dx.dtype.type(0)
    gradient = dy.reshape((channels, rows, columns, lanes))
    places = saved[: dy.size].reshape(gradient.shape)
    images = dx.reshape((channels, height, width, lanes))
    apart = down >= tall and right >= wide
    if not apart or rows * tall < height or columns * wide < width:
        dx[:] = 0
    for c in range(channels):
        for r in range(rows):
            for s in range(columns):
                given, place = gradient[c, r, s], places[c, r, s]
                for p in range(tall * wide):
                    out, here = images[c, r * down + p // wide, s * right + p % wide], dx.dtype.type(p)
                    if apart:
                        for n in range(lanes):
                            out[n] = given[n] if place[n] == here else zero
                    else:
                        for n in range(lanes):
                            out[n] += given[n] if place[n] == here else zero


@fast_kernel
def average_pool_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y[c, r, s] = mean over i, j of x[c, r down + i, s right + j].  Shapes  x (C, H, W, N), y (C, OH, OW, N)"""
    channels, height, width, tall, wide, down, right, rows, columns = shape
    lanes, share = x.size // (channels * height * width), x.dtype.type(1 / (tall * wide))
    images = x.reshape((channels, height, width, lanes))
    out = y.reshape((channels, rows, columns, lanes))
    for c in range(channels):
        for r in range(rows):
            for s in range(columns):
                mean = out[c, r, s]
                mean[:] = 0
                for p in range(tall * wide):
                    pixel = images[c, r * down + p // wide, s * right + p % wide]
                    for n in range(lanes):
                        mean[n] += pixel[n]
                for n in range(lanes):
                    mean[n] *= share


@fast_kernel
def average_pool_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy / (KH KW) everywhere in the window, summed where windows overlap; 0 where there is none."""
    channels, height, width, tall, wide, down, right, rows, columns = shape
    if not dx.size:
        return
    lanes, share = dx.size // (channels * height * width), dx.dtype.type(1 / (tall * wide))
    gradient = dy.reshape((channels, rows, columns, lanes))
    images = dx.reshape((channels, height, width, lanes))
    dx[:] = 0
    for c in range(channels):
        for r in range(rows):
            for s in range(columns):
                given = gradient[c, r, s]
                for p in range(tall * wide):
                    out = images[c, r * down + p // wide, s * right + p % wide]
                    for n in range(lanes):
                        out[n] += share * given[n]
