"""What a training step does with the whole gradient: its norm, those of single units, and penalties."""

import math

import numpy as np

from handgrad.kernels.compile import inline_kernel

BLOCK = 2048  # elements updated at a time: a block of weights, gradients and two states stays in the first-level cache
NO_UNITS = np.empty((0, 3), np.int64)


@inline_kernel
def gradient_norm(gradients):
    """Euclidean norm, summed in float64 by blocks."""
    total = 0.0
    for start in range(0, gradients.size, BLOCK):
        part = gradients.dtype.type(0)
        for g in gradients[start : start + BLOCK]:
            part += g * g
        total += float(part)
    return math.sqrt(total)


@inline_kernel
def penalise(w, dw, scale, l1, l2, keep):
    """The transforms between gradient and optimizer: dw = scale dw + l1 sign(w) + l2 w, then w = keep w.

    Math    clipping multiplies by scale = min(1, clip_norm / norm); l1 and l2 are the gradients of the penalties
            l1 sum |w| + l2/2 sum w^2; keep = 1 - learning_rate * decay is AdamW's decoupled weight decay
    """
    if l1 != 0:
        for i in range(w.size):
            dw[i] = scale * dw[i] + l1 * np.sign(w[i]) + l2 * w[i]
    elif scale != 1 or l2 != 0:
        for i in range(w.size):
            dw[i] = scale * dw[i] + l2 * w[i]
    if keep != 1:
        for i in range(w.size):
            w[i] *= keep


@inline_kernel
def unit_norms(gradients, units, norms):
    """Euclidean norms of some parts of the gradient, each `size` numbers from `start` on, `stride` apart.

    Shapes  units (U, 3) int64: start, stride and size; norms (U,) float64, filled
    """
    for u in range(units.shape[0]):
        total, place = gradients.dtype.type(0), units[u, 0]
        for _ in range(units[u, 2]):
            total += gradients[place] * gradients[place]
            place += units[u, 1]
        norms[u] = math.sqrt(total)
