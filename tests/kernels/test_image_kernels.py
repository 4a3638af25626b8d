"""Convolution, pools and batch normalisation of channels, each called alone with a random dy, against naive loops."""

import numpy as np
import pytest
from tests import naive, naive_images
from tests.ingredients import nn
from tests.kernels.bound import SENTINEL, BoundLayer, assert_as
from tests.rounding import assert_close, gamma
from tests.slow import quick

from handgrad.kernels.packed import transpose
from handgrad.nn.images import pair

DTYPES = ["float32", "float64"]


def random_images(shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).normal(0, 2, shape).astype(dtype)


def compare(layer, x, oracle, dtype):
    """Both passes; `oracle(x, **parameters)` is the naive layer."""
    assert_as(oracle, layer, x, random_images((len(x), *layer.plan(x.shape[1:]).output), dtype, seed=1), dtype)


CONVOLUTIONS = {
    "3 by 3": ((2, 3, 5, 4), nn.Conv2D(2, 3)),
    "1 by 1": ((1, 1, 4, 4), nn.Conv2D(1, 1)),
    "2 by 3": ((3, 2, 4, 5), nn.Conv2D(3, (2, 3))),
    "5 by 5 valid": ((2, 1, 6, 5), nn.Conv2D(2, 5, padding="valid")),
    "stride 2": ((2, 2, 6, 7), nn.Conv2D(3, 3, 2)),
    "two strides valid": ((2, 1, 7, 6), nn.Conv2D(2, (3, 2), (3, 2), "valid")),
    "4 by 4 stride 3": ((1, 2, 5, 5), nn.Conv2D(2, 4, 3)),
    "gaps": ((2, 1, 3, 3), nn.Conv2D(2, 1, 2)),
}


CASES = [(*case, dtype) for case in CONVOLUTIONS.values() for dtype in DTYPES]


@pytest.mark.parametrize(
    ("shape", "layer", "dtype"),
    quick(CASES, lambda case: case[2] == "float64" or case[:2] == CONVOLUTIONS["3 by 3"]),
    ids=[f"{name}-{dtype}" for name in CONVOLUTIONS for dtype in DTYPES],
)
def test_convolution(shape, layer, dtype):
    def oracle(x, weight, bias):
        return naive_images.convolution(x, weight, bias, pair(layer.stride), layer.padding)

    compare(layer, random_images(shape, dtype), oracle, dtype)


def test_convolution_by_hand():
    # One channel 1 2 3 / 4 5 6 and the kernel 10 1: not flipped, zeros to the right ("same" puts the odd one there).
    # Rows: 10+2, 20+3, 30 = 12, 23, 30 and 40+5, 50+6, 60 = 45, 56, 60; the bias adds 100.
    bound = BoundLayer(nn.Conv2D(1, (1, 2)), (2, 3), 1)
    bound.parameters[:] = 10, 1, 100
    y = bound.forward([[[1, 2, 3], [4, 5, 6]]])
    assert np.array_equal(y, [[[[112, 123, 130], [145, 156, 160]]]])
    # With dy = 1 everywhere: dx is 10 in the first column, 11 in the others; dweight 1+...+6 = 21 and 2+3+5+6 = 16.
    assert np.array_equal(bound.backward(np.ones((1, 6))), [[10, 11, 11, 10, 11, 11]])
    assert np.array_equal(bound.dparameters, [21, 16, 6])


@pytest.mark.parametrize("name", ["max_pool", "average_pool"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "size", "stride"),
    [
        ((2, 2, 4, 6), 2, None),
        ((2, 1, 5, 7), 2, None),
        ((3, 2, 7, 6), 3, None),
        ((2, 2, 5, 6), 3, 1),
        ((2, 2, 5, 6), (2, 3), (1, 2)),
        ((1, 3, 6, 5), 1, 2),
        ((1, 1, 3, 3), 3, 5),
    ],
)
def test_pool(shape, size, stride, dtype, name):
    layer = {"max_pool": nn.MaxPool2D, "average_pool": nn.AveragePool2D}[name](size, stride)
    step = pair(size if stride is None else stride)
    x = random_images(shape, dtype)
    compare(layer, x, lambda x: getattr(naive_images, name)(x, pair(size), step), dtype)


