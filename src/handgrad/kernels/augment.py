"""Augmentation of training images on the fly: noise, shift and elastic deformation, each seeded by the step's key.

The settings of a batch are (height, width, noise, shift, alpha, sigma): noise is a standard deviation in units of the
images' numbers, before they are scaled, shift the largest displacement in pixels, alpha (strength, pixels) and sigma
(smoothness, pixels) those of the elastic deformation; 0 turns each off.
"""

import math

import numpy as np

from handgrad.kernels.compile import strict_kernel
from handgrad.kernels.random import normal, subkey, uniform

NOISE, WARP = 1 << 40, 1 << 41  # purposes: far above any layer's stream number


@strict_kernel
def gaussian_blur(field, room, sigma):
    """Blur `field` in place by a Gaussian of `sigma` pixels cut at 3 sigma; nothing comes in from outside.

    Shapes  field, room (H, W) float64
    """
    reach = int(math.ceil(3 * sigma))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    taps /= taps.sum()
    height, width = field.shape
    for i in range(height):
        for j in range(width):
            total = 0.0
            for k in range(max(-reach, -j), min(reach, width - 1 - j) + 1):
                total += taps[k + reach] * field[i, j + k]
            room[i, j] = total
    for i in range(height):
        for j in range(width):
            total = 0.0
            for k in range(max(-reach, -i), min(reach, height - 1 - i) + 1):
                total += taps[k + reach] * room[i + k, j]
            field[i, j] = total


@strict_kernel
def displace(field, room, key, shift, alpha, sigma):
    """Fill `field` with one axis' displacement of every pixel: alpha blur(U(-1, 1)) + one shift for all.

    Ref     Simard, Steinkraus & Platt, Best practices for convolutional neural networks, ICDAR 2003, section 2
    """
    field[:] = 0
    if alpha > 0:
        for i in range(field.size):
            field.flat[i] = alpha * (2 * uniform(key, i + 1) - 1)
        gaussian_blur(field, room, sigma)
    field += shift * (2 * uniform(key, 0) - 1)


@strict_kernel
def resample(image, out, down, right, fill):
    """out[i, j] = image at (i + down, j + right), bilinear, `fill` outside.  Shapes  all (H, W)."""
    height, width = image.shape
    for i in range(height):
        for j in range(width):
            y, x = i + down[i, j], j + right[i, j]
            top, left = int(math.floor(y)), int(math.floor(x))
            value = 0.0
            for r in range(top, top + 2):
                for c in range(left, left + 2):
                    weight = (1 - abs(y - r)) * (1 - abs(x - c))
                    inside = 0 <= r < height and 0 <= c < width
                    value += weight * (image[r, c] if inside else fill)
            out[i, j] = value


@strict_kernel
def augment(x, rows, batches, key):
    """Augment the `rows` images that stand in `x` in place.  Shapes  x (rows * H * W,) real."""
    height, width = int(batches.augmentation[0]), int(batches.augmentation[1])
    noise, shift, alpha, sigma = batches.augmentation[2:6]
    images = x.reshape((rows, height, width))
    down, right, room = np.empty((height, width)), np.empty((height, width)), np.empty((height, width))
    for n in range(rows):
        if shift > 0 or alpha > 0:
            displace(down, room, subkey(subkey(key, WARP), 2 * n), shift, alpha, sigma)
            displace(right, room, subkey(subkey(key, WARP), 2 * n + 1), shift, alpha, sigma)
            resample(images[n].copy(), images[n], down, right, batches.shift)
        if noise > 0:
            stream = subkey(subkey(key, NOISE), n)
            for i in range(height):
                for j in range(width):
                    scale = noise * batches.scale
                    images[n, i, j] += x.dtype.type(scale * normal(stream, i * width + j))
