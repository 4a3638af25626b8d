"""Every equation that is printed, computed with NumPy and compared with the engine, for each row of a registry."""

from dataclasses import replace

import numpy as np
import pytest
from tests.ingredients import nn
from tests.nn.rows import closed
from tests.slow import quick

from handgrad.derivation.verify import agreements, input_check, loss_agreements, rule_error, schedule_error, trace
from handgrad.equations import Statement, parse
from handgrad.errors import UsageError
from handgrad.nn import ACTIVATIONS, LAYERS, LOSSES, CrossEntropy, Network
from handgrad.optim import OPTIMIZERS, SCHEDULES, GradientTransforms

LIMIT = 1e-12
SHAPES = [(6,), (2, 7, 6), (5, 6)]  # vectors, images of two channels, images without a channel axis

# Layers that have settings worth another look than their defaults.
MORE = {
    "conv2d": [
        {"filters": 3},
        {"filters": 2, "kernel_size": (2, 3), "stride": (1, 2)},
        {"filters": 2, "kernel_size": 4, "stride": 3},
        {"filters": 2, "kernel_size": (3, 2), "padding": "valid"},
        {"filters": 2, "kernel_size": 1, "stride": 2},
        {"filters": 2, "kernel_size": 3, "stride": 2, "padding": (0, 1, 2, 1), "dilation": (1, 2), "bias": False},
        {"filters": 4, "kernel_size": 2, "padding": 1, "groups": 2},
    ],
    "max_pool2d": [{}, {"size": 3, "stride": 1}, {"size": (2, 3), "stride": (2, 1)}, {"size": 2, "stride": 3}],
    "average_pool2d": [{}, {"size": 3, "stride": 1}, {"size": (2, 3), "stride": (2, 1)}, {"size": 2, "stride": 3}],
    "dense": [{"units": 4}],
    "leaky_relu": [{"slope": 0.2}],
    "elu": [{"alpha": 0.7}],
    "batch_norm": [{}, {"momentum": 0.3, "epsilon": 0.1}],
    "dropout": [{"rate": 0.4}],
    "layer_norm": [{}, {"over": "channels"}],
    "group_norm": [{"groups": 2, "epsilon": 0.1}, {}],
    "prelu": [{}, {"per_channel": True}],
    "transpose": [{}, {"size": (1, 2)}],
    "pad_channels": [{"channels": 4}],
}


def fits(layer, shape):
    """Whether the layer takes inputs of a shape."""
    try:
        return bool(layer.plan(shape))
    except UsageError:
        return False


CASES = [
    pytest.param(kind, settings, shape, id=f"{name}-{settings}-{len(shape)}")
    for name, kind in {**LAYERS, **ACTIVATIONS}.items()
    for settings in MORE.get(name, [{}])
    for shape in SHAPES
    if fits(kind(**settings), shape)
]


# Activations differ in one function; other settings than the first of a layer are in `test_layer`.
FIRST = [(kind, MORE.get(name, [{}])[0]) for name, kind in LAYERS.items()]


def passage_of(layer, shape, rows=3):
    """One pass through the layer between two others with weights, so that every gradient is wanted."""
    below = [nn.Flatten(), nn.Dense(int(np.prod(shape)))] if len(shape) == 1 else [LAYERS["conv2d"](shape[0])]
    below = [] if len(shape) == 2 else below
    around = closed(layer)
    network = Network([*below, *around, nn.Flatten(), nn.Dense(3)], shape, dtype="float64", seed=1)
    generator = np.random.default_rng(2)
    network.parameters[:] = generator.normal(0.3, 0.5, network.parameters.size)
    network.buffers[:] = generator.uniform(0.5, 1.5, network.buffers.size)
    images, labels = generator.normal(size=(rows, *shape)), generator.integers(0, 3, rows)
    place = network.layers.index(layer, len(below))
    passage = trace(network, images, labels).layers[place]
    return network.graph.statement(network.layers, place, passage.x.shape[1:]), passage


@pytest.mark.parametrize(("kind", "settings", "shape"), CASES)
def test_layer(kind, settings, shape):
    layer = kind(**settings)
    statement, passage = passage_of(layer, shape)
    assert statement is not None, f"{kind.__name__} states no equations"
    found = agreements(statement, passage)
    assert all(each.error <= LIMIT for each in found), found
    defined = {each.target for each in found}
    inner = {name for name, array in passage.paths.items() if name.startswith("dX") and array is not None}
    wanted = {"Y"} | ({"dX"} if passage.dx is not None else set()) | inner
    assert wanted <= defined
    names = {"weight": "dW", "bias": "db"}
    gradients = {names.get(name, f"d{name}") for name in passage.gradients}
    assert gradients | passage.buffers.keys() <= defined


