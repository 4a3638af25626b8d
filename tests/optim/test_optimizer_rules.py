"""Every optimizer's path against the naive oracles, and its first steps against numbers worked by hand."""

import inspect
import math

import numpy as np
import pytest
from tests import naive
from tests.ingredients import optim
from tests.optim.paths import STEP, rounding, small_network, valley, walk, wide_network
from tests.rounding import assert_close, gamma

from handgrad.kernels import driver
from handgrad.optim import OPTIMIZERS

DTYPES = ["float32", "float64"]
FEW = gamma(3 * STEP)  # of three steps worked by hand, which nothing makes worse
ORACLES = sorted(naive.OPTIMIZERS.keys() & OPTIMIZERS.keys())
UNUSUAL = {
    "momentum": {"momentum": 0.5},
    "nag": {"momentum": 0.3},
    "rmsprop": {"beta": 0.7, "epsilon": 0.1},
    "adagrad": {"epsilon": 0.5},
    "adam": {"beta1": 0.5, "beta2": 0.6, "epsilon": 0.01},
    "adamw": {"beta1": 0.0, "beta2": 0.9, "epsilon": 0.1},
    "nadam": {"beta1": 0.6, "beta2": 0.8, "epsilon": 0.1, "momentum_decay": 0.5},
    "lion": {"beta1": 0.6, "beta2": 0.7},
    "eve": {"beta1": 0.5, "beta2": 0.6, "epsilon": 0.01, "beta3": 0.4, "clip": 1.5},
}


def hyper_parameters(optimizer):
    return {name: value for name, value in vars(optimizer).items() if name != "learning_rate"}


def state_names(optimizer):
    """As its kernel calls them: they stand between the gradient and the coefficients."""
    return list(inspect.signature(optimizer.update.py_func).parameters)[2:][: optimizer.vectors]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("unusual", [False, True], ids=["defaults", "unusual"])
@pytest.mark.parametrize("name", ORACLES)
def test_path(name, unusual, dtype):
    optimizer = OPTIMIZERS[name](**(UNUSUAL.get(name, {}) if unusual else {}))
    hyper, rates, losses = hyper_parameters(optimizer), 0.02 / (1 + np.arange(12.0)), 2 + np.sin(np.arange(12.0))
    network = small_network(dtype)
    given = np.random.default_rng(3).normal(size=(len(rates), network.parameters.size)).astype(dtype).astype(float)
    states = walk(network, optimizer, lambda w, t: given[t - 1], rates, losses).states
    oracles = zip(naive.STATES[name](given, **hyper), naive.STATES[name](np.abs(given), **hyper), strict=True)
    vectors = zip(state_names(optimizer), states.reshape(-1, network.parameters.size), oracles, strict=True)
    for state, found, (right, sizes) in vectors:
        assert_close(found, right, 2 * gamma(STEP * len(rates), dtype) * sizes, f"{name}: {state}")
    network = small_network(dtype)
    allowed = rounding(network, optimizer, valley, rates, losses, dtype)
    expected = naive.OPTIMIZERS[name](network.parameters.astype(float), valley, rates, losses, **hyper)
    walk(network, optimizer, valley, rates, losses)
    assert_close(network.parameters, expected, allowed, f"{name}: w")


@pytest.mark.parametrize("name", ORACLES)
def test_path_over_several_blocks_of_the_flat_vector(name):
    network, optimizer = wide_network(), OPTIMIZERS[name]()
    assert network.parameters.size > 2 * driver.BLOCK
    start, losses = network.parameters.copy(), np.array([1.0, 3.0, 2.0])
    allowed = rounding(network, optimizer, valley, [0.02] * 3, losses)
    walk(network, optimizer, valley, [0.02] * 3, losses)
    expected = naive.OPTIMIZERS[name](start, valley, [0.02] * 3, losses, **hyper_parameters(optimizer))
    assert_close(network.parameters, expected, allowed, f"{name}: w")


def path_of_one(optimizer, gradients):
    """Where a weight that starts at 1 stands after each of `gradients`."""
    network, places = small_network(), []
    network.parameters[:] = 1
    optimization = optimizer.bind(network)
    for step, gradient in enumerate(gradients, 1):
        network.gradients[:] = gradient
        driver.optimizer_step(network.program(1), optimization, step, optimizer.learning_rate, 1.0, False)
        places.append(network.parameters[7])
    return places


def test_sgd_by_hand():
    # 1 - 0.1 * 2 = 0.8;  0.8 + 0.1 * 1 = 0.9
    assert path_of_one(optim.SGD(0.1), [2, -1]) == pytest.approx([0.8, 0.9], rel=FEW)


def test_momentum_by_hand():
    # v = 2: 1 - 0.1 * 2 = 0.8;  v = 0.5 * 2 - 1 = 0: 0.8;  v = 0 + 3 = 3: 0.8 - 0.3 = 0.5
    assert path_of_one(optim.Momentum(0.1, momentum=0.5), [2, -1, 3]) == pytest.approx([0.8, 0.8, 0.5], rel=FEW)


def test_nag_by_hand():
    # v = 2: 1 - 0.1 * (2 + 0.5 * 2) = 0.7;  v = 0: 0.7 - 0.1 * (-1 + 0) = 0.8;  v = 3: 0.8 - 0.1 * (3 + 1.5) = 0.35
    assert path_of_one(optim.NAG(0.1, momentum=0.5), [2, -1, 3]) == pytest.approx([0.7, 0.8, 0.35], rel=FEW)


