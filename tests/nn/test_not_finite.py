"""A number that is not finite must reach the loss, through every layer and every compiler switch."""

import math
from itertools import product

import numpy as np
import pytest
from tests.ingredients import nn
from tests.kernels.bound import BoundLayer
from tests.nn.rows import COMPUTING, ROWS, make, network_around, suiting_shape

from handgrad.nn import LOSSES, Network

DTYPES = ["float32", "float64"]


@pytest.mark.parametrize("name", COMPUTING)
def test_nan_passes_a_layer(name):
    layer, rows = make(ROWS[name]), 8
    shape = suiting_shape(layer)
    clean = np.random.default_rng(0).normal(size=(rows, *shape))
    for dtype in DTYPES:
        bound = BoundLayer(layer, shape, rows, dtype)
        for training, place in product([True, False], np.ndindex(clean.shape)):
            x = clean.copy()
            x[place] = math.nan
            bound.buffers[:] = 1
            assert np.isnan(bound.forward(x, training, key=2)[place[0]]).any(), (dtype, training, place)


@pytest.mark.parametrize("name", COMPUTING)
def test_nan_passes_backwards(name):
    layer = make(ROWS[name])
    shape = suiting_shape(layer)
    for dtype, training in product(DTYPES, [True, False]):
        bound = BoundLayer(layer, shape, 3, dtype)
        y = bound.forward(np.abs(np.random.default_rng(0).normal(size=(3, *shape))) + 0.1, training, key=2)
        dx = bound.backward(np.full(y.shape, math.nan))
        assert np.isnan(dx).any(), (dtype, training)
        assert np.isnan(bound.dparameters).any() or not bound.dparameters.size, (dtype, training)


@pytest.mark.parametrize("name", ROWS)
def test_a_network_with_a_nan_has_no_finite_loss(name):
    for dtype, training in product(DTYPES, [True, False]):
        network = network_around(make(ROWS[name]), dtype)
        images = np.random.default_rng(0).normal(size=(5, *network.input_shape))
        assert math.isfinite(network.loss_and_gradients(images, np.zeros(5, int), training=training)), (dtype, training)
        images[3].flat[0] = math.nan
        loss = network.loss_and_gradients(images, np.zeros(5, int), training=training)
        assert not math.isfinite(loss), (dtype, training)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_overflow_is_seen_in_the_loss(dtype, name):
    network = Network([nn.Dense(4)], (2,), dtype=dtype, loss=LOSSES[name]())
    network.views["0.weight"][0] = np.finfo(dtype).max
    assert not math.isfinite(network.loss_and_gradients(np.full((3, 2), 10.0), np.array([0, 1, 2])))
