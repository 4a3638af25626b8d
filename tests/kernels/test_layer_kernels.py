"""Each layer's forward and backward pass, called alone with a random dy, against the naive oracles."""

import functools

import numpy as np
import pytest
from tests import naive
from tests.ingredients import nn
from tests.kernels.bound import BoundLayer, assert_as
from tests.rounding import assert_close, gamma

from handgrad.nn import ACTIVATIONS

DTYPES = ["float32", "float64"]
ORACLES = sorted(naive.ACTIVATIONS.keys() & ACTIVATIONS.keys())
FEW = gamma(10)  # of what is worked by hand, in so many operations


def batch(rows, features, dtype, spread=2.0):
    """x, and a dy of the same shape, rounded to `dtype` so that the oracle starts from the same numbers."""
    generator = np.random.default_rng(rows * features)
    return (generator.normal(0, spread, (2, rows, features))).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ORACLES)
def test_activation(name, dtype):
    layer = ACTIVATIONS[name]()

    def oracle(x):
        return naive.ACTIVATIONS[name](x, **vars(layer))

    assert_as(oracle, layer, *batch(6, 37, dtype), dtype)


@pytest.mark.parametrize("settings", [{"slope": 0.3}, {"slope": 0.0}, {"slope": 1.5}])
def test_leaky_relu_uses_its_slope(settings):
    x = np.array([[-2.0, 0.0, 3.0]])
    bound = BoundLayer(ACTIVATIONS["leaky_relu"](**settings), (3,), 1)
    slope = settings["slope"]
    np.testing.assert_allclose(bound.forward(x), [[-2 * slope, 0, 3]], rtol=FEW)
    np.testing.assert_allclose(bound.backward(np.ones((1, 3))), [[slope, slope, 1]], rtol=FEW)


def test_elu_uses_its_alpha():
    bound = BoundLayer(ACTIVATIONS["elu"](alpha=3.0), (2,), 1)
    # 3 (exp(-1) - 1) = 3 * (0.36787944117144233 - 1) = -1.896361676485673; its slope 3 exp(-1) = 1.103638323514327
    np.testing.assert_allclose(bound.forward(np.array([[-1.0, 2.0]])), [[-1.896361676485673, 2.0]], rtol=FEW)
    np.testing.assert_allclose(bound.backward(np.ones((1, 2))), [[1.103638323514327, 1.0]], rtol=FEW)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rows", "inputs", "outputs"), [(1, 1, 1), (7, 5, 3), (3, 17, 33), (4, 1, 9), (5, 8, 1)])
def test_dense(rows, inputs, outputs, dtype):
    x, _ = batch(rows, inputs, dtype)
    dy, _ = batch(rows, outputs, dtype)
    assert_as(naive.dense, nn.Dense(outputs), x, dy, dtype)


def test_dense_takes_images_as_flat_vectors():
    images = np.random.default_rng(0).normal(size=(4, 2, 3))
    bound = BoundLayer(nn.Dense(5), (2, 3), 4)
    expected = naive.dense(images.reshape(4, 6), **bound.named(bound.parameters))
    bound.check(images, np.ones((4, 5)), {"y": expected})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [4, 9])