@pytest.mark.parametrize(
    ("kind", "settings", "shape"),
    quick(
        [case for case in CASES if len(case.values[2]) == 3 and case.values[0] is not nn.Branch],
        lambda case: case.values[:2] in FIRST,
    ),
)
def test_its_input_gradient_by_finite_differences_of_the_printed_equations(kind, settings, shape):
    layer = kind(**settings)
    check = input_check(*passage_of(layer, shape))
    assert check.relative_error < 1e-8
    assert check.checked > check.on_kink


@pytest.mark.parametrize("loss", [*(kind() for kind in LOSSES.values()), CrossEntropy(0.2)], ids=str)
def test_loss(loss):
    network = Network([nn.Dense(5)], (4,), dtype="float64", loss=loss)
    generator = np.random.default_rng(1)
    passed = trace(network, 3 * generator.normal(size=(6, 4)), generator.integers(0, 5, 6))
    assert loss.statement() is not None, f"{type(loss).__name__} states no equations"
    found = loss_agreements(loss, passed.layers[-1], passed.labels, passed.loss)
    assert {"L", "dZ"} <= {each.target for each in found}
    assert all(each.error <= LIMIT for each in found), found


TRANSFORMS = {
    "none": GradientTransforms(),
    "all": GradientTransforms(clip_norm=0.5, l1=0.01, weight_decay=0.02),
    "decay": GradientTransforms(weight_decay=0.1),
    "clip": GradientTransforms(clip_norm=2.0),
}


@pytest.mark.parametrize("transforms", TRANSFORMS.values(), ids=TRANSFORMS.keys())
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_over_three_steps(name, transforms):
    assert rule_error(OPTIMIZERS[name](learning_rate=0.1), transforms) <= LIMIT


UNUSUAL = {
    "rmsprop": {"beta": 0.7, "epsilon": 0.1},
    "nadam": {"beta1": 0.6, "beta2": 0.8, "epsilon": 0.1, "momentum_decay": 0.5},
    "eve": {"beta1": 0.5, "beta2": 0.6, "epsilon": 0.01, "beta3": 0.4, "clip": 1.5},
    "adam": {"beta1": 0.5, "beta2": 0.6, "epsilon": 0.01},
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_optimizer_with_other_numbers_over_many_steps(name):
    assert rule_error(OPTIMIZERS[name](learning_rate=0.1, **UNUSUAL[name]), GradientTransforms(), 12) <= LIMIT


@pytest.mark.parametrize("total", [1, 40, 1000])
@pytest.mark.parametrize("warmup", [0, 7])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name, warmup, total):
    schedule = SCHEDULES[name](warmup_steps=warmup or SCHEDULES[name]().warmup_steps)
    assert schedule.rule, f"{name} states no equations"
    assert schedule_error(schedule, 0.3, total) <= LIMIT


def flips(text):
    """The text with one sign turned, for each + and - in it that stands between two terms."""
    for place, (before, sign, after) in enumerate(zip(text, text[1:], text[2:], strict=False), 1):
        if before == after == " " and sign in "+-":
            yield text[:place] + {"+": "-", "-": "+"}[sign] + text[place + 1 :]


SIGNED = ["add", "sigmoid", "tanh", "gelu", "silu", "elu", "batch_norm", "dense", "conv2d", "max_pool2d"]


@pytest.mark.parametrize("name", SIGNED)
def test_a_turned_sign_is_noticed(name):
    """A step that is turned everywhere but in a remark or in what nothing is wanted of: none goes through."""
    kind = {**LAYERS, **ACTIVATIONS}[name]
    layer = kind(**MORE.get(name, [{}])[1 if name == "batch_norm" else 0])
    statement, passage = passage_of(layer, (2, 7, 6))
    turned = [replace(statement, forward=text) for text in flips(statement.forward)]
    turned += [replace(statement, backward=text) for text in flips(statement.backward)]
    assert turned
    for wrong in turned:
        assert max(each.error for each in agreements(wrong, passage)) > 1e-6, wrong


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_turned_sign_in_a_rule_is_noticed(name, monkeypatch):
    kind = OPTIMIZERS[name]
    visible = {"epsilon": 0.1} if "epsilon" in vars(kind()) else {}
    for wrong in flips(kind.rule):
        monkeypatch.setattr(kind, "rule", wrong)
        assert not rule_error(kind(learning_rate=0.1, **visible), GradientTransforms(), 4) <= 1e-6, wrong


def test_an_unknown_symbol_is_told():
    with pytest.raises(Exception, match="uses slip, which nothing defines"):
        agreements(Statement("Y = slip * X"), passage_of(ACTIVATIONS["relu"](), (6,))[1])


def test_statements_are_equations_in_every_shape():
    for name, kind in {**LAYERS, **ACTIVATIONS}.items():
        layer = kind(**MORE.get(name, [{}])[0])
        statement = layer.statement((6,) if name == "batch_norm" else (2, 7, 6))
        assert parse(statement.forward)
        assert parse(statement.backward)
