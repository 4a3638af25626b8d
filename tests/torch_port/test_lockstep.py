"""Lockstep: nothing parts two equal engines, and each way of writing a step otherwise is found out from its numbers."""

import numpy as np
import pytest
from tests.commands import call
from tests.ingredients import nn
from tests.optim.paths import STEP
from tests.rounding import ELEMENTARY, SUMS, assert_close, gamma
from tests.slow import quick

from handgrad.config import RunConfig
from handgrad.data import load
from handgrad.errors import UsageError
from handgrad.kernels import driver
from handgrad.nn import Network
from handgrad.optim import OPTIMIZERS, GradientTransforms
from handgrad.runs import execute, prepare
from handgrad.torch_port.causes import PASS_CAUSES, UPDATE_CAUSES, Seen, assumed, predicted
from handgrad.torch_port.discrepancies import DISCREPANCIES, Pass
from handgrad.torch_port.lockstep import crossings, lockstep

pytestmark = pytest.mark.usefixtures("torch")

SETTINGS = {
    "dataset": "digits",
    "hidden_size": 12,
    "epochs": 2,
    "batch_size": 32,
    "shift": 0.5,
    "weight_decay": 0.01,
    "clip_norm": 0.5,
    "schedule": "one_cycle",
    "dtype": "float64",
}
# What shows a discrepancy, besides these settings
SPECIAL = {
    "decay_coupled": {"optimizer": "adamw"},
    "torch_defaults": {"optimizer": "adamw", "epsilon": 1e-5, "beta1": 0.8},
}


@pytest.fixture(scope="session")
def digits():
    return load("digits")


@pytest.fixture
def compare(digits):
    """Run a lockstep of 12 steps with some discrepancies and other settings."""

    def compared(*discrepancies, steps=12, **changes):
        base = {name: value for name, value in SETTINGS.items() if "layers" not in changes or name != "hidden_size"}
        config = RunConfig(**base | changes)

        def make(kind, dtype):
            return kind(*prepare(config.replaced(dtype=dtype), digits))

        return lockstep(make, config.dtype, steps, discrepancies)

    return compared


@pytest.mark.parametrize("name", [name for name, kind in OPTIMIZERS.items() if kind.torch])
def test_no_optimizer_parts(name, compare):
    result = compare(optimizer=name)
    assert result.parting is None
    # A step has two layers, there and back, whose longest sum is that over the pixels; twelve steps have their sum.
    assert result.drifts[-1].peaks["loss"].value <= 12 * 2 * gamma(4 * (ELEMENTARY + SUMS * 64))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_no_network_parts(dtype, compare):
    layers = ["conv2d:3,2,2", "batch_norm", "dropout:0.2", "relu", "conv2d:4,3", "max_pool2d:2,1", "dense:8", "gelu"]
    result = compare(layers=layers, dtype=dtype)
    assert result.parting is None
    assert 0 < result.closest < 0.5
    assert set(result.drifts) == {-1, *range(9)}, result.drifts.keys()


NAMED = [name for name in DISCREPANCIES if name not in ("float32", "float64")]
# Of decay, clipping, the schedule and epsilon, one of several ways each is quick.
OTHERS = ("decay_coupled", "decay_everywhere", "no_clip", "no_schedule", "schedule_early", "epsilon_before_correction")


@pytest.mark.parametrize("name", quick(NAMED, lambda name: name not in OTHERS))
@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
def test_each_way_is_found_out(name, dtype, compare):
    """The diagnosis sees numbers only: it is never told which discrepancy there is."""
    parting = compare(name, dtype=dtype, **SPECIAL.get(name, {})).parting
    best = parting.causes[0]
    assert best.name == name
    assert best.unexplained < 0.5
    assert all(cause.unexplained > 1 for cause in parting.causes[1:] if dtype == "float64")


@pytest.mark.parametrize("optimizer", ["rmsprop", "adagrad", "adamw"])
def test_epsilon_under_the_root_of_other_optimizers(optimizer, compare):
    assert compare("epsilon_inside", optimizer=optimizer).parting.causes[0].name == "epsilon_inside"


def test_places(compare):
    """Each in the first step in which it can show, in the first layer that has it."""
    places = {
        "evaluation_mode": (1, "output", 2),  # batch normalisation
        "keras_momentum": (1, "statistics", 2),
        "softmax_twice": (1, "loss", -1),
        "no_zero_grad": (2, "gradient", 5),  # seen first by the last layer, where gradients are computed first
        "schedule_late": (2, "update", 1),
        "decay_everywhere": (1, "update", 2),  # gamma: the biases before it are still zero
    }
    for name, place in places.items():
        network = {"layers": ["flatten", "dense:12", "batch_norm", "relu", "dropout"]}
        parting = compare(name, steps=3, **network).parting
        assert (parting.step, parting.stage, parting.layer) == place, name


