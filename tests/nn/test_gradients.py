"""Every derivative against finite differences, for every row of every registry; and that a wrong one is noticed."""

from dataclasses import replace

import numpy as np
import pytest
from tests.ingredients import nn
from tests.kernels.bound import BoundLayer
from tests.nn.passes import wrong_gradients
from tests.nn.rows import COMPUTING, ROWS, make, network_around, suiting_shape
from tests.rounding import assert_close, gamma, largest
from tests.slow import quick

from handgrad.errors import UsageError
from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.dense import dense_backward, dense_forward
from handgrad.kernels.elementary import tanh
from handgrad.nn import ACTIVATIONS, INITIALIZERS, LOSSES, Network, gradcheck
from handgrad.nn.layer import Activation

STEP = 1e-3


def batch(network, rows=7):
    generator = np.random.default_rng(6)
    return generator.normal(size=(rows, *network.input_shape)), generator.integers(0, network.classes, rows)


def passes_of(names):
    """Each in training and in evaluation, which few layers compute in another way."""
    ways = {"training": True, "evaluation": False}
    found = [pytest.param(name, ways[way], id=f"{name}-{way}") for name in names for way in ways]
    return quick(found, lambda each: each.values[1] or each.values[0] in ("batch_norm", "dropout"))


def assert_right(network, training=True):
    buffers = network.buffers.copy()
    found = wrong_gradients(network, batch(network), training=training, key=3)
    assert not found, "; ".join(found.values())
    network.buffers[:] = buffers


@pytest.mark.parametrize(("name", "training"), passes_of(ROWS))
def test_layer_in_a_network(name, training):
    assert_right(network_around(make(ROWS[name])), training)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("name", LOSSES)
def test_loss(name, training):
    assert_right(Network([nn.Dense(5), nn.Tanh(), nn.Dense(4)], (6,), dtype="float64", loss=LOSSES[name]()), training)


def test_label_smoothing():
    loss = LOSSES["cross_entropy"](label_smoothing=0.2)
    assert_right(Network([nn.Dense(5), nn.Tanh(), nn.Dense(4)], (6,), dtype="float64", loss=loss))


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializer(name):
    network = Network([nn.Dense(5, INITIALIZERS[name]()), nn.Tanh(), nn.Dense(4)], (6,), dtype="float64")
    network.views["0.bias"][...] = [0.5, -1.0, 1.0, 0.3, -0.2]  # zeros would leave every unit on what may be a kink
    assert_right(network)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_deep_network_of_everything(training):
    middle = [cls() for cls in ACTIVATIONS.values()]
    layers = [nn.Dense(6), nn.BatchNorm(), *middle, nn.Dropout(0.3), nn.Dense(5), nn.BatchNorm(), nn.Dense(3)]
    network = Network(layers, (4,), dtype="float64", seed=1)
    network.loss_and_gradients(*batch(network))  # running statistics that are not their starting values
    assert_right(network, training)


# The same for a layer alone, with a random dy, and for dx, which a network does not compute for its first layer.


def numeric(f, value, dy, step=STEP):
    """Central differences of five points of sum(dy * f()) in each element of `value`, which `f` reads."""
    out = np.empty(value.size)
    flat = value.reshape(-1)
    for i in range(flat.size):
        here, total = flat[i], 0.0
        for offset, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
            flat[i] = here + offset * step
            total += weight * np.sum(dy * f()) / (12 * step)
        flat[i], out[i] = here, total
    return out.reshape(value.shape)


def away_from_kinks(shape):
    """Random numbers no nearer to 0 than 0.1, so that no step of a finite difference crosses a kink there."""
    x = np.random.default_rng(9).normal(size=shape)
    return x + 0.1 * np.sign(x)


