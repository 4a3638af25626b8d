"""RunConfig: what it takes, what it refuses and how it says so, and that it survives every way out and back."""

import copy
import pickle
import shlex
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from handgrad.cli.flags import parse
from handgrad.config import RunConfig, differences, value_type_of
from handgrad.errors import FileSystemError, UsageError
from handgrad.nn import ACTIVATIONS, INITIALIZERS, LOSSES
from handgrad.optim import OPTIMIZERS, SCHEDULES

NAN, INF = float("nan"), float("inf")

REFUSED = {
    "lr negative": ({"learning_rate": -1.0}, "learning_rate must be positive, got -1.0 (--learning_rate)"),
    "lr zero": ({"lr": 0}, "learning_rate must be positive, got 0.0 (--learning_rate)"),
    "lr nan": ({"lr": NAN}, "learning_rate must be a finite number, got nan (--learning_rate)"),
    "lr nan, text": ({"lr": "nan"}, "learning_rate must be a finite number, got nan"),
    "lr infinite": ({"lr": INF}, "learning_rate must be a finite number, got inf"),
    "lr a text": ({"lr": "fast"}, "learning_rate must be a number, got 'fast' (--learning_rate)"),
    "lr a list": ({"lr": [0.1]}, "learning_rate must be a number, got [0.1]"),
    "lr a boolean": ({"lr": True}, "learning_rate must be a number, got True"),
    "lr too large for a float": ({"lr": 10**400}, "learning_rate must be a number"),
    "epochs huge": ({"epochs": "1e9"}, "epochs must be 1 to 1000000, got 1000000000 (--epochs)"),
    "epochs zero": ({"epochs": 0}, "epochs must be 1 to 1000000, got 0"),
    "epochs broken": ({"epochs": 2.5}, "epochs must be a whole number, got 2.5"),
    "epochs none": ({"epochs": None}, "epochs must be a whole number, got None"),
    "epochs infinite": ({"epochs": INF}, "epochs must be a whole number, got inf"),
    "batch a boolean": ({"batch_size": True}, "batch_size must be a whole number, got True"),
    "seed negative": ({"seed": -1}, "seed must be 0 to 9223372036854775807, got -1 (--seed)"),
    "seed too large": ({"seed": 2**63}, "seed must be 0 to 9223372036854775807, got 9223372036854775808"),
    "units zero": ({"hidden_size": 0}, "hidden_size must be 1 to 1000000, got 0 (--hidden_size)"),
    "units 10^9": ({"hidden_size": 10**9}, "hidden_size must be 1 to 1000000, got 1000000000"),
    "units in a list": ({"hidden_size": [64, 0]}, "hidden_size must be 1 to 1000000, got 0"),
    "units a mapping": ({"hidden_size": {"a": 1}}, "hidden_size must be a whole number, got {'a': 1}"),
    "units nothing": ({"hidden_size": ""}, "hidden_size must not be empty"),
    "units, torn list": ({"hidden_size": "[64, 32"}, "hidden_size must be a list such as [128, 64], got '[64, 32'"),
    "units, long list": ({"hidden_size": list(range(1, 1002))}, "num_layers must be 0 to 1000, got 1001"),
    "layers 2000": ({"num_layers": 2000}, "num_layers must be 0 to 1000, got 2000"),
    "layers disagree": ({"nhl": 2, "sz": [128, 64, 32]}, "num_layers is 2, but hidden_size lists 3: [128, 64, 32]"),
    "activation unknown": ({"activation": "rleu"}, "got 'rleu'; did you mean relu? (--activation)"),
    "activation no": ({"activation": "no"}, "activation must be one of identity, sigmoid, tanh, relu"),
    "activation a boolean": ({"activation": False}, "got False (--activation)"),
    "optimizer unknown": ({"optimizer": "adma"}, "got 'adma'; did you mean adam? (--optimizer)"),
    "nearest by a spelling": ({"optimizer": "nesterof"}, "got 'nesterof'; did you mean nag? (--optimizer)"),
    "dropout one": ({"dropout": 1}, "dropout must be in [0, 1), got 1.0 (--dropout)"),
    "validation all": ({"val_split": 1.0}, "validation_fraction must be in [0, 1), got 1.0"),
    "batch norm perhaps": ({"batch_norm": "maybe"}, "batch_norm must be true or false, got 'maybe'"),
    "batch norm 2": ({"batch_norm": 2}, "batch_norm must be true or false, got 2"),
    "dataset empty": ({"dataset": ""}, "dataset must be a text, got '' (--dataset)"),
    "dataset a list": ({"dataset": ["mnist"]}, "dataset must be a text, got ['mnist']"),
    "name a path": ({"name": "../x"}, "name must be a name, not a path"),
    "name with a newline": ({"name": "a\nb"}, "name must be a text, got 'a\\nb'"),
    "name long": ({"name": "a" * 101}, "name must be a name, not a path, of at most 100 characters"),
    "resize three": ({"resize": [1, 2, 3]}, "resize must be a height and a width, got [1, 2, 3]"),
    "resize zero": ({"resize": "0x8"}, "resize must be 1 to 4096, got 0"),
    "tracker unknown": (
        {"track": ["wandb", "neptune"]},
        "track must be one of wandb, tensorboard, mlflow, trackio, got 'neptune'",
    ),
    "option unknown": (
        {"optimizer": "eve", "optimizer_options": {"beta4": 0.9}},
        "optimizer_options: eve has no option beta4, expected beta3 or clip; did you mean beta3?",
    ),
    "option of another": ({"optimizer_options": {"beta3": 0.9}}, "adam has no option beta3, it has none"),
    "option with a flag": ({"optimizer_options": {"beta1": 0.9}}, "beta1 is a setting of its own (--beta1)"),
    "option out of range": (
        {"optimizer": "eve", "optimizer_options": {"beta3": 2}},
        "optimizer eve: beta3 must be in [0, 1), got 2.0 (--optimizer_options beta3=...)",
    ),
    "option nan": ({"optimizer_options": {"beta3": NAN}}, "optimizer_options beta3 must be a finite number, got nan"),
    "option bare": ({"optimizer_options": "beta3"}, "must be numbers by name such as beta3=0.99, got 'beta3'"),
    "option as a setting": ({"beta3": 0.9}, "setting beta3 belongs to eve: give optimizer_options beta3=..."),
    "layers of a fraction": ({"layers": 3.5}, "layers must list layers such as dense:128 or relu, got 3.5"),
    "layers none": ({"layers": []}, "layers must list 1 to 4000 layers, got 0"),
    "layer unknown": ({"layers": ["dence:3"]}, "got 'dence'; did you mean dense? (--layers)"),
    "layer bare": ({"layers": ["dense"]}, "layers has 'dense', which needs units: write dense:128"),
    "layer of 0": ({"layers": ["dense:0"]}, "layers has 'dense', whose units must be 1 to 1000000, got 0"),
    "layer of 10^9": ({"layers": ["dense:1e9"]}, "layers has 'dense', whose units must be 1 to 1000000"),
    "layer of text": ({"layers": ["dense:wide"]}, "whose units must be a whole number, got 'wide'"),
    "layer, many numbers": ({"layers": ["dense:3,4"]}, "layers has 'dense', which takes units, got '4'"),
    "layer, no numbers": ({"layers": ["relu:1"]}, "layers has 'relu', which takes no number, got '1'"),
    "layer, wrong setting": ({"layers": [{"dropout": {"ratio": 0.3}}]}, "which takes rate, got 'ratio=0.3'"),
    "layer, wrong rate": ({"layers": ["dropout:1.5"]}, "whose rate must be in [0, 1), got 1.5 (--layers)"),
    "layer, two names": ({"layers": [{"dense": 1, "relu": 2}]}, "layers must list layers such as dense:128"),
    "layers and sizes": (
        {"layers": ["relu"], "num_layers": 3},
        "layers describes the whole network: leave out num_layers",
    ),
    "layer of three sizes": (
        {"layers": ["conv2d:4,1x2x3"]},
        "whose kernel_size must be a height and a width, got '1x2x3'",
    ),
    "layer of a word": ({"layers": ["conv2d:4,padding=full"]}, "whose padding must be one of same, valid, got 'full'"),
    "convolution bare": ({"layers": ["conv2d"]}, "layers has 'conv2d', which needs filters: write conv2d:128"),
    "layers and model": ({"layers": ["relu"], "model": "cnn"}, "leave out model, got cnn (--model)"),
    "cnn and sizes": ({"model": "cnn", "nhl": 3}, "model cnn describes the whole network: leave out num_layers, got 3"),
    "model unknown": (
        {"model": "resnet"},
        "model must be one of mlp, cnn, lenet5, mlp-mixer-s, resnet20, vgg8, svm, linear_svm, logistic, knn",
    ),
    "option of no network": ({"model_options": "C=5"}, "mlp has no option C, it has none (--model_options)"),
    "model option unknown": (
        {"model": "svm", "model_options": "gama=1"},
        "model_options: svm has no option gama, expected C or gamma; did you mean gamma? (--model_options)",
    ),
    "model option out of range": (
        {"model": "svm", "model_options": {"C": -1}},
        "model svm: C must be positive, got -1.0 (--model_options C=...)",
    ),
    "model option broken": (
        {"model": "knn", "model_options": {"neighbors": 2.5}},
        "neighbors must be a whole number, got 2.5 (--model_options neighbors=...)",
    ),
    "useless to a fit": ({"model": "svm", "epochs": 3}, "model svm is fitted by scikit-learn: leave out epochs, got 3"),
    "features twice": ({"model": "hog-svm", "features": "pixels"}, "model hog-svm has features of its own"),
    "features and shifts": ({"features": "hog", "shift": 1}, "features hog replace the pixels: leave out shift"),
    "features unknown": ({"features": "hogg"}, "features must be one of pixels, hog, got 'hogg'; did you mean hog?"),
    "fold a number": ({"fold": 5}, "fold must be such as 2/5, or test/5, got 5 (--fold)"),
    "fold 6 of 5": ({"fold": "6/5"}, "fold must be 1/5 to 5/5, got 6/5"),
    "fold of one": ({"fold": "1/1"}, "fold must be 1/2 to 2/2, got 1/1"),
    "fold 0": ({"fold": "0/5"}, "fold must be 1/5 to 5/5, got 0/5"),
    "fold and validation": (
        {"fold": "test/5", "validation_fraction": 0.2},
        "fold test/5 validates on test images: leave out validation_fraction, got 0.2",
    ),
    "best on test images": (
        {"keep": "best", "fold": "test/5"},
        "fold test/5 validates on test images, by which nothing may be chosen: keep must be last, got best (--keep)",
    ),
    "patience on test images": ({"fold": "TEST/2", "patience": 3}, "nothing may be chosen: leave out patience, got 3"),
    "monitor of test images": (
        {"fold": "test/5", "monitor": "validation_loss"},
        "leave out monitor, got validation_los",
    ),
    "two spellings": ({"lr": 0.1, "learning_rate": 0.2}, "learning_rate is given twice: lr 0.1 and learning_rate 0.2"),
    "unknown": ({"frobnicate": 1}, "unknown setting frobnicate (--help all lists all)"),
    "unknown key, not a text": ({5: 1}, "unknown setting 5"),
    "several wrong": (
        {"epochs": 0, "lr": -1, "dropout": 2},
        "(--dropout); epochs must be 1 to 1000000, got 0 (--epochs); learning_rate must be positive, got -1.0",
    ),
}