def test_the_gradient_of_equal_numbers_goes_to_the_first():
    bound = BoundLayer(nn.MaxPool2D(2), (2, 4), 1)
    bound.forward([[[1, 5, 3, 3], [5, 5, 3, 3]]])  # two windows: 1 5 / 5 5 and 3 3 / 3 3
    assert np.array_equal(bound.backward([[7, 9]]), [[0, 7, 9, 0, 0, 0, 0, 0]])


def test_max_pool_of_the_smallest_numbers():
    bound = BoundLayer(nn.MaxPool2D(2), (2, 2), 2)
    assert np.array_equal(bound.forward([[[-np.inf] * 2] * 2, [[-5, -3], [-4, -6]]]).ravel(), [-np.inf, -3])
    assert np.array_equal(bound.backward([[1], [2]]), [[1, 0, 0, 0], [0, 2, 0, 0]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("place", range(9))
def test_a_nan_is_the_maximum_of_its_window(place, dtype):
    x = random_images((2, 3, 3), dtype)
    x[1].flat[place] = np.nan
    y = BoundLayer(nn.MaxPool2D(3), (3, 3), 2, dtype).forward(x).ravel()
    assert y[0] == x[0].max()
    assert np.isnan(y[1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_global_average_pool(dtype):
    x = random_images((3, 2, 4, 5), dtype)
    compare(nn.GlobalAveragePool(), x, lambda x: naive_images.average_pool(x, (4, 5), (1, 1))[:, :, 0, 0], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 2, 2, 3), (1, 3, 4, 2), (6, 1, 1, 1)])
def test_batch_norm_of_channels(shape, dtype):
    layer = nn.BatchNorm(epsilon=1e-3)
    compare(
        layer, random_images(shape, dtype), lambda x, gamma, beta: naive_images.batch_norm(x, gamma, beta, 1e-3), dtype
    )


@pytest.mark.parametrize("momentum", [0.1, 1.0])
def test_running_statistics_of_channels(momentum):
    batches = np.random.default_rng(1).normal(3, 2, (4, 5, 3, 2, 4))
    bound = BoundLayer(nn.BatchNorm(momentum=momentum), (3, 2, 4), 5)
    for x in batches:
        bound.forward(x)
    rows = np.moveaxis(batches, 2, 4).reshape(4, -1, 3)
    expected = np.concatenate(naive.running_statistics(rows, momentum))
    scale = 1 + np.square(batches).max()  # the sums' terms are so large: a variance has the squares of differences
    assert_close(bound.buffers, expected, 2 * gamma(3 * 40 + 4 * 4) * scale, "BatchNorm: running statistics")


def test_batch_norm_of_channels_in_evaluation_uses_and_keeps_the_running_statistics():
    x, dy = random_images((2, 3, 2, 2, 2))
    bound = BoundLayer(nn.BatchNorm(epsilon=0.5), (2, 2, 2), 3)
    bound.buffers[:] = 1.0, -2.0, 3.5, 0.5  # means 1, -2; variances 3.5, 0.5: standard deviations 2 and 1
    mean, deviation = np.array([1, -2])[:, None, None], np.array([2, 1])[:, None, None]
    scale, beta = (value[:, None, None] for value in bound.named(bound.parameters).values())
    expected = {"y": (x - mean) / deviation * scale + beta, "dx": dy / deviation * scale}
    bound.check(x, dy, expected, training=False)
    assert list(bound.buffers) == [1.0, -2.0, 3.5, 0.5]


@pytest.mark.parametrize("layer", [nn.Conv2D(3), nn.Conv2D(2, 2, 2, "valid"), nn.BatchNorm()], ids=str)
def test_gradients_of_parameters_do_not_need_dx(layer):
    bound = BoundLayer(layer, (2, 4, 4), 5)
    y = bound.forward(random_images((5, 2, 4, 4)))
    dy = random_images(y.shape)
    bound.backward(dy)
    with_dx = bound.dparameters.copy()
    bound.dparameters[:] = SENTINEL
    assert bound.backward(dy, dx_wanted=False).size == 0
    assert np.array_equal(bound.dparameters, with_dx)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 17), (16, 16), (5, 33), (64, 3)])
def test_transpose(rows, columns):
    source = np.arange(float(rows * columns))
    target = np.full_like(source, SENTINEL)
    transpose(source, rows, columns, target, rows)
    assert np.array_equal(target.reshape(columns, rows), source.reshape(rows, columns).T)