def test_batch_norm_in_training(rows, dtype):
    x, dy = batch(rows, 4, dtype)
    layer = nn.BatchNorm(epsilon=1e-3)
    assert_as(functools.partial(naive.batch_norm, epsilon=layer.epsilon), layer, x, dy, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_layer_norm(dtype):
    layer = nn.LayerNorm(epsilon=1e-3)
    assert_as(functools.partial(naive.layer_norm, epsilon=layer.epsilon), layer, *batch(4, 9, dtype), dtype)


@pytest.mark.parametrize("momentum", [0.1, 0.6, 1.0])
def test_batch_norm_running_statistics(momentum):
    batches = np.random.default_rng(1).normal(3, 2, (4, 6, 5))
    bound = BoundLayer(nn.BatchNorm(momentum=momentum), (5,), 6)
    for x in batches:
        bound.forward(x)
    expected = np.concatenate(naive.running_statistics(batches, momentum))
    scale = 1 + np.square(batches).max()  # the sums' terms are so large: a variance has the squares of differences
    assert_close(bound.buffers, expected, 2 * gamma(3 * 6 + 4 * 4) * scale, "BatchNorm: running statistics")


def test_batch_norm_in_evaluation_uses_and_keeps_the_running_statistics():
    x, dy = batch(3, 2, "float64")
    bound = BoundLayer(nn.BatchNorm(epsilon=0.5), (2,), 3)
    bound.buffers[:] = 1.0, -2.0, 3.5, 0.5  # means 1, -2; variances 3.5, 0.5: standard deviations 2 and 1
    scale, beta = bound.named(bound.parameters).values()
    dx = dy / [2, 1] * scale  # the statistics are constants here
    bound.check(x, dy, {"y": (x - [1, -2]) / [2, 1] * scale + beta, "dx": dx}, training=False)
    assert list(bound.buffers) == [1.0, -2.0, 3.5, 0.5]


def test_batch_norm_variance_does_not_cancel():
    x = np.float32(4096) + np.array([[-1.0], [0.0], [1.0]], np.float32)  # mean of squares minus squared mean loses all
    bound = BoundLayer(nn.BatchNorm(epsilon=1e-12), (1,), 3, "float32")
    bound.parameters[:] = 1, 0
    np.testing.assert_allclose(bound.forward(x)[:, 0], np.sqrt([1.5, 0, 1.5]) * [-1, 0, 1], rtol=gamma(20, "float32"))


def test_batch_norm_of_one_image():
    # PyTorch refuses it in training. Here y = gamma 0 / sqrt(0 + epsilon) + beta, and nothing is divided by N - 1 = 0.
    bound = BoundLayer(nn.BatchNorm(), (4,), 1)
    np.testing.assert_allclose(bound.forward(np.ones((1, 4)))[0], bound.named(bound.parameters)["beta"])
    np.testing.assert_allclose(bound.buffers, [0.1] * 4 + [0.9] * 4, rtol=FEW)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.5, 0.9])
def test_dropout(rate, dtype):
    x, dy = batch(8, 40, dtype)
    bound = BoundLayer(nn.Dropout(rate), (40,), 8, dtype)
    mask = naive.dropout_mask(99, 320, float(bound.settings[0])).reshape(8, 40)
    bound.check(x, dy, {"y": mask * x, "dx": mask * dy}, key=99)


def test_dropout_in_evaluation_is_the_identity():
    x, dy = batch(2, 6, "float64")
    bound = BoundLayer(nn.Dropout(0.5), (6,), 2)
    bound.forward(x, key=1)  # leaves a mask that must not be used below
    assert np.array_equal(bound.forward(x, training=False), x)
    assert np.array_equal(bound.backward(dy), dy)


def test_dropout_drops_at_its_rate():
    bound = BoundLayer(nn.Dropout(0.3), (1000,), 100)
    y = bound.forward(np.ones((100, 1000)), key=3)
    # 100,000 draws of probability 0.3: the standard deviation of the share is sqrt(0.3 * 0.7 / 1e5) = 0.00145
    assert abs(np.mean(y == 0) - 0.3) < 5 * 0.00145
    assert abs(y.mean() - 1) < 5 * 0.00145 / 0.7


@pytest.mark.parametrize("layer", [nn.Dense(3), nn.BatchNorm()], ids=["dense", "batch_norm"])
def test_gradients_of_parameters_do_not_need_dx(layer):
    x, dy = batch(5, 3, "float64")
    bound = BoundLayer(layer, (3,), 5)
    bound.forward(x)
    bound.backward(dy)
    with_dx = bound.dparameters.copy()
    assert bound.backward(dy, dx_wanted=False).size == 0
    assert np.array_equal(bound.dparameters, with_dx)
