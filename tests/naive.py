"""The obvious counterpart of every kernel: plain NumPy, loop by loop, written from the textbooks' formulas.

No derivative is written out here. They come from the complex step, f'(x) = Im f(x + ih) / h with h = 1e-30, which
subtracts nothing and is therefore exact to the last bits; so every function below must accept complex numbers.
Ref     Squire & Trapp, Using complex variables to estimate derivatives of real functions, SIAM Review 40 (1998)
"""

import itertools
import math

import numpy as np
from scipy.special import erf

TINY = 1e-30


def gradient(f, x):
    """The gradient of the real-valued `f` at the array `x`, one complex step for each element."""
    out = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[place] += 1j * TINY
        out[place] = f(moved).imag / TINY
    return out


def pulled_back(f, x, dy):
    """What backpropagation calls dx: the gradient of sum(dy * f(x))."""
    return gradient(lambda moved: np.sum(dy * f(moved)), x)


# Layers, on x (N, inputs). A comparison looks at the real part, as the complex step is infinitely small.

ACTIVATIONS = {
    "identity": lambda x: x,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": lambda x: np.sinh(x) / np.cosh(x),
    "relu": lambda x: np.where(x.real > 0, x, 0),
    "leaky_relu": lambda x, slope: np.where(x.real > 0, x, slope * x),
    "elu": lambda x, alpha: np.where(x.real > 0, x, alpha * (np.exp(x) - 1)),
    "gelu": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "arctan": np.arctan,
}


def dense(x, weight, bias):
    """Each output is the sum of weighted inputs, and the bias."""
    y = np.zeros((len(x), len(bias)), np.result_type(x, weight, bias))
    for n in range(len(x)):
        for j in range(len(bias)):
            y[n, j] = sum(x[n, i] * weight[i, j] for i in range(x.shape[1])) + bias[j]
    return y


def batch_norm(x, gamma, beta, epsilon):
    """Each column less its mean, over its standard deviation, then scaled and moved."""
    mean = sum(x) / len(x)
    variance = sum((row - mean) ** 2 for row in x) / len(x)
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def layer_norm(x, gamma, beta, epsilon):
    """Each row less its mean, over its standard deviation, then scaled and moved."""
    return np.array([batch_norm(row, gamma, beta, epsilon) for row in x])


def running_statistics(batches, momentum):
    """Running mean and variance after some batches, the variance of each with Bessel's correction."""
    mean, variance = np.zeros(batches[0].shape[1]), np.ones(batches[0].shape[1])
    for x in batches:
        mean = (1 - momentum) * mean + momentum * x.mean(axis=0)
        variance = (1 - momentum) * variance + momentum * x.var(axis=0, ddof=1)
    return mean, variance


# Losses, on logits (N, K).


def softmax(logits):
    """exp over the sum of exps; taking the maximum off first changes nothing but the size of the numbers."""
    powers = np.exp(logits - logits.real.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def onehot(labels, classes):
    """1 at the label, 0 elsewhere."""
    return np.array([[float(k == label) for k in range(classes)] for label in labels])


def cross_entropy(logits, labels, label_smoothing=0.0):
    """Mean over images of -sum_k target_k log p_k."""
    classes = logits.shape[1]
    targets = (1 - label_smoothing) * onehot(labels, classes) + label_smoothing / classes
    return -np.sum(targets * np.log(softmax(logits))) / len(logits)


def squared_error(logits, labels):
    """Mean over all numbers of (p - onehot)^2."""
    return np.sum((softmax(logits) - onehot(labels, logits.shape[1])) ** 2) / logits.size


def absolute_error(logits, labels):
    """Mean over all numbers of |p - onehot|, which is p beside the label and 1 - p at it."""
    p, at_label = softmax(logits), onehot(labels, logits.shape[1])
    return np.sum((1 - at_label) * p + at_label * (1 - p)) / logits.size


LOSSES = {
    "cross_entropy": cross_entropy,
    "mean_squared_error": squared_error,
    "mean_absolute_error": absolute_error,
}


def right_answers(logits, labels):
    """How many rows have their first largest logit at the label."""
    return sum(list(row).index(max(row)) == label for row, label in zip(logits, labels, strict=True))


# GradientTransforms between a gradient and the optimizer.


def clipped(gradients, clip_norm):
    """Scaled down to the length `clip_norm` when longer, with PyTorch's 1e-6 in the denominator; 0: as it is."""
    length = math.sqrt(sum(float(g) ** 2 for g in gradients))
    return gradients * min(1.0, clip_norm / (length + 1e-6)) if clip_norm else gradients


def penalised(w, gradients, where, l1, weight_decay):
    """Plus the derivative of l1 |w| + weight_decay w^2 / 2, at the elements `where` penalties apply."""
    return gradients + where * (l1 * np.sign(w) + weight_decay * w)


# Optimizers: (w, gradient(w, t), rates, losses, hyper-parameters) -> w after a step for each of `rates`.


def sgd(w, gradient, rates, losses):
    """Down the gradient."""
    for t, rate in enumerate(rates, 1):
        w = w - rate * gradient(w, t)
    return w


def momentum(w, gradient, rates, losses, momentum):
    """A ball that rolls: its velocity is the sum of all gradients, each forgotten by `momentum` a step."""
    past = []
    for t, rate in enumerate(rates, 1):
        past.append(gradient(w, t))
        w = w - rate * sum(momentum ** (t - 1 - i) * g for i, g in enumerate(past))
    return w


def nag(w, gradient, rates, losses, momentum):
    """Nesterov: the velocity of a step later, as far as it is known."""
    past = []
    for t, rate in enumerate(rates, 1):
        past.append(gradient(w, t))
        w = w - rate * (past[-1] + sum(momentum ** (t - i) * g for i, g in enumerate(past)))
    return w


def decaying_mean(values, beta):
    """(1 - beta) sum_i beta^(t - i) values_i: the moving averages of all adaptive methods, written out."""
    return (1 - beta) * sum(beta ** (len(values) - 1 - i) * value for i, value in enumerate(values))


def rmsprop(w, gradient, rates, losses, beta, epsilon):
    """Each gradient over the root of the moving mean of its squares."""
    squares = []
    for t, rate in enumerate(rates, 1):
        g = gradient(w, t)
        squares.append(g * g)
        w = w - rate * g / (np.sqrt(decaying_mean(squares, beta)) + epsilon)
    return w


def adagrad(w, gradient, rates, losses, epsilon):
    """Each gradient over the root of the sum of all its squares."""
    squares = []
    for t, rate in enumerate(rates, 1):
        g = gradient(w, t)
        squares.append(g * g)
        w = w - rate * g / (np.sqrt(sum(squares)) + epsilon)
    return w


def adam(w, gradient, rates, losses, beta1, beta2, epsilon):
    """Algorithm 1 of Kingma & Ba."""
    past = []
    for t, rate in enumerate(rates, 1):
        past.append(gradient(w, t))
        m = decaying_mean(past, beta1) / (1 - beta1**t)
        v = decaying_mean([g * g for g in past], beta2) / (1 - beta2**t)
        w = w - rate * m / (np.sqrt(v) + epsilon)
    return w


def nadam(w, gradient, rates, losses, beta1, beta2, epsilon, momentum_decay):
    """Algorithm 2 of Dozat, with the momentum schedule of its section on warming up."""

    def mu(t):
        return beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))

    past = []
    for t, rate in enumerate(rates, 1):
        past.append(gradient(w, t))
        v = decaying_mean([g * g for g in past], beta2) / (1 - beta2**t)
        product = math.prod(mu(i) for i in range(1, t + 1))
        g_hat = past[-1] / (1 - product)
        m_hat = decaying_mean(past, beta1) / (1 - product * mu(t + 1))
        w = w - rate * ((1 - mu(t)) * g_hat + mu(t + 1) * m_hat) / (np.sqrt(v) + epsilon)
    return w


