"""Augmentation of training images on the fly, each seeded by the step's key.

The settings of a batch are (height, width, noise, shift, alpha, sigma, flip, rotation, crop, cutout): noise is a
standard deviation in units of the images' numbers, before they are scaled, shift the largest displacement in pixels,
alpha (strength, pixels) and sigma (smoothness, pixels) those of the elastic deformation, flip the probability of a
mirror image, rotation the largest angle in degrees, crop the pixels of padding, cutout the side of a square in pixels;
0 turns each off. Shift, deformation, rotation and crop add to one field of displacements, and the image is resampled
once; all channels of an image move alike.
"""

import math

import numpy as np

from handgrad.kernels.compile import strict_kernel
from handgrad.kernels.random import normal, subkey, uniform

# Purposes: far above any layer's stream number.
NOISE, WARP, FLIP, ROTATION, CROP, CUTOUT = 1 << 40, 1 << 41, 1 << 42, 1 << 43, 1 << 44, 1 << 45


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
def flip_horizontally(image):
    """Mirror left and right in place.  Math  image[c, i, j] = image[c, i, width - 1 - j].  Shapes  (channels, H, W)"""
    width = image.shape[2]
    for c in range(image.shape[0]):
        for i in range(image.shape[1]):
            for j in range(width // 2):
                image[c, i, j], image[c, i, width - 1 - j] = image[c, i, width - 1 - j], image[c, i, j]


@strict_kernel
def rotate(down, right, angle):
    """Add a rotation about the middle.  Math  (i, j) - m + (down, right) = R ((i, j) - m), R = [cos -sin; sin cos]"""
    height, width = down.shape
    cosine, sine = math.cos(angle), math.sin(angle)
    for i in range(height):
        for j in range(width):
            y, x = i - (height - 1) / 2, j - (width - 1) / 2
            down[i, j] += (cosine - 1) * y - sine * x
            right[i, j] += sine * y + (cosine - 1) * x


@strict_kernel
def crop(down, right, key, padding):
    """Add the displacement of a crop of the old size from the image padded on all sides: U{-padding, ..., padding}."""
    down += math.floor(uniform(key, 0) * (2 * padding + 1)) - padding
    right += math.floor(uniform(key, 1) * (2 * padding + 1)) - padding


@strict_kernel
def cut_out(image, key, side):
    """Put 0 into a square around a random pixel, cut at the borders.  Shapes  image (channels, H, W)

    Ref     DeVries & Taylor, Improved regularization of convolutional neural networks with cutout, 2017
    """
    _, height, width = image.shape
    top = int(uniform(key, 0) * height) - side // 2
    left = int(uniform(key, 1) * width) - side // 2
    image[:, max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = 0


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
def augment(x, rows, settings, scales, shifts, key):
    """Augment the `rows` images that stand in `x` in place, scaled by `scales` and `shifts`.

    Shapes  x (rows * channels * H * W,) real; scales, shifts (channels,) or (1,): see `Batches`
    """
    height, width = int(settings[0]), int(settings[1])
    noise, shift, alpha, sigma, flip, rotation, padding, side = settings[2:10]
    images = x.reshape((rows, x.size // (rows * height * width), height, width))
    down, right, room = np.empty((height, width)), np.empty((height, width)), np.empty((height, width))
    moves = shift > 0 or alpha > 0 or rotation > 0 or padding > 0
    for n in range(rows):
        if moves:
            displace(down, room, subkey(subkey(key, WARP), 2 * n), shift, alpha, sigma)
            displace(right, room, subkey(subkey(key, WARP), 2 * n + 1), shift, alpha, sigma)
            if padding > 0:
                crop(down, right, subkey(subkey(key, CROP), n), padding)
            if rotation > 0:
                angle = rotation * (2 * uniform(subkey(key, ROTATION), n) - 1)
                rotate(down, right, math.radians(angle))
        if uniform(subkey(key, FLIP), n) < flip:
            flip_horizontally(images[n])
        for c in range(images.shape[1]):
            of = min(c, scales.size - 1)
            image = images[n, c]
            if moves:
                resample(image.copy(), image, down, right, shifts[of])
            if noise > 0:
                stream, scale = subkey(subkey(key, NOISE), n), noise * scales[of]
                for i in range(height):
                    for j in range(width):
                        image[i, j] += x.dtype.type(scale * normal(stream, (c * height + i) * width + j))
        if side > 0:
            cut_out(images[n], subkey(subkey(key, CUTOUT), n), int(side))
