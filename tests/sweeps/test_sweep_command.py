"""`handgrad sweep` in this process; the trials are run in processes of their own."""

import sys

import pytest
from tests.commands import call
from tests.sweeps.conftest import BASE

from handgrad.plugins import how_to_install
from handgrad.sweeps.database import open_storage
from handgrad.sweeps.folder import open_sweep

SPACE = """
name: tiny
method: grid
metric: {name: val_acc, goal: maximize}
early_terminate: {type: hyperband, min_iter: 1, eta: 2}
parameters:
  act: {values: [relu, tanh]}
  lr: {values: [0.01, 0.00001]}
"""
FLAGS = "--dataset digits -nhl 1 -sz 16 -e 2 -b 32 --no_batch_norm --dropout 0 -o adam --schedule constant"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a sweep file in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep.yaml").write_text(SPACE)
    return tmp_path


@pytest.mark.slow
def test_a_sweep_is_run_and_gone_on_with(folder, capsys):
    answer = call(capsys, f"sweep sweep.yaml {FLAGS} --trials 2 --jobs 1 --no_report")
    assert answer.code == 0, answer.err
    assert "sweep tiny: grid, 2 trials, in sweeps/tiny" in answer.out
    assert "best: validation_accuracy" in answer.out
    assert "handgrad train --dataset digits" in answer.out
    assert len(open_sweep(folder / "sweeps" / "tiny").trials()) == 2
    answer = call(capsys, f"sweep sweep.yaml {FLAGS} --trials 4 --jobs 2 --name tiny --resume --no_report")
    assert answer.code == 0, answer.err
    assert "4 trials, 2 of them done" in answer.out
    sweep = open_sweep(folder / "sweeps" / "tiny")
    trials = sweep.trials()
    assert sorted(t.run for t in trials) == [
        "ac_relu_lr_0.01",
        "ac_relu_lr_1e-05",
        "ac_tanh_lr_0.01",
        "ac_tanh_lr_1e-05",
    ]
    for trial in trials:
        config = sweep.run(trial).config
        assert (config.activation, config.learning_rate) == (trial.values["activation"], trial.values["learning_rate"])
        assert {name: getattr(config, name) for name in BASE if name not in trial.values} == {
            name: value for name, value in BASE.items() if name not in trial.values
        }
        assert config.wandb_group == "tiny"
    refused = call(capsys, f"sweep sweep.yaml {FLAGS} --loss mse --name tiny --resume")
    assert refused.code == 2
    assert "begun with other settings" in refused.err


@pytest.mark.slow
def test_the_course_s_front_door_runs_the_course_s_sweep(folder, capsys):
    answer = call(
        capsys, "train.py --mode sweep --count 2 --dataset digits -e 1 -sz 8 --no_wandb --seeds 2 --no_report"
    )
    assert answer.code == 0, answer.err
    assert "sweep da6401: bayes, 4 trials, 2 seeds each, in sweeps/da6401" in answer.out
    sweep = open_sweep(folder / "sweeps" / "da6401")
    assert {trial.seed for trial in sweep.trials()} == {0, 1}
    assert {sweep.run(trial).config.hidden_size for trial in sweep.trials()} == {8}
    assert set(sweep.definition.varying) == {
        *("num_layers", "weight_decay", "learning_rate", "optimizer", "batch_size", "weight_init", "activation")
    }


def test_what_a_sweep_does_not_write_is_said(folder, capsys):
    answer = call(capsys, "train.py --mode sweep --dry_run --dataset digits --no_wandb --model_save_path best.npz")
    assert "no effect here: model_save_path (mode sweep)" in answer.out + answer.err
    (command,) = [line for line in answer.out.splitlines() if line.startswith("$ handgrad train")]
    assert len(command) > 80  # and still in one line, to be copied
    assert "\n\n" in answer.out.partition(command)[2][:2]


def test_a_dry_run_says_what_a_sweep_lacks(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    answer = call(capsys, f"sweep sweep.yaml --dry_run --method bayes --storage nonsense {FLAGS}")
    assert answer.code == 2
    words = " ".join(answer.out.split())
    assert "method bayes needs optuna" in words
    assert "storage must be sqlite" in words


@pytest.mark.slow
def test_two_drivers_of_one_file_are_one_too_many(folder, capsys, make_sweep):
    sweep = make_sweep()
    with open_storage(sweep.storage_url):
        answer = call(capsys, "sweep resume", sweep.path)
    assert answer.code == 4
    assert "is in use: another process drives this sweep" in answer.err


REFUSED = {
    "sweep resume": "give the name or the folder of a sweep",
    "sweep resume nowhere": "no sweep in sweeps/nowhere",
    "sweep sweep.yaml --storage mysql://here": "storage must be",
    "sweep sweep.yaml --storage nonsense": "storage must be",
    "sweep sweep.yaml --jobs 0": "jobs",
    "sweep sweep.yaml --hours -1": "hours",
    "sweep sweep.yaml --method guess": "method",
    "sweep sweep.yaml --dataset nowhere --jobs 1": "nowhere",
}


@pytest.mark.parametrize("words", REFUSED)
def test_mistakes_are_told_in_a_line(folder, capsys, words):
    answer = call(capsys, words)
    assert answer.code in (2, 4)
    assert answer.err.count("\n") == 1
    assert REFUSED[words] in answer.err


@pytest.mark.slow
def test_only_what_learns_from_results_needs_optuna(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    for method in ("random", "grid"):
        answer = call(capsys, f"sweep sweep.yaml --method {method} --name {method} {FLAGS} --no_report")
        assert (answer.code, answer.err) == (0, "")
    for method in ("bayes", "gp"):
        answer = call(capsys, f"sweep sweep.yaml --method {method} --name {method} {FLAGS}")
        assert answer.code == 2
        assert answer.err == (
            f"handgrad: error: method {method} needs optuna: {how_to_install('sweep')}. "
            "random and grid do not need it\n"
        )
    assert sorted(path.name for path in (folder / "sweeps").iterdir()) == ["grid", "random"]


def test_help_fits_a_terminal(capsys):
    answer = call(capsys, "sweep --help")
    assert answer.code == 0
    assert "handgrad sweep resume first --trials 40" in answer.out
    assert all(len(line) <= 80 for line in answer.out.splitlines())