def test_precision(compare):
    parting = compare("float32").parting
    assert (parting.step, parting.stage, parting.layer) == (1, "output", 1)
    assert parting.causes[0].name == "precision"
    assert parting.causes[0].unexplained < 0.5
    assert compare("float64", dtype="float32").parting is None, "within the rounding of ours"


def test_crossings_are_counted():
    """Outputs above zero on one side only, of layers with a kink: here 2, and the third is a tanh's."""
    network = Network([nn.Dense(3), nn.ReLU(), nn.Tanh(), nn.Dense(2)], (4,))
    sides = [{1: np.array([0.0, 1e-8, 2.0]), 2: np.array([1.0])}, {1: np.array([1e-9, 0.0, 2.0]), 2: np.array([-1.0])}]
    assert crossings(*(Pass(outputs, 0.0, np.empty(0), np.empty(0)) for outputs in sides), network) == 2


def test_two_at_once(compare):
    parting = compare("schedule_late", "decay_everywhere").parting
    assert set(parting.causes[0].name.split(" and ")) == {"schedule_late", "decay_everywhere"}


def test_every_discrepancy_has_a_cause():
    causes = {*UPDATE_CAUSES, *(name for stage in PASS_CAUSES.values() for name in stage)}
    assert set(NAMED) <= causes


def test_a_discrepancy_that_would_change_nothing(compare):
    with pytest.raises(UsageError, match="decay_everywhere makes no difference where weight_decay is 0"):
        compare("decay_everywhere", weight_decay=0)
    with pytest.raises(UsageError, match=r"epsilon_inside is a way to write adam, adamw, .* the optimizer here is sgd"):
        compare("epsilon_inside", optimizer="sgd")


@pytest.mark.parametrize("name", [name for name, kind in OPTIMIZERS.items() if kind.torch])
def test_rules_are_those_of_the_engine(name):
    """What the diagnosis takes for our own way is what the compiled step does, for a state that is not new."""
    network = Network([nn.Dense(5), nn.Tanh(), nn.Dense(3)], (4,), dtype="float64", seed=2)
    optimizer, transforms = OPTIMIZERS[name](), GradientTransforms(clip_norm=0.3, l1=0.01, weight_decay=0.05)
    optimization, generator = optimizer.bind(network, transforms), np.random.default_rng(4)
    optimization.states[:] = generator.random(optimization.states.size)
    optimization.memory[:] = 0.7
    states = optimization.states.reshape(optimization.vectors, network.parameters.size).copy()
    before, gradient = network.parameters.copy(), generator.normal(size=network.parameters.size)
    memory, rates = optimization.memory.copy(), {"now": 0.02}
    network.gradients[:] = gradient
    driver.optimizer_step(network.program(1), optimization, 5, 0.02, 1.0, False)
    seen = Seen(5, before, network.parameters, gradient, states, memory, rates, network.segments)
    # Clipping takes the norm of 43 numbers; a step is 0.02 of numbers near 1, and 10 where a small root divides it.
    allowed = 2 * gamma(43 + STEP) * 10 * (1 + np.abs(network.parameters))
    assert_close(predicted(seen, assumed(optimizer, transforms)), network.parameters, allowed, f"{name}: w")


TINY = "lockstep --dataset digits --hidden_size 8 --batch_size 64 --steps 4 --dtype float64"


def test_command(capsys):
    answer = call(capsys, TINY)
    assert (answer.code, answer.err) == (0, "")
    assert "Both trainings agree" in answer.out
    assert "1 Dense" in answer.out
    assert answer.out.startswith("also: batch_norm, dropout 0.3, one_cycle (preset best; ")
    assert max(map(len, answer.out.splitlines()[1:])) <= 80


def test_command_names_the_cause(capsys):
    answer = call(capsys, f"{TINY} --torch epsilon_inside")
    text = " ".join(answer.out.split())
    assert answer.code == 1
    assert "They first differ at step 1, in the update of layer 1 (Dense)" in text
    assert "Why: epsilon stands under the root, sqrt(v + epsilon)" in text


def test_command_from_a_run(capsys, tmp_path):
    run = execute(RunConfig(dataset="digits", hidden_size=8, epochs=1, runs_dir=str(tmp_path)))
    answer = call(capsys, "lockstep", run.path, "--steps", 3)
    assert answer.code == 0
    assert "3 steps from the same weights" in answer.out


def test_command_help(capsys):
    answer = call(capsys, "lockstep --help")
    assert answer.code == 0
    assert all(name in answer.out for name in DISCREPANCIES)
    assert max(map(len, answer.out.splitlines())) <= 80
