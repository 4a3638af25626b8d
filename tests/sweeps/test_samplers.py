"""Who chooses: without repetition, in a sequence that the seed decides, and better than chance where that is meant."""

import itertools
import math

import pytest

from handgrad.config import RunConfig
from handgrad.sweeps import SweepDefinition
from handgrad.sweeps.samplers import SAMPLERS
from handgrad.sweeps.samplers.base import shuffled
from handgrad.sweeps.samplers.bayes import Axes, greedy_fallback
from handgrad.sweeps.space import (
    Beta,
    Categorical,
    IntUniform,
    LogNormal,
    LogUniformValues,
    Normal,
    Quantized,
    Uniform,
)
from handgrad.sweeps.store import Trial

BASE = RunConfig(dataset="digits", epochs=1)
PARAMETERS = {
    "activation": Categorical(("relu", "tanh", "sigmoid")),
    "hidden_size": Categorical((64, (128, 64))),
    "batch_norm": Categorical((True, False)),
    "num_layers": IntUniform(1, 5),
    "batch_size": Quantized(LogUniformValues(8, 256), 8),
    "shift": Quantized(Uniform(0, 2), 0.5),
    "dropout": Uniform(0.0, 0.5),
    "learning_rate": LogUniformValues(1e-5, 1e-1),
    "weight_decay": LogNormal(-8, 1),
    "elastic_sigma": Normal(4, 0.1),
    "momentum": Beta(9, 1),
}
METHOD_NAMES = [name for name in SAMPLERS if name != "gp"]


def suggestions(sampler, count, taken=()):
    """So many configurations, each told as a trial whose accuracy is highest at a learning rate of 0.001."""
    keys, trials = dict.fromkeys(taken), []
    for ordinal in range(count):
        values = sampler.suggest(ordinal, keys, trials)
        if values is None:
            break
        keys[sampler.definition.key(values)] = None
        objective = -abs(math.log10(values.get("learning_rate", 1) / 0.001))
        trials.append(Trial(ordinal, values, f"{ordinal}", 0, state="finished", objective=objective))
    return [trial.values for trial in trials]


@pytest.mark.parametrize("name", METHOD_NAMES)
def test_every_cell_once_and_then_nothing(name):
    space = {"activation": Categorical(("relu", "tanh")), "num_layers": IntUniform(1, 4)}
    definition = SweepDefinition(space)
    found = suggestions(SAMPLERS[name](definition, BASE, 1), 100)
    expected = itertools.product(("relu", "tanh"), (1, 2, 3, 4))
    assert sorted((v["activation"], v["num_layers"]) for v in found) == sorted(expected)


@pytest.mark.parametrize("name", METHOD_NAMES)
def test_one_seed_is_one_sequence(name):
    definition = SweepDefinition({"learning_rate": Categorical(tuple(n / 1000 for n in range(1, 200)))})

    def sequence(seed):
        return [values["learning_rate"] for values in suggestions(SAMPLERS[name](definition, BASE, seed), 20)]

    assert sequence(1) == sequence(1) != sequence(2)


@pytest.mark.parametrize("name", ["random", "bayes"])
def test_every_kind_of_distribution_is_proposed_within_its_bounds(name):
    definition = SweepDefinition({name: p for name, p in PARAMETERS.items() if name != "hidden_size"})
    found = suggestions(SAMPLERS[name](definition, BASE, 1), 25)
    assert len({definition.key(values) for values in found}) == 25
    for values in found:
        definition.to_config(values, BASE)
        assert 1 <= values["num_layers"] <= 5
        assert values["batch_size"] % 8 == 0
        assert 1e-5 <= values["learning_rate"] <= 1e-1


@pytest.mark.parametrize("name", PARAMETERS)
def test_values_survive_the_way_to_optuna_and_back(name):
    definition = SweepDefinition({name: PARAMETERS[name], "seed": Categorical((1, 2))})
    axes = Axes(definition)
    for p in (0.0, 0.1, 0.37, 0.5, 0.93):
        values = definition.canonical({name: PARAMETERS[name].quantile(p), "seed": 1})
        params = axes.params(values)
        assert axes.distributions[name]._contains(axes.distributions[name].to_internal_repr(params[name]))
        back = axes.values(params)[name]
        assert back == (pytest.approx(values[name], rel=1e-6) if isinstance(back, float) else values[name])


