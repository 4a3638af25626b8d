"""Pooling: one number for each window of each channel.

Layout  columns: (channels, height, width, N), the batch last
Part    some channels
`shape` (channels, height, width, window height, window width, stride down, stride right, output height, output width)
"""

import numpy as np

from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.program import share


@fast_kernel
def max_pool_forward(x, y, parameters, buffers, saved, shape, settings, key, training, part):
    """y[c, r, s] = max over i, j of x[c, r down + i, s right + j]; a NaN in the window is its maximum.

    Shapes  x (C, H, W, N), y (C, OH, OW, N); saved, of y's size, keeps the first place i KW + j of each maximum
    """
    channels, height, width, kernel_height, kernel_width, down, right, rows, columns = shape
    batch, lowest = x.size // (channels * height * width), x.dtype.type(-np.inf)
    images = x.reshape((channels, height, width, batch))
    out = y.reshape((channels, rows, columns, batch))
    places = saved[: y.size].reshape(out.shape)
    first, last = share(channels, 1, part[0], part[1])
    for c in range(first, last):
        for r in range(rows):
            for s in range(columns):
                best, place = out[c, r, s], places[c, r, s]
                best[:] = lowest
                place[:] = 0
                for i in range(kernel_height):
                    for j in range(0, kernel_width, 2):  # two at a time; an odd last one is its own neighbour
                        neighbour = min(j + 1, kernel_width - 1)
                        one, other = (
                            images[c, r * down + i, s * right + j],
                            images[c, r * down + i, s * right + neighbour],
                        )
                        here, there = x.dtype.type(i * kernel_width + j), x.dtype.type(i * kernel_width + neighbour)
                        for n in range(batch):
                            value, at = best[n], place[n]
                            larger = (one[n] > value) | (one[n] != one[n])
                            value = one[n] if larger else value
                            at = here if larger else at
                            larger = (other[n] > value) | (other[n] != other[n])
                            best[n] = other[n] if larger else value
                            place[n] = there if larger else at


@fast_kernel
def max_pool_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings, part):
    """dx = dy at the place of each window's maximum, summed where windows overlap; 0 elsewhere."""
    channels, height, width, kernel_height, kernel_width, down, right, rows, columns = shape
    if not dx.size:
        return
    batch, zero = dx.size // (channels * height * width), dx.dtype.type(0)
    gradient = dy.reshape((channels, rows, columns, batch))
    places = saved[: dy.size].reshape(gradient.shape)
    images = dx.reshape((channels, height, width, batch))
    apart = down >= kernel_height and right >= kernel_width
    covered = apart and rows * kernel_height >= height and columns * kernel_width >= width
    first, last = share(channels, 1, part[0], part[1])
    for c in range(first, last):
        if not covered:
            images[c] = 0
        for r in range(rows):
            for s in range(columns):
                dy_batch, place = gradient[c, r, s], places[c, r, s]
                for p in range(kernel_height * kernel_width):
                    out, here = images[c, r * down + p // kernel_width, s * right + p % kernel_width], dx.dtype.type(p)
                    if apart:
                        for n in range(batch):
                            out[n] = dy_batch[n] if place[n] == here else zero
                    else:
                        for n in range(batch):
                            out[n] += dy_batch[n] if place[n] == here else zero


@fast_kernel
def average_pool_forward(x, y, parameters, buffers, saved, shape, settings, key, training, part):
    """y[c, r, s] = mean over i, j of x[c, r down + i, s right + j].  Shapes  x (C, H, W, N), y (C, OH, OW, N)"""
    channels, height, width, kernel_height, kernel_width, down, right, rows, columns = shape
    batch, each = x.size // (channels * height * width), x.dtype.type(1 / (kernel_height * kernel_width))
    images = x.reshape((channels, height, width, batch))
    out = y.reshape((channels, rows, columns, batch))
    first, last = share(channels, 1, part[0], part[1])
    for c in range(first, last):
        for r in range(rows):
            for s in range(columns):
                mean = out[c, r, s]
                mean[:] = 0
                for p in range(kernel_height * kernel_width):
                    pixel = images[c, r * down + p // kernel_width, s * right + p % kernel_width]
                    for n in range(batch):
                        mean[n] += pixel[n]
                for n in range(batch):
                    mean[n] *= each


@fast_kernel
def average_pool_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings, part):
    """dx = dy / (KH KW) everywhere in the window, summed where windows overlap; 0 where there is none."""
    channels, height, width, kernel_height, kernel_width, down, right, rows, columns = shape
    if not dx.size:
        return
    batch, each = dx.size // (channels * height * width), dx.dtype.type(1 / (kernel_height * kernel_width))
    gradient = dy.reshape((channels, rows, columns, batch))
    images = dx.reshape((channels, height, width, batch))
    first, last = share(channels, 1, part[0], part[1])
    for c in range(first, last):
        images[c] = 0
        for r in range(rows):
            for s in range(columns):
                dy_batch = gradient[c, r, s]
                for p in range(kernel_height * kernel_width):
                    out = images[c, r * down + p // kernel_width, s * right + p % kernel_width]
                    for n in range(batch):
                        out[n] += each * dy_batch[n]
