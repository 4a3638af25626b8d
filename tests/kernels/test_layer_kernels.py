"""Each layer's forward and backward pass, called alone with a random dy, against the naive oracles."""

import numpy as np
import pytest
from tests import naive
from tests.kernels.bound import BoundLayer

from handgrad.nn import ACTIVATIONS, BatchNorm, Dense, Dropout

# Relative to the largest number: float32 keeps 7 digits, of which sums of a few dozen terms cost about one.
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}
DTYPES = list(TOLERANCE)
ORACLES = sorted(naive.ACTIVATIONS.keys() & ACTIVATIONS.keys())


def close(actual, expected, dtype):
    assert actual.dtype == dtype
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


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

    x, dy = batch(6, 37, dtype)
    bound = BoundLayer(layer, (37,), 6, dtype)
    close(bound.forward(x), oracle(x.astype(float)), dtype)
    close(bound.backward(dy), naive.pulled_back(oracle, x.astype(float), dy), dtype)


@pytest.mark.parametrize("settings", [{"slope": 0.3}, {"slope": 0.0}, {"slope": 1.5}])
def test_leaky_relu_uses_its_slope(settings):
    x = np.array([[-2.0, 0.0, 3.0]])
    bound = BoundLayer(ACTIVATIONS["leaky_relu"](**settings), (3,), 1)
    slope = settings["slope"]
    np.testing.assert_allclose(bound.forward(x), [[-2 * slope, 0, 3]], atol=1e-15)
    np.testing.assert_allclose(bound.backward(np.ones((1, 3))), [[slope, slope, 1]], atol=1e-15)


