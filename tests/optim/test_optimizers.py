"""What every row of OPTIMIZERS must do, whatever its rule."""

import dataclasses

import numpy as np
import pytest
from tests.optim.bounds import refusals
from tests.optim.paths import bowl, rounding, small_network, valley, walk
from tests.rounding import assert_close

from handgrad.errors import UsageError
from handgrad.optim import OPTIMIZERS, GradientTransforms

pytestmark = pytest.mark.parametrize("name", OPTIMIZERS)
DTYPES = ["float32", "float64"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_gradient_no_step(name, dtype):
    network = small_network(dtype)
    before = network.parameters.copy()
    walk(network, OPTIMIZERS[name](), lambda w, t: np.zeros_like(w), [0.1] * 3)
    assert np.array_equal(network.parameters, before)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_rate_of_zero_moves_nothing(name, dtype):
    network = small_network(dtype)
    before = network.parameters.copy()
    walk(network, OPTIMIZERS[name](), valley, [0.0] * 3)
    assert np.array_equal(network.parameters, before)


@pytest.mark.parametrize("dtype", DTYPES)
def test_comes_down_a_convex_bowl(name, dtype):
    network, optimizer = small_network(dtype), OPTIMIZERS[name]()
    network.parameters[:] = np.where(np.arange(network.parameters.size) % 2, 1.0, -1.0)
    heights = []
    for _ in range(4):
        heights.append(np.sum(bowl(network.parameters, 0) * network.parameters))
        walk(network, optimizer, bowl, [optimizer.learning_rate] * 30)
    assert heights == sorted(heights, reverse=True)
    assert heights[-1] < 0.99 * heights[0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_deterministic(name, dtype):
    networks = [small_network(dtype) for _ in range(2)]
    states = [walk(network, OPTIMIZERS[name](), valley, [0.01] * 20, np.linspace(2, 1, 20)) for network in networks]
    assert networks[0].parameters.tobytes() == networks[1].parameters.tobytes()
    assert states[0].states.tobytes() == states[1].states.tobytes()
    assert states[0].memory.tobytes() == states[1].memory.tobytes()


def test_float32_stays_float32_and_near_float64(name):
    networks = {dtype: small_network(dtype) for dtype in DTYPES}
    allowed = rounding(networks["float32"], OPTIMIZERS[name](), valley, [0.01] * 20, dtype="float32")
    states = {dtype: walk(networks[dtype], OPTIMIZERS[name](), valley, [0.01] * 20) for dtype in DTYPES}
    for dtype in DTYPES:
        arrays = networks[dtype].parameters, states[dtype].states, states[dtype].coefficients
        assert [array.dtype for array in arrays] == [dtype] * 3
    assert_close(networks["float32"].parameters, networks["float64"].parameters, allowed, f"{name}: w")


@pytest.mark.parametrize("dtype", DTYPES)
def test_bind_lays_the_state_out(name, dtype):
    cls, network = OPTIMIZERS[name], small_network(dtype)
    bound = cls().bind(network, GradientTransforms(clip_norm=1.0))
    assert cls.vectors in range(4)
    assert bound.vectors == cls.vectors
    assert bound.states.shape == (cls.vectors * network.parameters.size,)
    assert not bound.states.any()
    assert tuple(bound.memory) == cls.memory
    assert len(bound.hyper) < cls.coefficients


def test_bound_states_are_not_shared(name):
    network = small_network()
    first, second = (OPTIMIZERS[name]().bind(network) for _ in range(2))
    assert not np.shares_memory(first.states, second.states)
    assert not np.shares_memory(first.memory, second.memory)


def test_each_hyper_parameter_has_its_own_place_in_order(name):
    optimizer = OPTIMIZERS[name]()
    names = [field.name for field in dataclasses.fields(optimizer)]
    assert names[0] == "learning_rate"
    assert len(optimizer.hyper) == len(names) - 1
    for place, field in enumerate(names[1:]):
        value = getattr(optimizer, field) * 0.5 + 0.01
        changed = dataclasses.replace(optimizer, **{field: value})
        assert changed.hyper == (*optimizer.hyper[:place], value, *optimizer.hyper[place + 1 :])


def test_frozen(name):
    with pytest.raises(dataclasses.FrozenInstanceError):
        OPTIMIZERS[name]().learning_rate = 1.0


def test_out_of_range(name):
    cases = refusals([OPTIMIZERS[name]])
    assert {field for _, field, _ in cases} == {field.name for field in dataclasses.fields(OPTIMIZERS[name])}
    for cls, field, bad in cases:
        with pytest.raises(UsageError, match=rf"^{field} must be .*, got {bad!r} \(--{field}\)$"):
            cls(**{field: bad})


def test_tells_its_rule_and_where_it_comes_from(name):
    cls = OPTIMIZERS[name]
    assert "learning_rate" in cls.rule
    assert any(year in cls.reference for year in map(str, range(1940, 2040)))
    assert cls.differences
    assert cls.__doc__