def eve_brake(losses, beta3, clip):
    """The number d that divides Eve's learning rate, for each of `losses`."""
    brakes = [1.0]
    for before, now in itertools.pairwise(losses):
        change = abs(now - before) / min(now, before)
        brakes.append(beta3 * brakes[-1] + (1 - beta3) * np.clip(change, 1 / clip, clip))
    return np.array(brakes)


def eve(w, gradient, rates, losses, beta1, beta2, epsilon, beta3, clip):
    """Adam, braked by how much the loss changes from step to step."""
    return adam(w, gradient, np.array(rates) / eve_brake(losses, beta3, clip), losses, beta1, beta2, epsilon)


def lion(w, gradient, rates, losses, beta1, beta2):
    """A step of the rate's length along the sign of the newest gradient mixed into the mean of all before it."""
    past = []
    for t, rate in enumerate(rates, start=1):
        mean = decaying_mean(past, beta2) if past else np.zeros_like(w)
        past.append(gradient(w, t))
        w = w - rate * np.sign(beta1 * mean + (1 - beta1) * past[-1])
    return w


def velocity(past, momentum):
    """The sum of all gradients, each forgotten by `momentum` a step."""
    return [sum(momentum ** (len(past) - 1 - i) * g for i, g in enumerate(past))]


def moments(past, beta1, beta2, **_):
    """The decaying means of the gradients and of their squares."""
    return [decaying_mean(past, beta1), decaying_mean([g * g for g in past], beta2)]


# The state vectors of an optimizer after the gradients `past`.
STATES = {
    "sgd": lambda past: [],
    "momentum": velocity,
    "nag": velocity,
    "rmsprop": lambda past, beta, epsilon: [decaying_mean([g * g for g in past], beta)],
    "adagrad": lambda past, epsilon: [sum(g * g for g in past)],
    "adam": moments,
    "adamw": moments,
    "nadam": moments,
    "eve": moments,
    "lion": lambda past, beta1, beta2: [decaying_mean(past, beta2)],
}

OPTIMIZERS = {
    "sgd": sgd,
    "momentum": momentum,
    "nag": nag,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adam,
    "nadam": nadam,
    "adagrad": adagrad,
    "eve": eve,
    "lion": lion,
}


# Random numbers, in Python's unbounded integers.

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(z):
    """The output function of SplitMix64, from Vigna's reference implementation (splitmix64.c, 2015)."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def subkey(key, index):
    """The key of a step below a seed, or of a layer below a step."""
    return mix(mix((key + GOLDEN) & MASK) ^ (index * GOLDEN & MASK))


def dropout_mask(key, size, rate):
    """Each element is dropped where the upper half of its random bits, as a fraction of 1, lies below `rate`."""
    fractions = [(mix((key + (i + 1) * GOLDEN) & MASK) >> 32) / 2**32 for i in range(size)]
    return np.array([0.0 if fraction < rate else 1 / (1 - rate) for fraction in fractions])
