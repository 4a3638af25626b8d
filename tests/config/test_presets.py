"""Presets: what settings are that nobody gives, through every door; and the command that gives a configuration back."""

import os
import shlex

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.commands import call

from handgrad.cli.flags import parse
from handgrad.cli.options import SWEEP
from handgrad.cli.sweep import read
from handgrad.config import RunConfig
from handgrad.config.describe import beyond, beyond_line, idle
from handgrad.config.presets import PLAIN, PRESETS
from handgrad.config.schema import departures
from handgrad.data import FEATURES
from handgrad.errors import UsageError
from handgrad.nn import ACTIVATIONS, INITIALIZERS, LOSSES
from handgrad.optim import OPTIMIZERS, SCHEDULES
from handgrad.sweeps import read_sweep
from handgrad.sweeps.sweep_file import starting_preset

BARE = {"batch_norm": False, "dropout": 0.0, "schedule": "constant"}
TRIALS = int(os.environ.get("HANDGRAD_TRIALS", "40"))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_holds_canonical_values_of_fields(preset):
    config = RunConfig(preset=preset)
    assert PRESETS[preset].items() <= dict(config).items()
    assert departures(config) == ({} if preset == "best" else {"preset": preset})
    assert config.model_fields_set == {"preset"}


def test_plain_is_the_bare_network():
    plain = RunConfig(preset="Plain")
    assert dict(plain).items() >= BARE.items()
    assert isinstance(plain.hidden_size, int)
    assert beyond(plain) == [name for name in ("weight_decay",) if plain.weight_decay]
    assert RunConfig() == RunConfig(preset="best")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"nhl": 3}, {"num_layers": 3, "hidden_size": PRESETS[PLAIN]["hidden_size"]}),
        ({"sz": [64, 32, 16]}, {"num_layers": 3, "hidden_size": (64, 32, 16)}),
        ({"sz": "64"}, {"num_layers": PRESETS[PLAIN]["num_layers"], "hidden_size": 64}),
        ({"model": "cnn"}, {"model": "cnn", "schedule": "constant"}),
        ({"layers": "dense:8 relu"}, {"layers": ("dense:8", "relu")}),
        ({"model": "hog-svm"}, {"model": "svm", "features": "hog"}),
        ({"dropout": 0.3}, {"dropout": 0.3, "batch_norm": False}),
        ({"optimizer": PRESETS[PLAIN]["optimizer"]}, {"learning_rate": PRESETS[PLAIN]["learning_rate"]}),
    ],
)
def test_what_is_given_wins(values, expected):
    plain = RunConfig.from_mapping({**values, "preset": "plain"})
    assert dict(plain).items() >= expected.items()
    assert (
        RunConfig().replaced(preset="plain", **values)
        == RunConfig().replaced(preset="plain").replaced(**values)
        == plain
    )
    assert parse(shlex.split(plain.command())[2:]).config == plain


def test_another_preset_leaves_what_differs_from_the_old_one():
    tuned = RunConfig(optimizer="eve", optimizer_options={"beta3": 0.9}, seed=3)
    there = tuned.replaced(preset="plain")
    assert there == RunConfig(preset="plain", optimizer="eve", optimizer_options={"beta3": 0.9}, seed=3)
    assert there.replaced(preset="best") == tuned


DOORS = (
    "",
    "-d digits -e 3",
    "-o sgd --momentum 0.5 --epsilon 1e-7",
    "--batch_norm --dropout 0.2 --schedule cosine",
    "-nhl 2 -sz 16 -a gelu -w_i orthogonal",
    "--preset best",
    "--preset plain --label_smoothing 0.1 --seed 4",
    "-l mse --clip_norm 1 --dtype float64",
)


@pytest.mark.parametrize("flags", DOORS)
def test_three_doors_lead_to_one_configuration(flags):
    words = flags.split()
    sweeps = [
        read("da6401", parse(words, SWEEP, starting_preset("da6401"))),
        read("da6401", parse(words, SWEEP, start="plain")),
    ]
    assert sweeps[0] == sweeps[1]
    for draw in range(3):
        values = sweeps[0].sample(np.random.default_rng(draw))
        held = [word for name, value in values.items() for word in (f"--{name}", str(value))]
        single = parse([*words, *held], start="plain").config
        for start in ("plain", "best"):
            parsed = parse(words, SWEEP, start)
            assert read("da6401", parsed).to_config(values, parsed.config) == single


