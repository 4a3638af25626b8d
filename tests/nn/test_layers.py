"""What every row of ACTIVATIONS, LAYERS and LOSSES must do, and where a network keeps what is theirs."""

import dataclasses
from itertools import pairwise, product

import numpy as np
import pytest
from tests.ingredients import nn
from tests.kernels.bound import SENTINEL, BoundLayer
from tests.nn.rows import COMPUTING, ROWS, make, network_around, suiting_shape
from tests.optim.bounds import refusals
from tests.rounding import assert_close

from handgrad.errors import UsageError
from handgrad.nn import LOSSES, Network

DTYPES = ["float32", "float64"]


@pytest.mark.parametrize("name", ROWS)
def test_frozen_comparable_and_hashable(name):
    layer = make(ROWS[name])
    assert layer == make(ROWS[name])
    assert hash(layer) == hash(make(ROWS[name]))
    assert dataclasses.is_dataclass(layer)
    assert layer.__dataclass_params__.frozen


@pytest.mark.parametrize("name", COMPUTING)
def test_writes_every_output_and_gradient(name):
    layer = make(ROWS[name])
    shape = suiting_shape(layer)
    for dtype, training in product(DTYPES, [True, False]):
        bound = BoundLayer(layer, shape, 3, dtype)
        x = np.random.default_rng(0).normal(size=(3, *shape))
        y = bound.forward(x, training)
        assert y.shape == (3, *layer.plan(shape).output)
        dx = bound.backward(np.random.default_rng(1).normal(size=y.shape))
        for array in (y, dx, bound.dparameters):
            assert array.dtype == dtype
            assert np.isfinite(array).all(), (dtype, training)
            assert not (array == SENTINEL).any(), f"left as it was before the kernel, {dtype}, training {training}"


@pytest.mark.parametrize("name", COMPUTING)
def test_passes_do_not_change_what_they_read(name):
    layer = make(ROWS[name])
    shape = suiting_shape(layer)
    bound = BoundLayer(layer, shape, 3)
    x = np.random.default_rng(0).normal(size=(3, *shape))
    y = bound.forward(x).copy()
    dy = np.ones(y.shape)
    kept = [vector.copy() for vector in (bound.parameters, bound.saved, bound.buffers)]
    bound.backward(dy)
    assert np.array_equal(bound.brought_back(bound.x, shape), x)
    assert np.array_equal(bound.brought_back(bound.y, y.shape[1:]), y)
    for vector, before in zip((bound.parameters, bound.saved, bound.buffers), kept, strict=True):
        assert np.array_equal(vector, before)


@pytest.mark.parametrize("name", COMPUTING)
def test_evaluation_treats_every_image_alone(name):
    layer = make(ROWS[name])
    shape = suiting_shape(layer)
    x = np.random.default_rng(0).normal(size=(4, *shape))
    bound = BoundLayer(layer, shape, 4)
    together = bound.forward(x, training=False, key=1)
    alone = [BoundLayer(layer, shape, 1).forward(x[n : n + 1], training=False, key=n)[0] for n in range(4)]
    allowed = bound.rounding(x, np.ones(together.shape), training=False, key=1)["y"]
    assert_close(together, alone, allowed, f"{name}: y")


@pytest.mark.parametrize("name", ROWS)
def test_parameters_lie_one_after_another_in_the_flat_vector(name):
    network = network_around(make(ROWS[name]))
    slots = network.parameter_slots
    assert slots[0].start == 0
    assert all(a.stop == b.start for a, b in pairwise(slots))
    assert slots[-1].stop == network.parameters.size == network.gradients.size
    assert [tuple(row[:2]) for row in network.segments] == [(slot.start, slot.stop) for slot in slots]


@pytest.mark.parametrize("name", ROWS)
def test_views_share_memory_with_the_flat_vectors(name):
    network = network_around(make(ROWS[name]))
    for view in network.views.values():
        assert np.shares_memory(view, network.parameters) or np.shares_memory(view, network.buffers)
        view[...] = 7
    assert (network.parameters == 7).all()
    assert (network.buffers == 7).all()
    assert sum(view.size for view in network.views.values()) == network.parameters.size + network.buffers.size


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ROWS)
def test_a_seed_decides_the_start(name, dtype):
    layer = make(ROWS[name])
    networks = [network_around(layer, dtype, seed=seed) for seed in (1, 1, 2)]
    assert {network.parameters.dtype for network in networks} == {np.dtype(dtype)}
    assert np.array_equal(networks[0].parameters, networks[1].parameters)
    assert not np.array_equal(networks[0].parameters, networks[2].parameters)
    networks[2].buffers[:] = 9
    networks[2].initialise(1)
    assert np.array_equal(networks[0].parameters, networks[2].parameters)
    assert np.array_equal(networks[0].buffers, networks[2].buffers)


@pytest.mark.parametrize("name", ROWS)
def test_only_matrices_are_penalised(name):
    plan = make(ROWS[name]).plan(suiting_shape(make(ROWS[name])))
    for part in plan.parameters:
        assert part.penalised == (len(part.shape) > 1), part.name


@pytest.mark.parametrize(("cls", "field", "bad"), refusals([*ROWS.values(), *LOSSES.values()]))
def test_out_of_range(cls, field, bad):
    with pytest.raises(UsageError, match=rf"^{field} must be .*, got {bad!r} \(--{field}\)$"):
        cls(**{field: bad})


@pytest.mark.parametrize("units", [0, -3, 1 << 40])
def test_dense_refuses_so_many_units(units):
    with pytest.raises(UsageError, match=rf"inputs of shape \(2, 3\) needs 1 to \d+ units, got {units} "):
        nn.Dense(units).plan((2, 3))


def test_batch_norm_refuses_images_without_channels():
    with pytest.raises(UsageError, match=r"got inputs of shape \(4, 5\): put flatten before it"):
        Network([nn.BatchNorm(), nn.Dense(3)], (4, 5))


def test_shapes_flow_through_a_network():
    network = Network([nn.ReLU(), nn.Flatten(), nn.BatchNorm(), nn.Dense(7), nn.ReLU(), nn.Dense(3)], (4, 5))
    assert [plan.output for plan in network.plans] == [(4, 5), (20,), (20,), (7,), (7,), (3,)]
    assert {name: view.shape for name, view in network.views.items()} == {
        "2.gamma": (20,),
        "2.beta": (20,),
        "3.weight": (20, 7),
        "3.bias": (7,),
        "5.weight": (7, 3),
        "5.bias": (3,),
        "2.running_mean": (20,),
        "2.running_variance": (20,),
    }
    assert network.classes == 3
    assert network.parameters.size == 2 * 20 + 20 * 7 + 7 + 7 * 3 + 3


def test_starting_values():
    views = Network([nn.BatchNorm(), nn.Dense(3)], (4,), seed=1).views
    constants = {"0.gamma": 1, "0.beta": 0, "0.running_mean": 0, "0.running_variance": 1, "1.bias": 0}
    for name, value in constants.items():
        assert (views[name] == value).all(), name
    assert views["1.weight"].std() > 0.1


@pytest.mark.parametrize("units", [2.5, 0, -1, "8", 10**9])
def test_a_dense_layer_of_impossible_size_is_refused(units):
    with pytest.raises(UsageError, match="a dense layer on inputs of shape"):
        nn.Dense(units).plan((3,))
