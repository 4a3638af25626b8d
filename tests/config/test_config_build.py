"""What a configuration builds, with everything that is registered, from inside or outside."""

from dataclasses import dataclass

import numpy as np
import pytest
from tests.ingredients import nn, optim

from handgrad.config import (
    RunConfig,
    build_initializer,
    build_layers,
    build_loss,
    build_optimizer,
    build_schedule,
    build_transforms,
)
from handgrad.config.build import build_scaling
from handgrad.data import Dataset
from handgrad.errors import UsageError
from handgrad.nn import (
    ACTIVATIONS,
    INITIALIZERS,
    LAYERS,
    LOSSES,
    CrossEntropy,
    He,
    Network,
    Normal,
    Scaling,
    SquaredError,
    XavierUniform,
)
from handgrad.nn.layer import Activation
from handgrad.optim import OPTIMIZERS, SCHEDULES, GradientTransforms


def test_the_network_of_the_defaults():
    he = He()
    hidden = [
        layer for units in (512, 256) for layer in (nn.Dense(units, he), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.3))
    ]
    expected = [nn.Flatten(), *hidden, nn.Dense(10, he)]
    assert build_layers(RunConfig(), 10) == expected


def test_every_part_of_a_hidden_layer_in_its_place():
    config = RunConfig(
        hidden_size=[64, 32], activation="tanh", batch_norm=True, dropout=0.3, weight_init="random", init_scale=0.01
    )
    small = Normal(0.01)
    first = [nn.Dense(64, small), nn.BatchNorm(), nn.Tanh(), nn.Dropout(0.3)]
    second = [nn.Dense(32, small), nn.BatchNorm(), nn.Tanh(), nn.Dropout(0.3)]
    assert build_layers(config, 7) == [nn.Flatten(), *first, *second, nn.Dense(7, small)]


def test_no_hidden_layer_is_softmax_regression():
    assert build_layers(RunConfig(num_layers=0), 10) == [nn.Flatten(), nn.Dense(10, He())]


def test_listed_layers_stand_as_they_are_and_get_an_output():
    config = RunConfig(layers=["dense:16", "leaky_relu:0.2", "batch_norm:epsilon=0.01"], weight_init="xavier")
    xavier = XavierUniform()
    listed = [nn.Dense(16, xavier), nn.LeakyReLU(0.2), nn.BatchNorm(epsilon=0.01)]
    assert build_layers(config, 10) == [*listed, nn.Dense(10, xavier)]


def test_listed_layers_that_end_with_the_output_get_no_other():
    assert build_layers(RunConfig(layers=["dense:10"]), 10) == [nn.Dense(10, He())]
    assert build_layers(RunConfig(layers=["dense:10"]), 11) == [nn.Dense(10, He()), nn.Dense(11, He())]


@pytest.mark.parametrize("name", [*ACTIVATIONS, *LAYERS])
def test_every_layer_can_be_listed(name):
    text = f"{name}:12" if name in ("dense", "conv2d", "pad_channels") else name
    of_images = name.endswith(("2d", "pool")) or name in ("group_norm", "transpose", "pad_channels")
    before = "relu" if of_images else "flatten"
    listed = {"split": ["split", "branch", "add"], "branch": ["split", "branch", "add"]}.get(name, [text])
    listed = ["split", "branch", name] if name in ("add", "concat") else listed
    layers = build_layers(RunConfig(layers=[before, *listed]), 10)
    assert {**ACTIVATIONS, **LAYERS}[name] in map(type, layers)
    assert Network(layers, (4, 4)).classes == 10


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation(name):
    assert build_layers(RunConfig(num_layers=1, batch_norm=False, activation=name), 10)[2] == ACTIVATIONS[name]()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_at_its_own_defaults(name):
    assert build_optimizer(RunConfig(optimizer=name)) == OPTIMIZERS[name]()


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_at_its_own_defaults(name):
    assert build_schedule(RunConfig(schedule=name)) == SCHEDULES[name]()


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_at_its_own_defaults(name):
    assert build_loss(RunConfig(loss=name)) == LOSSES[name]()


@pytest.mark.parametrize("name", INITIALIZERS)
def test_every_initializer_at_its_own_defaults(name):
    assert build_initializer(RunConfig(weight_init=name)) == INITIALIZERS[name]()