def test_the_doors_themselves(here, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    same = "-d digits -e 1 -nhl 3 -sz 32 -o nadam -lr 0.001 -b 64 -a tanh -w_i xavier -w_d 0 --dry_run --no_wandb"
    outs = [call(capsys, f"{door} {same}").out for door in ("train.py --mode sweep", "sweep da6401", "train.py")]
    assert "also: nothing (preset plain)" in outs[0]
    commands = [next(line for line in out.splitlines() if line.startswith("$ ")) for out in outs]
    assert commands[0] == commands[1] == commands[2]
    assert "--preset plain" in commands[0]
    assert not any(line.startswith("also:") for line in outs[2].splitlines())


LINES = {
    "train": "also: batch_norm, dropout 0.3, one_cycle (preset best; --preset plain is the bare network)",
    "train --no_batch_norm -o sgd": "also: dropout 0.3, one_cycle (preset best; --preset plain is the bare network)",
    "train -nhl 0": "also: one_cycle (preset best; --preset plain is the bare network)",
    "train --model cnn": "also: one_cycle (preset best; --preset plain is the bare network)",
    "train --model hog-svm": "",
    "train --preset plain": "",
    "train.py": "",
    "train.py --preset best --schedule step": (
        "also: batch_norm, dropout 0.3 (preset best; --preset plain is the bare network)"
    ),
}


@pytest.mark.parametrize(("words", "line"), LINES.items())
def test_what_acts_besides_is_said_under_the_command(here, capsys, words, line):
    out = call(capsys, f"{words} -d digits --dry_run").out.splitlines()
    assert out[0].startswith("$ handgrad train")
    assert [each for each in out if each.startswith("also:")] == ([line] if line else [])
    assert not line or out[1] == line


@pytest.mark.slow
def test_every_command_that_takes_settings_says_it(here, capsys):
    network = "also: batch_norm, dropout 0.3 (preset best"
    whole = "also: batch_norm, dropout 0.3, one_cycle (preset best"
    small = "-d digits -sz 4 -nhl 1 -e 1"
    assert network in call(capsys, f"gradcheck {small}").out
    assert whole in call(capsys, f"derive {small}").out
    assert whole in call(capsys, f"crossval {small} --folds 2").out
    pytest.importorskip("torch", reason="PyTorch is not installed")
    assert whole in call(capsys, f"lockstep {small} --steps 2").out


def test_a_file_and_a_preset(here, capsys):
    (here / "some.yaml").write_text("dropout: 0.3\nepochs: 2\n")
    (here / "named.yaml").write_text("preset: best\nnum_layers: 3\n")
    some = parse(["--config", "some.yaml", "--preset", "plain", "-b", "32"])
    assert some.config == RunConfig(preset="plain", dropout=0.3, epochs=2, batch_size=32)
    assert some.notes == []
    assert parse(["--config", "some.yaml"], start="plain").config == RunConfig(preset="plain", dropout=0.3, epochs=2)
    assert parse(["--config", "named.yaml"], start="plain").config == RunConfig(num_layers=3)
    over = parse(["--config", "named.yaml", "--preset", "plain"], start="plain").config
    assert over == RunConfig(preset="plain", num_layers=3)
    (here / "whole.yaml").write_text(RunConfig().to_yaml())
    whole = parse(["--config", "whole.yaml", "--preset", "plain"])
    assert dict(whole.config) == {**dict(RunConfig()), "preset": "plain"}
    assert whole.notes == ["--preset plain changes nothing: the file gives every setting"]
    old = "".join(line for line in RunConfig().to_yaml().splitlines(True) if not line.startswith("preset"))
    (here / "old.yaml").write_text(old)
    assert RunConfig.from_yaml(here / "old.yaml") == RunConfig()


def test_a_preset_in_a_sweep_file():
    sweep = {"method": "grid", "parameters": {"preset": {"values": ["best", "plain"]}, "dropout": {"value": 0.1}}}
    definition = read_sweep(sweep)
    configs = [definition.to_config(values, RunConfig(seed=2)) for values in definition.configurations()]
    assert configs == [RunConfig(seed=2, dropout=0.1), RunConfig(preset="plain", seed=2, dropout=0.1)]
    foreign = {"method": "grid", "parameters": {"epochs": {"values": [1, 2]}}}
    assert read_sweep(foreign).constants == {}
    assert read_sweep({**foreign, "program": "src/train.py"}).constants == {"preset": "plain"}
    assert read_sweep({**foreign, "program": "mine.py"}).constants == {}


def test_a_sweep_of_train_py_starts_as_train_py_does(here):
    (here / "mine.yaml").write_text("program: train.py\nmethod: grid\nparameters: {seed: {values: [1, 2]}}\n")
    for flags in ("-nhl 3", "-o sgd", "-o nadam -lr 0.01 -sz 16", "--preset best -nhl 1"):
        parsed = parse(flags.split(), SWEEP, starting_preset("mine.yaml"))
        config = read("mine.yaml", parsed).to_config({"seed": 2}, parsed.config)
        assert config == parse([*flags.split(), "--seed", "2"], start="plain").config
    assert config.preset == "best"


def test_a_learning_rate_belongs_to_its_optimizer():
    plain = RunConfig(preset="plain", optimizer="sgd")
    assert plain.learning_rate is None
    assert RunConfig(preset="plain", optimizer="SGD ") == plain
    assert plain.command() == "handgrad train --preset plain --optimizer sgd"
    assert RunConfig(preset="plain", optimizer="sgd", learning_rate=0.5).learning_rate == 0.5


def test_a_plain_run_keeps_its_preset(here):
    config = RunConfig(preset="plain", name="one")
    (here / "config.yaml").write_text(config.to_yaml())
    assert RunConfig.from_yaml(here / "config.yaml") == config
    assert "plain" in config.auto_name()
    assert config.auto_name() != RunConfig().auto_name()


WORDS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=12)
TEXTS = WORDS | st.sampled_from(
    ["-x", "--no_wandb", "a b", "it's", '"', "$HOME", "é:ü", "=", "a=b", "—", "1", "#", "~"]
)
SMALL = st.floats(0, 1, exclude_max=True)
POSITIVE = st.floats(1e-12, 1e6)
NONE = st.none()
VALUES = {
    "preset": st.sampled_from([*PRESETS]),
    "dataset": TEXTS,
    "resize": NONE | st.tuples(st.integers(1, 99), st.integers(1, 99)),
    "skip_damaged": st.booleans(),
    "validation_fraction": SMALL,
    "train_fraction": st.floats(1e-9, 1),
    "fold": st.sampled_from([None, "1/2", "test/5"]),
    "noise": SMALL,
    "elastic_sigma": st.floats(0.001, 100),
    "normalize": st.sampled_from(["unit", "standard"]),
    "features": st.sampled_from([*FEATURES]),
    "model": st.sampled_from(["mlp", "cnn", "svm", "knn"]),
    "num_layers": st.integers(0, 9),
    "hidden_size": st.integers(1, 999) | st.lists(st.integers(1, 999), min_size=1, max_size=5),
    "activation": st.sampled_from([*ACTIVATIONS]),
    "dropout": SMALL,
    "batch_norm": st.booleans(),
    "weight_init": st.sampled_from([*INITIALIZERS]),
    "layers": st.sampled_from([None, ["dense:8", "relu"], ["conv2d:8,3", "relu", "max_pool2d:2", "dropout:0.3"]]),
    "loss": st.sampled_from([*LOSSES]),
    "dtype": st.sampled_from(["float32", "float64"]),
    "epochs": st.integers(1, 10**6),
    "seed": st.integers(0, 2**63 - 1),
    "keep": st.sampled_from(["best", "last"]),
    "log_test": st.booleans(),
    "optimizer": st.sampled_from([*OPTIMIZERS]),
    "learning_rate": NONE | POSITIVE,
    "epsilon": NONE | st.floats(0, 1),
    "optimizer_options": st.sampled_from([{}, {"beta3": 0.1 + 0.2}, {"beta3": 0.5, "clip": 1e-7}]),
    "model_options": st.sampled_from([{}, {"C": 1e-3}, {"C": 5, "gamma": 1 / 3}, {"neighbours": 3}]),
    "weight_decay": SMALL,
    "schedule": st.sampled_from([*SCHEDULES]),
    "runs_dir": TEXTS,
    "name": NONE | TEXTS,
    "track": st.sampled_from([(), ("wandb",), ("tensorboard",), ("tensorboard", "wandb")]),
    "wandb_project": NONE | TEXTS,
    "wandb_entity": NONE | TEXTS,
    "wandb_mode": st.sampled_from([None, "online", "offline"]),
}


@settings(max_examples=TRIALS, deadline=None)
@given(st.dictionaries(st.sampled_from([*VALUES]), st.none(), max_size=9).flatmap(
    lambda names: st.fixed_dictionaries({name: VALUES[name] for name in names})))  # fmt: skip
def test_the_command_parsed_again_is_the_configuration(values):
    try:
        config = RunConfig(**values)
    except UsageError:
        assume(False)
    again = parse(shlex.split(config.command())[2:]).with_wandb()
    assert again == config
    assert again.command() == config.command()
    assert RunConfig(**config.to_mapping()) == config
    names = beyond(config)
    assert not set(names) & (idle(config) | set(departures(config)))
    assert not names or beyond_line(config, names).startswith("also: ")
