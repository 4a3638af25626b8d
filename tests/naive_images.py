"""The obvious counterpart of every kernel for images (N, C, H, W): loop by loop, written as tests/naive.py is."""

import math

import numpy as np
from tests import naive


def same_margin(size, kernel, stride):
    """Zeros before and after a side, so that windows begin at each of ceil(size / stride) places."""
    total = 0
    while (size + total - kernel) // stride + 1 < math.ceil(size / stride) or size + total < kernel:
        total += 1
    return total // 2, total - total // 2


def windows(x, size, stride):
    """(n, c, r, s, window) for every window of every channel."""
    for n, c in np.ndindex(x.shape[:2]):
        for r in range((x.shape[2] - size[0]) // stride[0] + 1):
            for s in range((x.shape[3] - size[1]) // stride[1] + 1):
                top, left = r * stride[0], s * stride[1]
                yield n, c, r, s, x[n, c, top : top + size[0], left : left + size[1]]


def convolution(x, weight, bias, stride=(1, 1), padding="valid"):
    """Each output is the sum of a window's numbers, over all channels, each times its weight, and the bias."""
    size = weight.shape[2:]
    if padding == "same":
        margins = [same_margin(x.shape[2 + axis], size[axis], stride[axis]) for axis in (0, 1)]
        x = np.pad(x, [(0, 0), (0, 0), *margins])
    rows, columns = ((x.shape[2 + axis] - size[axis]) // stride[axis] + 1 for axis in (0, 1))
    y = np.zeros((len(x), len(weight), rows, columns), np.result_type(x, weight, bias))
    for n, c, r, s, window in windows(x, size, stride):
        for o in range(len(weight)):
            y[n, o, r, s] += np.sum(window * weight[o, c]) + bias[o] / x.shape[1]
    return y


def pool(x, size, stride, number):
    """`number` of each window."""
    rows, columns = ((x.shape[2 + axis] - size[axis]) // stride[axis] + 1 for axis in (0, 1))
    y = np.zeros((*x.shape[:2], rows, columns), x.dtype)
    for n, c, r, s, window in windows(x, size, stride):
        y[n, c, r, s] = number(window)
    return y


def first_largest(window):
    """The first of the largest numbers, row by row."""
    flat = list(window.ravel())
    return max(flat, key=lambda value: value.real)


def max_pool(x, size, stride):
    """The first largest number of each window."""
    return pool(x, size, stride, first_largest)


def average_pool(x, size, stride):
    """The mean of each window."""
    return pool(x, size, stride, np.mean)


def batch_norm(x, gamma, beta, epsilon):
    """Every pixel of every image is one more row of the batch; the channels are its features."""
    rows = np.moveaxis(x, 1, 3).reshape(-1, x.shape[1])
    out = naive.batch_norm(rows, gamma, beta, epsilon)
    return np.moveaxis(out.reshape(len(x), *x.shape[2:], x.shape[1]), 3, 1)
