"""Convolutions in groups, with holes in the kernel (dilation), or without a bias: by the plain one, group after group.

Layout  columns, as in kernels.convolution: so the channels of a group, in and out, are each one contiguous part
Math    a group is a convolution of its own, of channels / groups channels and filters / groups filters; a dilated
        kernel is a larger one with zeros between its numbers; no bias is a bias of zeros

`shape` the numbers of one group's plain convolution, its kernel the larger one; then groups, kernel height, kernel
        width, dilation down, dilation right, and whether there is a bias
"""

import numpy as np

from handgrad.kernels.compile import fast_kernel, inline_kernel
from handgrad.kernels.convolution import convolution_backward, convolution_forward
from handgrad.kernels.rearrangement import copy

# Into each caller, for the reason that dispatch.INLINE has; without a compiler a kernel is its own function.
plain_forward = inline_kernel(getattr(convolution_forward, "py_func", convolution_forward))
plain_backward = inline_kernel(getattr(convolution_backward, "py_func", convolution_backward))


@inline_kernel
def with_holes(weight, out, down, right):
    """out[k, i down, j right] = weight[k, i, j], all others 0.  Shapes  weight (K, KH, KW), out (K, LH, LW)"""
    out[:] = 0
    for k in range(weight.shape[0]):
        for i in range(weight.shape[1]):
            for j in range(weight.shape[2]):
                out[k, i * down, j * right] = weight[k, i, j]


@inline_kernel
def group_parameters(parameters, group, shape):
    """Weight with holes, then bias, of one group."""
    channels, filters, height, width = shape[0], shape[3], shape[4], shape[5]
    groups, kernel_height, kernel_width, down, right, biased = shape[-6:]
    kernels, area = filters * channels, kernel_height * kernel_width
    out = np.zeros(kernels * height * width + filters, parameters.dtype)
    weight = parameters[group * kernels * area : (group + 1) * kernels * area]
    room = out[: kernels * height * width].reshape((kernels, height, width))
    with_holes(weight.reshape((kernels, kernel_height, kernel_width)), room, down, right)
    if biased:
        start = groups * kernels * area + group * filters
        copy(parameters[start : start + filters], out[kernels * height * width :])
    return out


@fast_kernel
def grouped_convolution_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y[o, r, s] = bias[o] + sum_c,i,j weight[o, c, i, j] x[g C + c, r down + i d - top, s right + j e - left].

    Shapes  as `convolution_forward`, but weight (O, C, KH, KW) with C channels a group; g is the group of o
    """
    groups, inner = shape[-6], shape[:-6]
    xs, ys, kept = x.size // groups, y.size // groups, saved.size // groups
    for g in range(groups):
        own = group_parameters(parameters, g, shape)
        images, out, room = x[g * xs : (g + 1) * xs], y[g * ys : (g + 1) * ys], saved[g * kept : (g + 1) * kept]
        plain_forward(images, out, own, buffers, room, inner, settings, key, training, (0, 1))


@fast_kernel
def grouped_convolution_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """Gradients of the loss with respect to weight, bias and x, from those of each group's plain convolution."""
    groups, kernel_height, kernel_width, down, right, biased = shape[-6:]
    inner, kernels, filters = shape[:-6], shape[0] * shape[3], shape[3]
    height, width = shape[4], shape[5]
    area = kernel_height * kernel_width
    xs, dxs, ys, kept = x.size // groups, dx.size // groups, y.size // groups, saved.size // groups
    gradient = np.empty(kernels * height * width + filters, dy.dtype)
    for g in range(groups):
        own = group_parameters(parameters, g, shape)
        images, out, room = x[g * xs : (g + 1) * xs], y[g * ys : (g + 1) * ys], saved[g * kept : (g + 1) * kept]
        dimages, dout = dx[g * dxs : (g + 1) * dxs], dy[g * ys : (g + 1) * ys]
        plain_backward(dout, dimages, images, out, own, gradient, room, inner, settings, (0, 1))
        large = gradient[: kernels * height * width].reshape((kernels, height, width))
        small = dparameters[g * kernels * area : (g + 1) * kernels * area].reshape(
            (kernels, kernel_height, kernel_width)
        )
        for k in range(kernels):
            for i in range(kernel_height):
                for j in range(kernel_width):
                    small[k, i, j] = large[k, i * down, j * right]
        if biased:
            start = groups * kernels * area + g * filters
            copy(gradient[kernels * height * width :], dparameters[start:])