def test_rmsprop_by_hand():
    # s = 0.25 * 4 = 1: 1 - 0.1 * 2 / 1 = 0.8;  s = 0.75 * 1 + 0.25 * 1 = 1: 0.8 + 0.1 * 1 / 1 = 0.9
    assert path_of_one(optim.RMSprop(0.1, beta=0.75, epsilon=0), [2, -1]) == pytest.approx([0.8, 0.9], rel=FEW)


def test_adagrad_by_hand():
    # s = 4: 1 - 0.1 * 2 / (2 + 1) = 14/15;  s = 4 + 1 = 5: 14/15 + 0.1 * 1 / (sqrt 5 + 1)
    expected = [14 / 15, 14 / 15 + 0.1 / (math.sqrt(5) + 1)]
    assert path_of_one(optim.Adagrad(0.1, epsilon=1), [2, -1]) == pytest.approx(expected, rel=FEW)


def test_adam_by_hand():
    # t = 1: m = 0.5 * 2 = 1, / 0.5 = 2;  v = 0.25 * 4 = 1, / 0.25 = 4, root 2:  1 - 0.1 * 2 / 2 = 0.9
    # t = 2: m = 0.5 * 1 - 0.5 = 0: 0.9 it stays;  v = 0.75 * 1 + 0.25 * 1 = 1
    # t = 3: m = 0.5 * 3 = 1.5, / (1 - 1/8) = 12/7;  v = 0.75 + 0.25 * 9 = 3, / (1 - 27/64) = 192/37
    expected = [0.9, 0.9, 0.9 - 0.1 * (12 / 7) / math.sqrt(192 / 37)]
    assert path_of_one(optim.Adam(0.1, beta1=0.5, beta2=0.75, epsilon=0), [2, -1, 3]) == pytest.approx(
        expected, rel=FEW
    )


def test_nadam_by_hand():
    # momentum_decay = 0 makes mu = 0.8 * (1 - 0.5) = 0.4 at every step.
    # t = 1: m = 0.2 * 2 = 0.4;  v = 0.25 * 4 = 1, / 0.25 = 4, root 2
    #        0.6 * 2 / (1 - 0.4) + 0.4 * 0.4 / (1 - 0.16) = 2 + 4/21:  1 - 0.1 * (46/21) / 2 = 1 - 2.3/21
    # t = 2: m = 0.8 * 0.4 - 0.2 * 1 = 0.12;  v = 0.75 + 0.25 = 1, / (7/16), root 4 / sqrt 7
    #        -0.6 / (1 - 0.16) + 0.4 * 0.12 / (1 - 0.064) = -0.6/0.84 + 0.048/0.936
    optimizer = optim.NAdam(0.1, beta1=0.8, beta2=0.75, epsilon=0, momentum_decay=0)
    first = 1 - 2.3 / 21
    second = first - 0.1 * (-0.6 / 0.84 + 0.048 / 0.936) * math.sqrt(7) / 4
    assert path_of_one(optimizer, [2, -1]) == pytest.approx([first, second], rel=FEW)


def test_lion_by_hand():
    # beta1 = 0.5, beta2 = 0.75, rate 0.1.   m starts at 0.
    # g = 1:   0.5 * 0 + 0.5 * 1 > 0        -> w = 1 - 0.1 = 0.9;   m = 0.25
    # g = -1:  0.5 * 0.25 - 0.5 * 1 < 0     -> w = 1.0;             m = 0.75 * 0.25 - 0.25 = -0.0625
    # g = 0:   0.5 * -0.0625 < 0            -> w = 1.1
    assert path_of_one(optim.Lion(0.1, beta1=0.5, beta2=0.75), [1, -1, 0]) == pytest.approx([0.9, 1.0, 1.1])


def eve_memory(losses, **hyper):
    """Eve's number d after each of `losses`."""
    network = small_network()
    optimization, brakes = optim.Eve(**hyper).bind(network), []
    for step, loss in enumerate(losses, 1):
        driver.optimizer_step(network.program(1), optimization, step, 0.1, loss, False)
        brakes.append(optimization.memory[0])
    return brakes


def test_eve_brake_by_hand():
    # d = 1 at first, whatever the loss;  with beta3 = 0.5 and changes clipped to [1/4, 4]:
    # |1.5 - 1| / 1 = 0.5:            d = 0.5 * 1 + 0.5 * 0.5 = 0.75
    # |1.25 - 1.5| / 1.25 = 0.2, 1/4: d = 0.5 * 0.75 + 0.5 * 0.25 = 0.5
    # |12.5 - 1.25| / 1.25 = 9, 4:    d = 0.5 * 0.5 + 0.5 * 4 = 2.25
    assert eve_memory([1.0, 1.5, 1.25, 12.5], beta3=0.5, clip=4.0) == pytest.approx([1, 0.75, 0.5, 2.25], rel=FEW)


def test_eve_divides_the_rate_by_the_brake():
    # beta1 = beta2 = epsilon = 0 turn Adam's step into rate * sign(g), so Eve's into rate / d * sign(g).
    optimizer, network = optim.Eve(0.1, beta1=0, beta2=0, epsilon=0, beta3=0.5, clip=4.0), small_network()
    network.parameters[:] = 1
    walk(network, optimizer, lambda w, t: np.full_like(w, 3.0), [0.1] * 3, [1.0, 1.5, 1.25])
    # 1 - 0.1 / 1 - 0.1 / 0.75 - 0.1 / 0.5 = 0.9 - 2/15 - 0.2
    np.testing.assert_allclose(network.parameters, 0.9 - 2 / 15 - 0.2, rtol=FEW)


def test_eve_survives_a_loss_of_zero():
    assert eve_memory([1.0, 0.0, 0.0, 1.0], beta3=0.5, clip=4.0) == pytest.approx([1, 2.5, 1.375, 2.6875], rel=FEW)
