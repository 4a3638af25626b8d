"""What an optimizer's `differences` says of PyTorch and Keras, held against them.

The difference that a sentence states is a change of our rule: with it the path is theirs, without it it is not.
Keras is seldom installed here: `make test-keras` runs these tests where it is.
"""

import inspect
import re

import numpy as np
import pytest
from tests.ingredients import optim
from tests.optim.paths import STEP, rounding, small_network, walk
from tests.optim.test_torch_paths import ROWS
from tests.rounding import assert_close, gamma, largest

from handgrad.derivation.verify import followed
from handgrad.optim import OPTIMIZERS, SCHEDULES, GradientTransforms

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras asks PyTorch so

UNDER_THE_ROOT = ("sqrt(s) + epsilon", "sqrt(s + epsilon)")
FOLDED = ("v = momentum * v + g;  w = w - learning_rate * v", "v = momentum * v - learning_rate * g;  w = w + v")

# Keras's class and its arguments, by ours; the changes that make our rule theirs, each stated in the sentence
KERAS = {
    "sgd": ("SGD", {}, ()),
    "momentum": ("SGD", {"momentum": "momentum"}, (FOLDED,)),
    "rmsprop": ("RMSprop", {"rho": "beta", "epsilon": "epsilon"}, (UNDER_THE_ROOT,)),
    "adam": (
        "Adam",
        {"beta_1": "beta1", "beta_2": "beta2", "epsilon": "epsilon"},
        ((" + epsilon)", " + epsilon / sqrt(1 - beta2^t))"),),  # larger while the correction is
    ),
    "nadam": (
        "Nadam",
        {"beta_1": "beta1", "beta_2": "beta2", "epsilon": "epsilon"},
        (("0.96^(t * momentum_decay)", "0.96^t"), ("0.96^((t + 1) * momentum_decay)", "0.96^(t + 1)")),
    ),
    "adagrad": ("Adagrad", {"epsilon": "epsilon"}, (("s = s +", "s = where(t > 1, s, 0.1) +"), UNDER_THE_ROOT)),
    "lion": ("Lion", {"beta_1": "beta1", "beta_2": "beta2"}, ()),
}
NONE_THERE = [name for name, cls in OPTIMIZERS.items() if cls.differences.startswith("In neither PyTorch nor Keras")]
STEPS = 12
SINGLE = gamma(16, "float32")  # Keras holds hyper-parameters in float32, and takes powers and differences of them


def gradients():
    return np.random.default_rng(3).normal(size=(STEPS, small_network().parameters.size))


def ours(optimizer, changes=(), rates=None):
    """Our parameters after the steps by the printed rule, changed."""
    rule = optimizer.rule
    for old, new in changes:
        assert old in rule, f"the rule of {type(optimizer).__name__} has no {old!r}"
        rule = rule.replace(old, new)
    changed = type("Changed", (type(optimizer),), {"rule": rule})(**vars(optimizer))
    rates = np.full(STEPS, 0.01) if rates is None else rates
    steps = [(gradient, 1.0, rate) for gradient, rate in zip(gradients(), rates, strict=True)]
    return followed(small_network(), changed, GradientTransforms(), steps)


def theirs(keras, name, optimizer, rates=None):
    """Keras's after the same."""
    cls, arguments, _ = KERAS[name]
    set_to = {their: getattr(optimizer, our) for their, our in arguments.items()}
    rule = getattr(keras.optimizers, cls)(learning_rate=0.01, **set_to)
    variable = keras.Variable(small_network().parameters.copy(), dtype="float64")
    rule.build([variable])
    for gradient, rate in zip(gradients(), np.full(STEPS, 0.01) if rates is None else rates, strict=True):
        rule.learning_rate = rate
        rule.apply([keras.ops.convert_to_tensor(gradient, dtype="float64")], [variable])
    return keras.ops.convert_to_numpy(variable)


def apart(one, other):
    return np.abs(one - other).max() / np.abs(one - small_network().parameters).max()


def test_every_sentence_has_its_rows():
    """Whoever writes of a library gives the test that runs it."""
    for name, cls in OPTIMIZERS.items():
        if name not in NONE_THERE:
            assert bool(re.search(r"PyTorch: (SGD.*, )?the same|same in PyTorch", cls.differences)) == (name in ROWS)
            assert bool(cls.torch) == (name in ROWS)
            assert ("Keras" in cls.differences) == (name in KERAS), name


@pytest.mark.parametrize("name", KERAS)
def test_keras_differs_as_the_sentence_says(name, keras):
    unusual = {"epsilon": 0.05} if "epsilon" in OPTIMIZERS[name].__dataclass_fields__ else {}
    optimizer, changes = OPTIMIZERS[name](**unusual), KERAS[name][2]
    rates = 0.01 / np.arange(1, STEPS + 1)
    path = theirs(keras, name, optimizer, rates)
    assert apart(ours(optimizer, changes, rates), path) < SINGLE
    assert (apart(ours(optimizer, (), rates), path) > 1e-3) == bool(changes)
    for change in changes:  # each of them is needed
        if len(changes) > 1:
            rest = [other for other in changes if other != change]
            assert apart(ours(optimizer, rest, rates), path) > 1e-4, change


@pytest.mark.parametrize("name", KERAS)
def test_kerass_defaults_are_ours_or_are_told(name, keras):
    cls, arguments, _ = KERAS[name]
    parameters = inspect.signature(getattr(keras.optimizers, cls)).parameters
    for their, our in arguments.items():
        default = parameters[their].default
        told = f"{default:g}" in OPTIMIZERS[name].differences
        assert default == getattr(OPTIMIZERS[name](), our) or told or (name, default) == ("momentum", 0.0)