def test_elu_uses_its_alpha():
    bound = BoundLayer(ACTIVATIONS["elu"](alpha=3.0), (2,), 1)
    # 3 (exp(-1) - 1) = 3 * (0.36787944117144233 - 1) = -1.896361676485673; its slope 3 exp(-1) = 1.103638323514327
    np.testing.assert_allclose(bound.forward(np.array([[-1.0, 2.0]])), [[-1.896361676485673, 2.0]], rtol=1e-15)
    np.testing.assert_allclose(bound.backward(np.ones((1, 2))), [[1.103638323514327, 1.0]], rtol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rows", "inputs", "outputs"), [(1, 1, 1), (7, 5, 3), (3, 17, 33), (4, 1, 9), (5, 8, 1)])
def test_dense(rows, inputs, outputs, dtype):
    x, _ = batch(rows, inputs, dtype)
    dy, _ = batch(rows, outputs, dtype)
    bound = BoundLayer(Dense(outputs), (inputs,), rows, dtype)
    values = {name: value.astype(float) for name, value in bound.named(bound.parameters).items()}
    close(bound.forward(x), naive.dense(x.astype(float), **values), dtype)
    dx = bound.backward(dy)
    close(dx, naive.pulled_back(lambda x: naive.dense(x, **values), x.astype(float), dy), dtype)
    for name, dvalue in bound.named(bound.dparameters).items():
        dense = lambda value, name=name: naive.dense(x.astype(float), **values | {name: value})  # noqa: E731
        close(dvalue, naive.pulled_back(dense, values[name], dy), dtype)


def test_dense_takes_images_as_flat_vectors():
    images = np.random.default_rng(0).normal(size=(4, 2, 3))
    bound = BoundLayer(Dense(5), (2, 3), 4)
    values = bound.named(bound.parameters)
    close(bound.forward(images), naive.dense(images.reshape(4, 6), **values), "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [4, 9])
def test_batch_norm_in_training(rows, dtype):
    x, dy = batch(rows, 4, dtype)
    layer = BatchNorm(epsilon=1e-3)
    bound = BoundLayer(layer, (4,), rows, dtype)
    values = {name: value.astype(float) for name, value in bound.named(bound.parameters).items()}

    def oracle(x, **changed):
        return naive.batch_norm(x, **values | changed, epsilon=layer.epsilon)

    close(bound.forward(x), oracle(x.astype(float)), dtype)
    close(bound.backward(dy), naive.pulled_back(oracle, x.astype(float), dy), dtype)
    for name, dvalue in bound.named(bound.dparameters).items():
        close(dvalue, naive.pulled_back(lambda v, n=name: oracle(x.astype(float), **{n: v}), values[name], dy), dtype)


@pytest.mark.parametrize("momentum", [0.1, 0.6, 1.0])
def test_batch_norm_running_statistics(momentum):
    batches = np.random.default_rng(1).normal(3, 2, (4, 6, 5))
    bound = BoundLayer(BatchNorm(momentum=momentum), (5,), 6)
    for x in batches:
        bound.forward(x)
    close(bound.buffers, np.concatenate(naive.running_statistics(batches, momentum)), "float64")


def test_batch_norm_in_evaluation_uses_and_keeps_the_running_statistics():
    x, dy = batch(3, 2, "float64")
    bound = BoundLayer(BatchNorm(epsilon=0.5), (2,), 3)
    bound.buffers[:] = 1.0, -2.0, 3.5, 0.5  # means 1, -2; variances 3.5, 0.5: standard deviations 2 and 1
    gamma, beta = bound.named(bound.parameters).values()
    close(bound.forward(x, training=False), (x - [1, -2]) / [2, 1] * gamma + beta, "float64")
    close(bound.backward(dy), dy / [2, 1] * gamma, "float64")  # the statistics are constants here
    assert list(bound.buffers) == [1.0, -2.0, 3.5, 0.5]


def test_batch_norm_variance_does_not_cancel():
    x = np.float32(4096) + np.array([[-1.0], [0.0], [1.0]], np.float32)  # mean of squares minus squared mean loses all
    bound = BoundLayer(BatchNorm(epsilon=1e-12), (1,), 3, "float32")
    bound.parameters[:] = 1, 0
    np.testing.assert_allclose(bound.forward(x)[:, 0], np.sqrt([1.5, 0, 1.5]) * [-1, 0, 1], rtol=1e-6)


def test_batch_norm_of_one_image():
    # PyTorch refuses it in training. Here y = gamma 0 / sqrt(0 + epsilon) + beta, and nothing is divided by N - 1 = 0.
    bound = BoundLayer(BatchNorm(), (4,), 1)
    np.testing.assert_allclose(bound.forward(np.ones((1, 4)))[0], bound.named(bound.parameters)["beta"])
    np.testing.assert_allclose(bound.buffers, [0.1] * 4 + [0.9] * 4, rtol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.5, 0.9])
def test_dropout(rate, dtype):
    x, dy = batch(8, 40, dtype)
    bound = BoundLayer(Dropout(rate), (40,), 8, dtype)
    mask = naive.dropout_mask(99, 320, float(bound.settings[0])).reshape(8, 40)
    close(bound.forward(x, key=99), mask * x, dtype)
    close(bound.backward(dy), mask * dy, dtype)


def test_dropout_in_evaluation_is_the_identity():
    x, dy = batch(2, 6, "float64")
    bound = BoundLayer(Dropout(0.5), (6,), 2)
    bound.forward(x, key=1)  # leaves a mask that must not be used below
    assert np.array_equal(bound.forward(x, training=False), x)
    assert np.array_equal(bound.backward(dy), dy)


def test_dropout_drops_at_its_rate():
    bound = BoundLayer(Dropout(0.3), (1000,), 100)
    y = bound.forward(np.ones((100, 1000)), key=3)
    # 100,000 draws of probability 0.3: the standard deviation of the share is sqrt(0.3 * 0.7 / 1e5) = 0.00145
    assert abs(np.mean(y == 0) - 0.3) < 5 * 0.00145
    assert abs(y.mean() - 1) < 5 * 0.00145 / 0.7


@pytest.mark.parametrize("layer", [Dense(3), BatchNorm()], ids=["dense", "batch_norm"])
def test_gradients_of_parameters_do_not_need_dx(layer):
    x, dy = batch(5, 3, "float64")
    bound = BoundLayer(layer, (3,), 5)
    bound.forward(x)
    bound.backward(dy)
    with_dx = bound.dparameters.copy()
    assert bound.backward(dy, dx_wanted=False).size == 0
    assert np.array_equal(bound.dparameters, with_dx)