@pytest.mark.parametrize(("mapping", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses_in_one_line(mapping, message):
    with pytest.raises(UsageError) as caught:
        RunConfig.from_mapping(mapping)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("value", [NAN, -INF, b"x", object(), {"a": {}}, [[]], "\0", -1e400])
def test_no_field_takes_nonsense(value):
    for field in RunConfig.model_fields:
        with pytest.raises(UsageError) as caught:
            RunConfig(**{field: value})
        assert field in str(caught.value)
        assert "\n" not in str(caught.value)


TAKEN = {
    "numbers as texts": ({"lr": "1e-3", "epochs": "5"}, {"learning_rate": 0.001, "epochs": 5}),
    "whole floats": ({"epochs": 1e3, "seed": str(2**63 - 1)}, {"epochs": 1000, "seed": 2**63 - 1}),
    "numpy": ({"lr": np.float64(0.5), "epochs": np.int64(3)}, {"learning_rate": 0.5, "epochs": 3}),
    "none as a text": ({"lr": "none", "name": "null", "resize": None}, {"learning_rate": None, "name": None}),
    "booleans": ({"batch_norm": "no", "log_test": 1}, {"batch_norm": False, "log_test": True}),
    "a path": ({"dataset": Path("my/images")}, {"dataset": "my/images"}),
    "a number as a name": ({"name": 7}, {"name": "7"}),
    "one size": ({"sz": "64", "nhl": 2}, {"num_layers": 2, "hidden_size": 64, "hidden_sizes": (64, 64)}),
    "sizes": ({"sz": [64, 32]}, {"num_layers": 2, "hidden_size": (64, 32), "hidden_sizes": (64, 32)}),
    "sizes, commas": ({"sz": "64, 32,16"}, {"num_layers": 3, "hidden_size": (64, 32, 16)}),
    "sizes, spaces": ({"sz": "64 32"}, {"hidden_sizes": (64, 32)}),
    "sizes, brackets": ({"sz": "[64, 32]"}, {"hidden_sizes": (64, 32)}),
    "sizes, parentheses": ({"sz": "(64, 32)"}, {"hidden_sizes": (64, 32)}),
    "sizes, agreeing": ({"sz": [64, 32], "nhl": 2}, {"num_layers": 2, "hidden_sizes": (64, 32)}),
    "sizes, alike": ({"sz": [64, 64]}, {"num_layers": 2, "hidden_size": 64}),
    "a list of one": ({"sz": [64]}, {"num_layers": 1, "hidden_size": 64}),
    "an empty list": ({"sz": []}, {"num_layers": 0, "hidden_sizes": ()}),
    "softmax regression": ({"nhl": 0, "sz": 64}, {"num_layers": 0, "hidden_sizes": ()}),
    "a square": ({"resize": 14}, {"resize": (14, 14)}),
    "a rectangle": ({"resize": "14x12"}, {"resize": (14, 12)}),
    "trackers": ({"track": "wandb,tb,wandb"}, {"track": ("wandb", "tensorboard")}),
    "no tracker": ({"track": None}, {"track": ()}),
    "options": (
        {"optimizer": "eve", "optimizer_options": "clip=5,beta3=.9"},
        {"optimizer_options": {"beta3": 0.9, "clip": 5.0}},
    ),
    "options, a mapping": ({"o": "eve", "optimizer_options": {"clip": 5}}, {"optimizer_options": {"clip": 5.0}}),
    "options, none": ({"optimizer_options": "none"}, {"optimizer_options": {}}),
    "layers, mixed": (
        {"layers": ["dense:128", {"dropout": {"rate": 0.3}}, "ReLU", {"dense": 64}, {"leaky_relu": {"slope": 0.2}}]},
        {"layers": ("dense:128", "dropout:0.3", "relu", "dense:64", "leaky_relu:0.2")},
    ),
    "layers, a text": (
        {"layers": "dense:128, bn,relu dropout:.3"},
        {"layers": ("dense:128", "batch_norm", "relu", "dropout:0.3")},
    ),
    "layers, convolutions": (
        {"layers": "conv:4,2x3,padding=valid, MaxPool2D:2 conv2d:8,3x3 gap"},
        {"layers": ("conv2d:4,2x3,padding=valid", "max_pool2d:2", "conv2d:8,3", "global_average_pool")},
    ),
    "layers, sizes in lists": (
        {"layers": [{"conv2d": {"filters": 4, "stride": [1, 2]}}, {"conv2d": [8, [5, 5], 2]}]},
        {"layers": ("conv2d:4,stride=1x2", "conv2d:8,5,2")},
    ),
    "layers, brackets": ({"layers": "[{dense: 8}, tanh]"}, {"layers": ("dense:8", "tanh")}),
    "layers, a list inside": ({"layers": [{"batch_norm": [0.2, 1e-3]}]}, {"layers": ("batch_norm:0.2,0.001",)}),
    "layers, by name": ({"layers": ["batch_norm:epsilon=1e-3"]}, {"layers": ("batch_norm:epsilon=0.001",)}),
    "layers, defaults": ({"layers": [{"batch_norm": None}]}, {"layers": ("batch_norm",)}),
    "twice the same": ({"lr": 0.1, "learning_rate": "1e-1"}, {"learning_rate": 0.1}),
    "a fold": ({"fold": " 02/5"}, {"fold": "2/5"}),
    "folds of the test set": ({"fold": "Test/4"}, {"fold": "test/4", "keep": "last"}),
    "a model and its features": ({"model": "HOG-SVM"}, {"model": "svm", "features": "hog"}),
    "a model of two words and its features": ({"model": "hog_linear_svm"}, {"model": "linear_svm", "features": "hog"}),
    "a network on features": ({"model": "hog-mlp", "sz": 32}, {"model": "mlp", "features": "hog", "hidden_size": 32}),
    "a shorthand said twice": ({"model": "hog-rf", "features": "HOG"}, {"model": "random_forest", "features": "hog"}),
    "model options": (
        {"model": "svm", "model_options": "gamma=.1 C=1e1"},
        {"model_options": {"C": 10.0, "gamma": 0.1}},
    ),
    "layers beside defaults": ({"layers": ["relu"], "num_layers": 2, "act": "ReLU"}, {"layers": ("relu",)}),
}


@pytest.mark.parametrize(("mapping", "expected"), TAKEN.values(), ids=TAKEN.keys())
def test_takes(mapping, expected):
    config = RunConfig.from_mapping(mapping)
    assert {name: getattr(config, name) for name in expected} == expected
    assert RunConfig.from_mapping(config.to_mapping()) == config


def test_defaults_are_canonical_and_described():
    config = RunConfig()
    groups = {"preset", "data", "network", "training", "optimizer", "schedule", "run", "tracking"}
    for name, info in RunConfig.model_fields.items():
        assert value_type_of(name)(info.default) == getattr(config, name) == info.default
        assert info.description
        assert not info.description.endswith(".")
        assert info.json_schema_extra["group"] in groups


def test_is_frozen_and_shares_nothing():
    config = RunConfig()
    with pytest.raises(ValidationError):
        config.epochs = 3
    config.optimizer_options["beta3"] = 1.0
    assert RunConfig().optimizer_options == {}


def test_spellings_are_for_mappings_only():
    with pytest.raises(UsageError, match=r"unknown setting lr: did you mean learning_rate?"):
        RunConfig(lr=0.1)


def test_copies_are_equal():
    config = RunConfig(hidden_size=[64, 32], optimizer="eve", optimizer_options={"beta3": 0.9})
    assert pickle.loads(pickle.dumps(config)) == config
    assert copy.deepcopy(config) == config
    assert RunConfig.model_validate(config) == config


def test_differences():
    a, b = RunConfig(seed=1), RunConfig(seed=2, hidden_size=[64, 32])
    assert differences(a, a) == {}
    assert differences(a, b) == {"seed": (1, 2), "hidden_size": ((512, 256), (64, 32))}


def test_replaced_lays_one_description_over_another():
    base = RunConfig(hidden_size=64, num_layers=4, activation="tanh")
    assert base.replaced(lr=0.1) == RunConfig(hidden_size=64, num_layers=4, activation="tanh", learning_rate=0.1)
    assert base.replaced(sz=[32, 16]).hidden_sizes == (32, 16)
    assert base.replaced(sz=32).hidden_sizes == (32,) * 4
    assert base.replaced(layers=["dense:3"]) == RunConfig(layers=["dense:3"])
    assert base.replaced(layers=None) == base
    assert base.replaced(sz=[32, 16]).replaced(sz="8").hidden_sizes == (8, 8)


def test_another_kind_of_model_takes_only_what_it_uses():
    base = RunConfig(dataset="digits", epochs=3, optimizer="sgd", hidden_size=8, seed=4)
    fitted = base.replaced(model="hog-SVC", model_options="C=2")
    assert fitted == RunConfig(dataset="digits", seed=4, model="svm", features="hog", model_options={"C": 2})
    assert fitted.replaced(model="mlp", features="pixels") == RunConfig(dataset="digits", seed=4)
    assert fitted.replaced(seed=1).model_options == {"C": 2}


def test_replaced_checks_again():
    with pytest.raises(UsageError, match="num_layers is 5, but hidden_size lists 2"):
        RunConfig(hidden_size=[32, 16]).replaced(num_layers=5)
    with pytest.raises(UsageError, match="leave out activation"):
        RunConfig(layers=["dense:3"]).replaced(activation="tanh")
    with pytest.raises(UsageError, match="hidden_size must be a whole number, got 'x'"):
        RunConfig().replaced(hidden_size="x")


def test_from_yaml_names_the_file(tmp_path):
    path = tmp_path / "course.yaml"
    path.write_text("lr: 1e-3\nactivation: no\n")
    with pytest.raises(UsageError, match=r"course.yaml: activation must be one of .*, got 'no'"):
        RunConfig.from_yaml(path)
    path.write_text("lr: .nan\n")
    with pytest.raises(UsageError, match=r"course.yaml: learning_rate must be a finite number, got nan"):
        RunConfig.from_yaml(path)
    with pytest.raises(FileSystemError):
        RunConfig.from_yaml(tmp_path / "none.yaml")


def test_from_yaml_with_the_courses_names(tmp_path):
    path = tmp_path / "course.yaml"
    path.write_text("lr: 1e-3\nact: ReLU\nnhl: 2\nsz: [64, 32]\nopt: nestorov\nbatch_norm: yes\n")
    config = RunConfig.from_yaml(str(path))
    assert config == RunConfig(learning_rate=0.001, hidden_size=[64, 32], optimizer="nag", batch_norm=True)


SHARES = st.floats(0, 1, exclude_max=True)
POSITIVE = st.floats(0, 1e300, exclude_min=True)
WORDS = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1).filter(str.strip)
LAYER = st.sampled_from(["dense:8", "relu", "dropout:0.25", "batch_norm:epsilon=0.001", "leaky_relu:0.2"])
NETWORK = st.fixed_dictionaries(
    {},
    optional={
        "num_layers": st.integers(0, 9),
        "hidden_size": st.integers(1, 999),
        "activation": st.sampled_from(list(ACTIVATIONS)),
        "dropout": SHARES,
        "batch_norm": st.booleans(),
    },
)
OTHERS = st.fixed_dictionaries(
    {},
    optional={
        "dataset": WORDS,
        "resize": st.none() | st.tuples(st.integers(1, 99), st.integers(1, 99)),
        "weight_init": st.sampled_from(list(INITIALIZERS)),
        "loss": st.sampled_from(list(LOSSES)),
        "optimizer": st.sampled_from(list(OPTIMIZERS)),
        "schedule": st.sampled_from(list(SCHEDULES)),
        "learning_rate": st.none() | POSITIVE,
        "epsilon": st.none() | SHARES,
        "weight_decay": st.floats(0, 1e300),
        "validation_fraction": SHARES,
        "seed": st.integers(0, 2**63 - 1),
        "log_test": st.booleans(),
        "track": st.lists(st.sampled_from(["wandb", "tensorboard"]), unique=True),
        "wandb_project": WORDS,
        "runs_dir": WORDS,
    },
)
NETWORKS = (
    NETWORK
    | st.fixed_dictionaries({"layers": st.lists(LAYER, min_size=1, max_size=5)})
    | st.fixed_dictionaries({"hidden_size": st.lists(st.integers(1, 99), max_size=4)})
)
CONFIGS = st.builds(lambda network, others: RunConfig(**network, **others), NETWORKS, OTHERS)


@settings(max_examples=30, deadline=None)
@given(CONFIGS)
def test_every_way_out_and_back(tmp_path_factory, config):
    path = tmp_path_factory.getbasetemp() / "round.yaml"
    path.write_text(config.to_yaml(), encoding="utf-8")
    assert RunConfig.from_yaml(path) == config
    assert RunConfig.from_mapping(config.to_mapping()) == config
    program, command, *flags = shlex.split(config.command())
    assert (program, command) == ("handgrad", "train")
    assert parse(flags).config == config