def test_bayes_learns_where_the_optimum_is():
    definition = SweepDefinition({"learning_rate": LogUniformValues(1e-6, 1.0), "dropout": Uniform(0.0, 0.5)})
    found = suggestions(SAMPLERS["bayes"](definition, BASE, 3), 40)
    good = [1e-4 < values["learning_rate"] < 1e-2 for values in found]
    assert sum(good[20:]) > 2 * 20 * 2 / 6  # two of six decades: twice as often as chance


@pytest.mark.slow
def test_bayes_keeps_away_from_what_ruins_a_run_when_its_first_choices_are_used_up():
    """Of 243 configurations a third are ruined, and so would be a third of random ones."""
    space = {
        "activation": ("relu", "tanh", "sigmoid"),
        "num_layers": (1, 2, 3),
        "batch_size": (16, 32, 64),
        "weight_init": ("random", "xavier", "he"),
        "weight_decay": (0.0, 0.0005, 0.5),
    }
    definition = SweepDefinition({name: Categorical(values) for name, values in space.items()})
    sampler, keys, trials = SAMPLERS["bayes"](definition, BASE, 0), {}, []
    for ordinal in range(100):
        values = sampler.suggest(ordinal, keys, trials)
        keys[definition.key(values)] = None
        lost = sum(space[name].index(values[name]) for name in list(space)[:4])
        objective = 0.1 if values["weight_decay"] == 0.5 else 0.9 - lost / 200
        trials.append(Trial(ordinal, values, f"{ordinal}", 0, state="finished", objective=objective))
    assert len(keys) == 100
    assert sum(trial.objective == 0.1 for trial in trials[20:]) < 8


def test_favourites_come_in_the_order_of_what_their_values_did():
    space = {
        "activation": Categorical(("relu", "tanh", "sigmoid")),
        "num_layers": IntUniform(1, 2),
        "dropout": Uniform(0, 0.5),
    }
    definition = SweepDefinition(space)
    tried = [("sigmoid", 1, 0.9), ("relu", 1, 0.5), ("tanh", 2, 0.1)]
    trials = [
        Trial(n, {"activation": a, "num_layers": layers, "dropout": 0.1}, f"{n}", 0, state="finished", objective=o)
        for n, (a, layers, o) in enumerate(tried)
    ]
    here = {"activation": "relu", "num_layers": 2, "dropout": 0.3}
    found = [
        (each["activation"], each["num_layers"], each["dropout"]) for each in greedy_fallback(definition, here, trials)
    ]
    # mean ranks with one in the middle: sigmoid 1/4, relu 1/2, tanh 3/4; one layer 1/3, two layers 3/4
    assert found == [
        (a, layers, 0.3)
        for a, layers in [("sigmoid", 1), ("relu", 1), ("sigmoid", 2), ("tanh", 1), ("relu", 2), ("tanh", 2)]
    ]


def test_a_shuffled_grid_begins_the_same_however_far_it_is_walked():
    assert sorted(shuffled(100, 7)) == list(range(100))
    huge = list(itertools.islice(shuffled(10**15, 7), 1000))
    assert len(set(huge)) == 1000
    assert huge[:10] == list(itertools.islice(shuffled(10**15, 7), 10))
    assert max(huge) > 10**14


def test_a_grid_of_a_billion_cells_is_begun_at_once():
    definition = SweepDefinition({name: IntUniform(1, 1000) for name in ("epochs", "batch_size", "log_every")})
    found = suggestions(SAMPLERS["grid"](definition, BASE, 0), 5)
    assert len({definition.key(values) for values in found}) == 5


@pytest.mark.slow
def test_a_gaussian_process_needs_pytorch():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    definition = SweepDefinition({"learning_rate": LogUniformValues(1e-6, 1.0), "dropout": Uniform(0.0, 0.5)})
    assert len(suggestions(SAMPLERS["gp"](definition, BASE, 3), 12)) == 12