@pytest.mark.parametrize(("name", "training"), passes_of(COMPUTING))
def test_backward_with_a_random_dy(name, training):
    layer, rows = make(ROWS[name]), 4
    shape = suiting_shape(layer)
    bound, x = BoundLayer(layer, shape, rows), away_from_kinks((rows, *shape))
    start = bound.buffers.copy()

    def forward():
        bound.buffers[:] = start
        return bound.forward(x, training=training, key=5).reshape(rows, -1)

    dy = np.random.default_rng(10).normal(size=forward().shape)
    found = bound.passes(x, dy, training, 5)
    allowed = bound.rounding(x, dy, training=training, key=5)
    # Each of five sums over y is off by `noise`; the truncation is 1/15 of what twice the step makes it differ.
    noise = allowed["y"] * np.abs(dy).sum() + gamma(dy.size) * np.abs(dy * forward()).sum()
    for array, value in {**bound.named(bound.parameters), "x": x}.items():
        expected, coarse = (numeric(forward, value, dy, step) for step in (STEP, 2 * STEP))
        tolerance = 18 / 12 * noise / STEP + largest(coarse - expected) + allowed[f"d{array}"]
        assert_close(found[f"d{array}"], expected, tolerance, f"{name}: d{array}")


# One wrong sign.


@fast_kernel
def tanh_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = tanh(x)."""
    for i in range(x.size):
        y[i] = tanh(x[i])


@fast_kernel
def flipped_tanh_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = -dy (1 - y^2)."""
    for i in range(dx.size):
        dx[i] = -dy[i] * (1 - y[i] * y[i])


@fast_kernel
def flipped_bias_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings, part):
    """db = -sum_n dy[n]."""
    dense_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings, part)
    for i in range(shape[0] * shape[1], dparameters.size):
        dparameters[i] = -dparameters[i]


class FlippedTanh(Activation):
    kernels = tanh_forward, flipped_tanh_backward


def flipped_bias(units):
    """A dense layer whose gradient of the bias has the wrong sign."""

    class FlippedBias(nn.Dense):
        def plan(self, shape):
            return replace(super().plan(shape), kernels=(dense_forward, flipped_bias_backward))

    return FlippedBias(units)


def wrong(network):
    return set(wrong_gradients(network, batch(network)))


def test_a_flipped_sign_in_an_activation_is_seen_in_the_layer_below():
    network = Network([nn.Dense(5), FlippedTanh(), nn.Dense(4)], (6,), dtype="float64")
    assert wrong(network) == {"0.weight", "0.bias"}


@pytest.mark.parametrize("place", [0, 2])
def test_a_flipped_sign_names_the_parameter(place):
    layers = [nn.Dense(5), nn.Tanh(), nn.Dense(4)]
    layers[place] = flipped_bias(layers[place].units)
    assert wrong(Network(layers, (6,), dtype="float64")) == {f"{place}.bias"}


def test_leaves_the_network_as_it_was():
    network = Network([nn.Dense(5), nn.BatchNorm(), nn.ReLU(), nn.Dense(4)], (6,), dtype="float64")
    network.loss_and_gradients(*batch(network))
    before = [vector.copy() for vector in (network.parameters, network.gradients, network.buffers)]
    gradcheck(network, batch(network, 5))
    for vector, copy in zip((network.parameters, network.buffers), before[::2], strict=True):
        assert np.array_equal(vector, copy)


def test_elements_on_a_kink_are_left_out():
    network = Network([nn.Dense(2), nn.ReLU(), nn.Dense(2)], (1,), dtype="float64")
    network.views["0.weight"][...], network.views["0.bias"][...] = [[1.0, 1.0]], [0.0, 1.0]
    x = np.zeros((3, 1))  # the first unit stands on its kink, at 0 * 1 + 0; only its bias moves it
    checks = {check.name: check for check in gradcheck(network, (x, np.array([0, 1, 0])))}
    assert (checks["0.bias"].checked, checks["0.bias"].on_kink) == (1, 1)
    assert checks["0.bias"].relative_error < 1e-6  # the loss is off by some u = 1e-16, and the step is 1e-4


def test_refuses_float32():
    network = Network([nn.Dense(4)], (6,))
    with pytest.raises(UsageError, match=r"float64 .*--dtype float64"):
        gradcheck(network, batch(network))


def test_checks_at_most_so_many_elements():
    network = Network([nn.Dense(30)], (20,), dtype="float64")
    weight, bias = gradcheck(network, batch(network), elements=25)
    assert (weight.checked, bias.checked) == (25, 25)
