"""Drives an optimizer through the compiled step, from gradients that a test gives."""

import numpy as np
from tests.ingredients import nn
from tests.rounding import deviations

from handgrad.kernels import driver
from handgrad.nn import Network


def small_network(dtype="float64"):
    """Weights and biases of two layers, 43 numbers."""
    return Network([nn.Dense(5), nn.Dense(3)], (4,), dtype=dtype, seed=2)


def wide_network(dtype="float64"):
    """More parameters than two of the blocks in which an update proceeds."""
    return Network([nn.Dense(97), nn.Dense(20)], (30,), dtype=dtype, seed=2)


STEP = 24  # operations on a weight in a step: powers, roots and quotients count as one


def walk(network, optimizer, gradient, rates, losses=None, transforms=None):
    """Take a step for each of `rates`, with `gradient(w, t)` at step t; returns the optimizer's state."""
    optimization = optimizer.bind(network, transforms)
    losses = np.ones(len(rates)) if losses is None else losses
    for t, (rate, loss) in enumerate(zip(rates, losses, strict=True), 1):
        network.gradients[:] = gradient(network.parameters, t)
        driver.optimizer_step(network.program(1), optimization, t, float(rate), float(loss), False)
    return optimization


def bowl(w, t):
    """The gradient of a convex quadratic, sum_i a_i w_i^2 / 2 with a from 0.5 to 2."""
    return np.linspace(0.5, 2, w.size) * w


def valley(w, t):
    """A gradient that is no linear function of w and changes with the step."""
    places = np.arange(w.size)
    return np.sin(3 * w + places) + 0.3 * w**3 + 0.5 * np.cos(t + 0.7 * places)


def rounding(network, optimizer, gradient, rates, losses=None, dtype="float64"):
    """How far the weights of `walk` may be off by rounding, from the network's present ones, in steps of `dtype`."""
    copy = Network(network.layers, network.input_shape, dtype="float64")

    def compute(weights):
        copy.parameters[:] = weights
        walk(copy, optimizer, gradient, rates, losses)
        return {"w": copy.parameters.copy()}

    return deviations(compute, [network.parameters.astype(float)], STEP * len(rates), dtype)["w"]
