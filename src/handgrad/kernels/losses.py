"""Losses on logits, with their gradients; compiled without reordering, so that nothing not finite is lost."""

import numpy as np

from handgrad.kernels.compile import strict_kernel
from handgrad.kernels.elementary import exp


@strict_kernel
def row_maximum(logits, n):
    """The largest logits[n, k] over k."""
    top = logits[n, 0]
    for k in range(1, logits.shape[1]):
        top = logits[n, k] if logits[n, k] > top else top
    return top


@strict_kernel
def softmax(logits, probabilities):
    """Row-wise softmax; returns the sum over rows of log sum_k exp(logits[n, k] - max_n), in float64.

    Shapes  logits, probabilities (N, K)
    Stable  the row maximum is taken off before exp, so logits of 1e4 stay finite
    """
    rows, classes = logits.shape
    for n in range(rows):
        top = row_maximum(logits, n)
        for k in range(classes):
            probabilities[n, k] = logits[n, k] - top
    flat = probabilities.reshape(rows * classes)
    for i in range(flat.size):  # all rows at once: ten classes fill no vector
        flat[i] = exp(flat[i])
    log_total = 0.0
    for n in range(rows):
        total = logits.dtype.type(0)
        for k in range(classes):
            total += probabilities[n, k]
        for k in range(classes):
            probabilities[n, k] /= total
        log_total += np.log(float(total))
    return log_total


@strict_kernel
def cross_entropy(logits, labels, dlogits, settings):
    """Mean cross-entropy of softmax(logits) against smoothed labels, and its gradient.

    Shapes  logits, dlogits (N, K); labels (N,) int in [0, K) -> float64;  settings (smoothing,)
    Math    p = softmax(logits);  q = (1 - s) onehot(labels) + s / K
            loss = -(1/N) sum_n sum_k q[n, k] log p[n, k];  dlogits = (p - q) / N
            With q summing to 1 over k:  -sum_k q log p = log sum_k exp(z - max z) - sum_k q (z - max z)
    Ref     Szegedy et al., Rethinking the Inception architecture (2015), section 7 (label smoothing)
    """
    rows, classes = logits.shape
    smoothing = float(settings[0])
    share, scale = dlogits.dtype.type(smoothing / classes), dlogits.dtype.type(1.0 / rows)
    loss = softmax(logits, dlogits)
    for n in range(rows):
        top, total = row_maximum(logits, n), 0.0
        if smoothing > 0:
            for k in range(classes):
                total += float(logits[n, k] - top)
        loss -= (1.0 - smoothing) * float(logits[n, labels[n]] - top) + smoothing / classes * total
        for k in range(classes):
            dlogits[n, k] = (dlogits[n, k] - share) * scale
        dlogits[n, labels[n]] -= dlogits.dtype.type(1.0 - smoothing) * scale
    return loss / rows


@strict_kernel
def squared_error(logits, labels, dlogits, settings):
    """Mean squared error between softmax(logits) and the one-hot labels, and its gradient through the softmax.

    Shapes  as `cross_entropy`; settings unused
    Math    p = softmax(logits);  e = p - onehot(labels);  loss = 1/(N K) sum e^2
            dp = 2 e / (N K);  dlogits[n, k] = p[n, k] (dp[n, k] - sum_j dp[n, j] p[n, j])
    """
    rows, classes = logits.shape
    loss, scale = 0.0, dlogits.dtype.type(2.0 / (rows * classes))
    one = dlogits.dtype.type(1)
    softmax(logits, dlogits)
    for n in range(rows):
        inner = dlogits.dtype.type(0)
        for k in range(classes):
            error = dlogits[n, k] - (one if k == labels[n] else one - one)
            loss += float(error) * float(error)
            inner += error * dlogits[n, k]
        for k in range(classes):
            error = dlogits[n, k] - (one if k == labels[n] else one - one)
            dlogits[n, k] *= scale * (error - inner)
    return loss / (rows * classes)


@strict_kernel
def absolute_error(logits, labels, dlogits, settings):
    """Mean absolute error between softmax(logits) and the one-hot labels, and its gradient through the softmax.

    Shapes  as `cross_entropy`; settings unused
    Math    p = softmax(logits);  e = p - onehot(labels);  loss = 1/(N K) sum |e|
            dp = sign(e) / (N K), sign(0) = 0;  dlogits[n, k] = p[n, k] (dp[n, k] - sum_j dp[n, j] p[n, j])
    """
    rows, classes = logits.shape
    loss, scale = 0.0, dlogits.dtype.type(1.0 / (rows * classes))
    one = dlogits.dtype.type(1)
    softmax(logits, dlogits)
    for n in range(rows):
        inner = dlogits.dtype.type(0)
        for k in range(classes):
            error = dlogits[n, k] - (one if k == labels[n] else one - one)
            loss += abs(float(error))
            inner += np.sign(error) * dlogits[n, k]
        for k in range(classes):
            error = dlogits[n, k] - (one if k == labels[n] else one - one)
            dlogits[n, k] *= scale * (np.sign(error) - inner)
    return loss / (rows * classes)


@strict_kernel
def count_correct(logits, labels):
    """How many rows have their largest logit at the label; the first of equal ones counts, as numpy.argmax does."""
    correct = 0
    for n in range(logits.shape[0]):
        best = 0
        for k in range(1, logits.shape[1]):
            if logits[n, k] > logits[n, best]:
                best = k
        correct += best == labels[n]
    return correct
