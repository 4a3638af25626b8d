"""What layers compute, in NumPy and the shortest form: `numpy_file` copies those that a network needs from here."""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def windows(x, size, stride):
    """Every window of images.  Shapes  (N, C, H, W) -> (N, C, rows, columns, *size)"""
    return sliding_window_view(x, size, (2, 3))[:, :, :: stride[0], :: stride[1]]


def conv2d(x, weight, bias, stride, padding, dilation=(1, 1), groups=1):
    """Cross-correlation.  Shapes  x (N, C, H, W), weight (F, C / groups, height, width) -> (N, F, rows, columns)"""
    x = np.pad(x, ((0, 0), (0, 0), (padding[0], padding[0]), (padding[1], padding[1])))
    height, width = ((size - 1) * step + 1 for size, step in zip(weight.shape[2:], dilation, strict=True))
    found = windows(x, (height, width), stride)[..., :: dilation[0], :: dilation[1]]
    found = found.reshape(len(x), groups, -1, *found.shape[2:])
    kernels = weight.reshape(groups, -1, *weight.shape[1:])
    y = np.einsum("ngcijuv,gfcuv->ngfij", found, kernels, optimize=True)
    return y.reshape(len(x), -1, *y.shape[3:]) + bias[:, None, None]


def batch_norm(x, weight, bias, mean, variance, epsilon):
    """By the statistics of the training."""
    scale = weight / np.sqrt(variance + epsilon)
    axes = (-1, *[1] * (x.ndim - 2))
    return x * scale.reshape(axes) + (bias - mean * scale).reshape(axes)


def layer_norm(x, weight, bias, epsilon):
    """Over the axes that `weight` has."""
    axes = tuple(range(-weight.ndim, 0))
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon) * weight + bias


def group_norm(x, weight, bias, groups, epsilon):
    """Each group of channels of an image by itself."""
    parts = x.reshape(len(x), groups, -1)
    mean, variance = parts.mean(2, keepdims=True), parts.var(2, keepdims=True)
    y = ((parts - mean) / np.sqrt(variance + epsilon)).reshape(x.shape)
    axes = (-1, *[1] * (x.ndim - 2))
    return y * weight.reshape(axes) + bias.reshape(axes)


def sigmoid(x):
    """1 / (1 + exp(-x)), which cannot overflow so."""
    return (1 + np.tanh(x / 2)) / 2


def gelu(x):
    """The exact form."""
    return x * (1 + np.vectorize(math.erf, otypes=[x.dtype])(x / math.sqrt(2))) / 2
