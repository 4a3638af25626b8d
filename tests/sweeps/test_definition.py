"""What a sweep's definition promises: valid, canonical, replayable configurations, and what is stored comes back."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handgrad.config import RunConfig, value_type_of
from handgrad.errors import UsageError
from handgrad.sweeps import Hyperband, Metric, SweepDefinition, read_sweep
from handgrad.sweeps.space import Categorical, Constant, Uniform

# Ways to write a few parameters, all of them sound.
PARAMETERS = {
    "lr": [
        {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0},
        {"distribution": "log_uniform", "min": -12, "max": 0},
        {"distribution": "inv_log_uniform", "min": 0, "max": 12},
        {"distribution": "inv_log_uniform_values", "min": 1e-4, "max": 0.5},
        {"distribution": "log_normal", "mu": -5, "sigma": 2},
        {"values": [0.1, "1e-3", None]},
    ],
    "dropout": [
        {"min": 0.0, "max": 0.9},
        {"distribution": "beta", "a": 2, "b": 3},
        {"distribution": "q_beta", "a": 1, "b": 9, "q": 0.09},
        {"distribution": "normal", "mu": 0.5, "sigma": 0.1},
        {"distribution": "q_uniform", "min": 0, "max": 0.8, "q": 0.1},
    ],
    "hidden_size": [
        {"min": 8, "max": 512},
        {"distribution": "q_log_uniform", "min": 3, "max": 6, "q": 4},
        {"distribution": "q_log_uniform_values", "min": 8, "max": 256, "q": 8.0},
        {"distribution": "q_normal", "mu": 128, "sigma": 16, "q": 1},
        {"distribution": "q_log_normal", "mu": 5, "sigma": 0.2, "q": 1},
        {"values": [32, [64, 32], "128,64"]},
    ],
    "num_layers": [{"min": 0, "max": 5}, {"values": [1, 2]}, {"value": 2}],
    "optimizer": [{"values": ["SGD", "nesterov", "Adam"], "probabilities": [0.2, 0.3, 0.5]}],
    "batch_norm": [{"values": [True, False]}, {"values": ["yes", "no"]}],
    "optimizer_options": [{"values": [{}, {"beta3": 0.99}]}],
}
SPECS = st.fixed_dictionaries({}, optional={name: st.sampled_from(specs) for name, specs in PARAMETERS.items()})


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(SPECS.filter(bool), st.integers(0, 2**32 - 1), st.sampled_from(["random", "bayes"]))
def test_every_draw_is_a_valid_configuration(parameters, seed, method):
    base = RunConfig()
    definition = read_sweep({"method": method, "parameters": parameters}, base)
    values = definition.sample(np.random.default_rng(seed), base)
    assert definition.sample(np.random.default_rng(seed), base) == values
    config = definition.to_config(values, base)
    for name, value in (values | definition.constants).items():
        assert value_type_of(name)(value) == value
        if name not in ("num_layers", "hidden_size"):  # a list of sizes settles both
            assert getattr(config, name) == value
    restored = SweepDefinition.from_mapping(json.loads(json.dumps(definition.to_mapping())))
    assert restored == definition
    assert restored.notices == definition.notices
    stored = json.loads(json.dumps(values))
    assert restored.key(stored) == definition.key(values)
    assert restored.canonical(stored) == values
    assert definition.trial_name(values) == restored.trial_name(stored)


def test_key_tells_values_apart_and_not_their_spelling():
    definition = SweepDefinition({"hidden_size": Categorical((32, (32, 16))), "learning_rate": Uniform(0.1, 1)})
    key = definition.key
    assert key({"hidden_size": [32, 16], "learning_rate": 1}) == key({"learning_rate": 1.0, "hidden_size": (32, 16)})
    assert key({"hidden_size": 32, "learning_rate": 1}) != key({"hidden_size": [32, 16], "learning_rate": 1})


@pytest.mark.parametrize("values", [{}, {"dropout": 0.1, "epochs": 2}, {"dropout": 2.0}])
def test_values_that_are_not_of_the_sweep_are_refused(values):
    with pytest.raises(UsageError):
        SweepDefinition({"dropout": Uniform(0.1, 0.5)}).canonical(values)


def test_grid_order_is_that_of_nested_loops():
    definition = SweepDefinition(
        {"num_layers": Categorical((3, 4)), "epochs": Constant(2), "seed": Categorical((1, 2))}
    )
    pairs = [(values["num_layers"], values["seed"]) for values in definition.configurations()]
    assert pairs == [(3, 1), (3, 2), (4, 1), (4, 2)]


def test_no_grid_of_an_endless_space():
    definition = SweepDefinition({"dropout": Uniform(0.1, 0.5)})
    assert definition.size is None
    with pytest.raises(UsageError, match="dropout has infinitely many values"):
        next(definition.configurations())


def test_fixed_fields_vary_no_more():
    definition = SweepDefinition({"dropout": Uniform(0.1, 0.5), "seed": Categorical((1, 2))})
    fixed = definition.fixed(dropout="0.25", dataset="fmnist")
    assert list(fixed.varying) == ["seed"]
    assert fixed.constants == {"dropout": 0.25, "dataset": "fashion_mnist"}
    assert fixed.size == 2


def test_trial_names_are_folder_names():
    definition = SweepDefinition(
        {"hidden_size": Categorical(((64,) * 40, 1)), "batch_norm": Categorical((True, False))}
    )
    long = definition.trial_name({"hidden_size": (64,) * 40, "batch_norm": False})
    assert len(long) <= 96
    assert definition.trial_name({"hidden_size": 1, "batch_norm": False}) == "sz_1_no_bn"
    assert definition.trial_name({"hidden_size": 1, "batch_norm": True}) == "sz_1_bn"


# W&B's documentation: max_iter 27, s 2 brackets at 9 and 3 (27/3, 27/9); min_iter 3 at 3, 9, 27, 81 ...
RUNGS = [
    (Hyperband(max_iter=27, s=2), 27, [3, 9]),
    (Hyperband(max_iter=27, s=2), 9, [3]),
    (Hyperband(min_iter=3), 100, [3, 9, 27, 81]),
    (Hyperband(min_iter=3), 3, []),
    (Hyperband(min_iter=1, eta=2), 10, [1, 2, 4, 8]),
    (Hyperband(max_iter=10, s=5, eta=2), 10, [1, 2, 5]),  # 5, 2.5, 1.25, then below 1
    (Hyperband(min_iter=1, eta=1.5), 6, [1, 2, 3, 5]),  # 1, 1.5, 2.25, 3.375, 5.06 rounded down, each once
]


@pytest.mark.parametrize(("stopping", "epochs", "rungs"), RUNGS)
def test_rungs(stopping, epochs, rungs):
    assert stopping.rungs(epochs) == rungs


def test_threshold_is_the_value_at_rank_one_over_eta():
    # Of nine objectives with eta 3, rank 3 counted from 0: the fourth best may still go on, the fifth not.
    assert Hyperband(min_iter=1).threshold([9, 8, 7, 6, 5, 4, 3, 2, 1]) == 4
    assert Hyperband(min_iter=1, eta=2).threshold([4, 1, 3, 2]) == 3
    assert Hyperband(min_iter=1).threshold([7]) == 7


def test_strict_looks_at_the_rung_s_own_epoch():
    objectives = [5.0, 2.0, 4.0, 1.0]
    assert Hyperband(min_iter=3).objective_at(3, objectives) == 2.0
    assert Hyperband(min_iter=3, strict=True).objective_at(3, objectives) == 4.0


def test_objectives_are_to_be_minimised():
    assert Metric("validation_accuracy", "maximize").objective(0.9) == -0.9
    assert Metric("validation_loss", "minimize").objective(0.3) == 0.3
    near = Metric("validation_accuracy", "target", 0.8)
    assert near.objective(0.75) == pytest.approx(0.05) == near.objective(0.85)


def test_a_target_that_is_reached_ends_a_sweep():
    assert [Metric("validation_accuracy", "maximize", 0.9).reached(value) for value in (0.89, 0.9)] == [False, True]
    assert [Metric("validation_loss", "minimize", 0.3).reached(value) for value in (0.31, 0.3)] == [False, True]
    assert not Metric("validation_loss", "minimize").reached(0.0)