def test_hyper_parameters_reach_the_optimizer_that_has_them():
    numbers = {"learning_rate": 0.5, "momentum": 0.4, "beta": 0.3, "beta1": 0.2, "beta2": 0.1, "epsilon": 1e-3}
    assert build_optimizer(RunConfig(optimizer="sgd", **numbers)) == optim.SGD(0.5)
    assert build_optimizer(RunConfig(optimizer="rmsprop", **numbers)) == optim.RMSprop(0.5, 0.3, 1e-3)
    assert build_optimizer(RunConfig(optimizer="adam", **numbers)) == optim.Adam(0.5, 0.2, 0.1, 1e-3)
    eve = RunConfig(optimizer="eve", optimizer_options={"beta3": 0.9, "clip": 5}, **numbers)
    assert build_optimizer(eve) == optim.Eve(0.5, 0.2, 0.1, 1e-3, 0.9, 5.0)
    nadam = RunConfig(optimizer="nadam", optimizer_options={"momentum_decay": 0.0}, **numbers)
    assert build_optimizer(nadam) == optim.NAdam(0.5, 0.2, 0.1, 1e-3, 0.0)


def test_schedule_links_loss():
    config = RunConfig(
        schedule="step", schedule_steps=10, schedule_factor=0.5, warmup_steps=3, clip_norm=1, l1=2, weight_decay=3
    )
    assert build_schedule(config) == optim.StepDecay(3, 10, 0.5)
    assert build_transforms(config) == GradientTransforms(1.0, 2.0, 3.0)
    assert build_schedule(RunConfig(schedule="warmup", warmup_steps=9)) == optim.Warmup(9)
    assert build_loss(RunConfig(label_smoothing=0.1)) == CrossEntropy(0.1)
    assert build_loss(RunConfig(label_smoothing=0.1, loss="mse")) == SquaredError()


@dataclass(frozen=True)
class Mish(Activation):
    """Somebody's activation."""

    sharpness: float = 1.0


def tiger():
    """Somebody's optimizer, with a hyper-parameter that no other has."""

    @dataclass(frozen=True)
    class Tiger(optim.Adam):
        beta9: float = 0.9

        def __post_init__(self):
            super().__post_init__()
            if self.beta9 > 1:
                raise UsageError(f"beta9 must be at most 1, got {self.beta9} (--beta9)")

    return Tiger


def test_an_activation_from_outside(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "mish", Mish)
    assert build_layers(RunConfig(num_layers=1, batch_norm=False, activation="Mish"), 2)[2] == Mish()
    assert build_layers(RunConfig(layers=["dense:4", "mish:0.5"]), 2)[1] == Mish(0.5)
    assert build_layers(RunConfig(layers=[{"mish": {"sharpness": 2}}]), 2)[0] == Mish(2.0)


def test_an_optimizer_from_outside(monkeypatch):
    Tiger = tiger()
    monkeypatch.setitem(OPTIMIZERS, "tiger", Tiger)
    assert build_optimizer(RunConfig(optimizer="tiger", beta1=0.5)) == Tiger(beta1=0.5)
    assert build_optimizer(RunConfig(optimizer="tiger", optimizer_options={"beta9": 0.5})) == Tiger(beta9=0.5)
    with pytest.raises(
        UsageError, match=r"optimizer tiger: beta9 must be at most 1, got 2.0 \(--optimizer_options beta9"
    ):
        RunConfig(optimizer="tiger", optimizer_options={"beta9": 2})
    with pytest.raises(UsageError, match="setting beta9 belongs to tiger: give optimizer_options beta9="):
        RunConfig.from_mapping({"beta9": 0.5})


def test_each_channel_is_brought_to_mean_0_and_deviation_1():
    x = np.random.default_rng(0).integers(0, 256, (50, 3, 4, 5)).astype(np.uint8) // np.array([1, 2, 4])[:, None, None]
    y = np.arange(50) % 2
    dataset = Dataset("colours", x.astype(np.uint8), y, x[:0].astype(np.uint8), y[:0], ("a", "b"))
    rows = np.arange(40)
    scaled = build_scaling(RunConfig(normalize="standard"), dataset, rows)(dataset.x_train[rows], np.float64)
    np.testing.assert_allclose(scaled.mean(axis=(0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=(0, 2, 3)), 1, rtol=1e-12)
    assert build_scaling(RunConfig(), dataset, rows) == Scaling()