def test_momentum_is_kerass_while_the_rate_is_constant(keras):
    optimizer = OPTIMIZERS["momentum"]()
    assert apart(ours(optimizer), theirs(keras, "momentum", optimizer)) < SINGLE


def test_nadam_with_kerass_schedule(keras):
    """The way the sentence gives, through the engine: momentum_decay 1."""
    path = theirs(keras, "nadam", optim.NAdam(epsilon=0.05))
    for decay, same in ((1.0, True), (0.004, False)):
        network = small_network()
        optimizer = optim.NAdam(epsilon=0.05, momentum_decay=decay)
        walk(network, optimizer, lambda w, t: gradients()[t - 1], np.full(STEPS, 0.01))
        assert (apart(network.parameters, path) < SINGLE) == same


def test_adagrad_and_adam_step_shorter_in_keras(keras):
    for name in ("adagrad", "adam"):
        optimizer = OPTIMIZERS[name](**({"epsilon": 0.05} if name == "adam" else {}))
        start = small_network().parameters
        first = np.array([0.01] + [0.0] * (STEPS - 1))
        mine, other = ours(optimizer, (), first), theirs(keras, name, optimizer, first)
        assert np.all(np.abs(other - start) < np.abs(mine - start))


@pytest.mark.parametrize("name", NONE_THERE)
def test_what_no_library_has(name, torch, keras):
    for module in (torch.optim, keras.optimizers):
        assert name not in {each.lower() for each in dir(module)}


@pytest.mark.parametrize("name", ROWS)
def test_pytorchs_defaults_are_ours_or_are_told(name, torch):
    """By the optimizer that its own signature makes: what it would take if nothing but the rate were given."""
    ours_, their = OPTIMIZERS[name](), ROWS[name][1]
    kept = {}

    class Spy:
        def __getattr__(self, kind):
            def make(groups, **given):
                kept.update({"kind": kind, "given": given})

            return make

    their(Spy(), [], rate=0.1, **{key: value for key, value in vars(ours_).items() if key != "learning_rate"})
    parameters = inspect.signature(getattr(torch.optim, kept["kind"])).parameters
    for argument, value in kept["given"].items():
        if argument not in ("lr", "momentum", "nesterov"):
            assert value == parameters[argument].default, f"{name}: {argument}"
    decay = parameters["weight_decay"].default
    assert decay == 0 or f"weight_decay is {decay:g} unless set" in OPTIMIZERS[name].differences


@pytest.mark.slow
def test_adamw_decays_biases_in_pytorch(torch):
    bias = torch.ones(3, requires_grad=True)
    bias.grad = torch.zeros(3)
    torch.optim.AdamW([bias], lr=0.1).step()
    assert bias.detach().numpy() == pytest.approx(1 - 0.1 * 0.01, rel=gamma(STEP, "float32"))
    network = small_network()
    network.parameters[:] = 1
    walk(
        network,
        OPTIMIZERS["adamw"](),
        lambda w, t: np.zeros_like(w),
        [0.1],
        transforms=GradientTransforms(weight_decay=0.01),
    )
    weights, biases = network.views["0.weight"], network.views["0.bias"]
    assert (weights.max(), biases.min()) == (pytest.approx(0.999, rel=gamma(STEP)), 1)


def test_rmsprop_begins_with_long_steps():
    """learning_rate / sqrt(1 - beta), whatever the gradient."""
    network, given = small_network(), gradients()
    before = network.parameters.copy()
    walk(network, OPTIMIZERS["rmsprop"](beta=0.75), lambda w, t: given[0], [0.01])
    allowed = 0.01 * 1e-8 / (0.25 * np.abs(given[0])) + gamma(STEP) * largest(before)  # epsilon, and rounding
    assert_close(np.abs(network.parameters - before), np.full(43, 0.01 / np.sqrt(0.25)), allowed, "rmsprop: step")


def test_nadam_without_its_schedule():
    """momentum_decay 1e6 is mu = beta1 throughout, and that takes the larger first step."""
    first = np.array([0.01] + [0.0] * (STEPS - 1))
    left_out = [("beta1 * (1 - 0.5 * 0.96^(t * momentum_decay))", "beta1")]
    left_out += [("beta1 * (1 - 0.5 * 0.96^((t + 1) * momentum_decay))", "beta1")]
    start = small_network().parameters
    # Of weights below 1, relative to the way of twelve steps of 0.01, of which most go in one direction.
    assert apart(ours(optim.NAdam(momentum_decay=1e6)), ours(optim.NAdam(), left_out)) < 2 * gamma(STEP * STEPS) / 0.01
    assert np.all(np.abs(ours(optim.NAdam(), left_out, first) - start) > np.abs(ours(optim.NAdam(), (), first) - start))


def test_nag_looks_ahead():
    """Nesterov's method with the gradient at w - momentum v, told in its look-ahead weights, is ours."""
    rate, momentum, slopes = 0.01, 0.7, np.linspace(0.5, 2, 43)
    network = small_network()
    point, velocity = network.parameters.copy(), np.zeros(43)
    steps = optim.NAG(momentum=momentum), lambda w, t: slopes * w, [rate] * STEPS
    allowed = rounding(network, *steps)
    walk(network, *steps)
    for _ in range(STEPS):
        velocity = momentum * velocity + slopes * (point - rate * momentum * velocity)
        point = point - rate * velocity
    assert_close(network.parameters, point - rate * momentum * velocity, allowed, "nag: w")


def test_schedules_speak_of_no_library_untested():
    """Only OneCycle does, and test_schedules.py runs PyTorch's beside it."""
    assert {name for name, cls in SCHEDULES.items() if re.search("PyTorch|Keras", cls.__doc__ or "")} == {"one_cycle"}
