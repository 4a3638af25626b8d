"""In what two configurations differ that can change a result."""

import pytest

from handgrad.config import RunConfig
from handgrad.config.describe import WITHOUT_INFLUENCE, effective_differences, idle
from handgrad.errors import UsageError
from handgrad.runs.comparison import with_setting_of

BASE = RunConfig(dataset="digits")
CNN_WITHOUT = "conv2d:4,3 relu max_pool2d:2 conv2d:4,3 relu max_pool2d:2 flatten"  # batch normalisation

# Settings changed on both sides, and the names that then differ.
CASES = {
    "nothing": ({}, {}, set()),
    "where it is kept": ({}, {"name": "x", "runs_dir": "y", "log_every": 7, "track": "tensorboard"}, set()),
    "the seed": ({}, {"seed": 1}, {"seed"}),
    "the optimizer's own rate, written out": ({}, {"learning_rate": 0.001}, set()),
    "own rates that differ": ({}, {"optimizer": "sgd"}, {"optimizer", "learning_rate"}),
    "one rate": ({}, {"optimizer": "sgd", "learning_rate": 0.001}, {"optimizer"}),
    "own epsilons": ({}, {"optimizer": "nadam"}, {"optimizer"}),
    "the optimizer's own epsilon, written out": ({}, {"epsilon": 1e-8}, set()),
    "an option of the optimizer": ({"optimizer": "eve"}, {"optimizer": "eve", "optimizer_options": "beta3=0.9"}, {
        "optimizer_options"}),
    "an optimizer with its option": ({}, {"optimizer": "eve", "optimizer_options": "beta3=0.9"}, {"optimizer"}),
    "a number nobody uses": ({}, {"momentum": 0.5}, set()),
    "a number that one side uses": ({"learning_rate": 0.1}, {
        "learning_rate": 0.1, "optimizer": "momentum", "momentum": 0.5}, {"optimizer"}),
    "numbers that both sides use": ({"beta1": 0.8}, {"optimizer": "nadam"}, {"optimizer", "beta1"}),
    "steps of a schedule that has none": ({}, {"schedule_steps": 9}, set()),
    "a schedule with its steps": ({}, {"schedule": "step", "schedule_steps": 9}, {"schedule"}),
    "smoothness of no deformation": ({}, {"elastic_sigma": 2}, set()),
    "a deformation": ({}, {"elastic": 3, "elastic_sigma": 2}, {"elastic"}),
    "deviation of weights that have their own": ({}, {"init_scale": 1}, set()),
    "what decides when the last one is kept": ({"keep": "last"}, {"keep": "last", "monitor": "validation_loss"}, set()),
    "what decides the best epoch": ({}, {"monitor": "validation_loss"}, {"monitor"}),
    "another list of sizes": ({}, {"hidden_size": (64, 32, 16)}, {"hidden_size"}),
    "the same list in other words": ({"hidden_size": (64, 64)}, {"num_layers": 2, "hidden_size": 64}, set()),
    "a list or one size": ({}, {"num_layers": 3}, {"hidden_size"}),
    "depth": ({"num_layers": 2, "hidden_size": 64}, {"num_layers": 3, "hidden_size": 64}, {"num_layers"}),
    "depth and width": ({"num_layers": 2, "hidden_size": 64}, {"num_layers": 3, "hidden_size": 32}, {
        "num_layers", "hidden_size"}),
    "no hidden layers": ({}, {"num_layers": 0, "activation": "tanh"}, {"num_layers"}),
    "another model": ({"dropout": 0.1}, {"model": "cnn"}, {"model"}),
    "a list of layers": ({"dropout": 0.1}, {"layers": "dense:9 relu"}, {"layers"}),
    "two lists of layers": ({"layers": "dense:9"}, {"layers": "dense:9 relu"}, {"activation"}),
    "two sizes of layers": ({"layers": "dense:9 relu"}, {"layers": "dense:8 relu"}, {"layers"}),
    "dropout elsewhere": ({"layers": "dropout:0.1 dense:9"}, {"layers": "dense:9 dropout:0.1"}, {"layers"}),
    "dropout in layers": ({"layers": "dense:9 dropout:0.1"}, {"layers": "dense:9 dropout:0.2"}, {"dropout"}),
    "no batch_norm in layers": ({"model": "cnn"}, {"layers": CNN_WITHOUT}, {"batch_norm"}),
}  # fmt: skip


def sides(case):
    changes, others, expected = CASES[case]
    return BASE.replaced(**changes), BASE.replaced(**others), expected


@pytest.mark.parametrize("case", CASES)
def test_effective_differences(case):
    one, other, expected = sides(case)
    assert set(effective_differences(one, other)) == expected
    assert {name: values[::-1] for name, values in effective_differences(other, one).items()} == (
        effective_differences(one, other)
    )


def test_both_values_are_told():
    found = effective_differences(BASE, BASE.replaced(optimizer="sgd"))
    assert found == {"optimizer": ("adam", "sgd"), "learning_rate": (0.001, 0.1)}


@pytest.mark.parametrize("case", [case for case in CASES if len(CASES[case][2]) > 1])
@pytest.mark.parametrize("swapped", [False, True])
def test_one_setting_at_a_time(case, swapped):
    """A run with one setting of the other differs in it alone; with all of them, one after another, in nothing."""
    one, other, names = sides(case)
    base, other = (other, one) if swapped else (one, other)
    for name in names:
        assert set(effective_differences(base, with_setting_of(base, other, name, names))) == {name}
    left = set(names)
    for name in sorted(names, reverse=True):
        base = with_setting_of(base, other, name, left)
        left.discard(name)
    assert effective_differences(base, other) == {}


def test_settings_that_do_not_go_together():
    one, other = BASE.replaced(label_smoothing=0.1), BASE.replaced(model="cnn", layers=None)
    assert with_setting_of(one, other, "model", {"model"}).model == "cnn"
    with pytest.raises(UsageError):
        with_setting_of(BASE.replaced(model="cnn"), BASE.replaced(dropout=0.1), "dropout", {"model", "dropout"})


def test_the_lists_name_settings():
    assert set(RunConfig.model_fields) >= WITHOUT_INFLUENCE
    assert idle(BASE) <= set(RunConfig.model_fields)
    assert {"beta", "momentum", "schedule_steps", "init_scale"} <= idle(BASE)
    assert not {"beta1", "learning_rate", "hidden_size", "dropout"} & idle(BASE)
