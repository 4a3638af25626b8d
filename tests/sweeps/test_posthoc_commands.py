"""`handgrad sweep test`, `ensemble` and `transfer`, and a sweep called from Python."""

import json
import shutil

import numpy as np
import pytest
from tests.commands import call

import handgrad
from handgrad.config import RunConfig
from handgrad.data import load
from handgrad.errors import UsageError
from handgrad.runs import prepare
from handgrad.runs.executor.worker import warm_up
from handgrad.sweeps.database import open_storage
from handgrad.sweeps.posthoc.test import read_chosen

SPACE = {"method": "grid", "parameters": {"act": {"values": ["ReLU", "tanh"]}, "lr": {"values": [0.01, 0.001]}}}


def fits(out):
    return max(map(len, out.splitlines())) <= 80


def test_the_test_accuracy_of_the_best(sweep, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    answer = call(capsys, "sweep test first --top 2")
    assert (answer.code, answer.err) == (0, "")
    best = sweep.best()
    record = json.loads((sweep.path / "chosen.json").read_text())["configurations"][0]
    assert f"- trial {best.number}: {best.run}\n" in answer.out
    assert f"{100 * best.objective:.2f}   {100 * record['test_accuracy']:.2f}" in answer.out
    assert "- 2 configurations were looked at on the test images: sweeps/first/chosen.json\n" in answer.out
    assert fits(answer.out)
    again = call(capsys, "sweep test first")
    assert "- 2 configurations were looked at on the test images, all of them before:" in again.out


def test_an_ensemble(sweep, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shutil.rmtree(sweep.run(sweep.best()).path)
    answer = call(capsys, "sweep ensemble first --top 4 --select greedy")
    assert (answer.code, answer.err) == (0, "")
    kept = json.loads((sweep.path / "ensemble" / "greedy_4.json").read_text())
    assert f"ensemble  {100 * kept['validation_accuracy']['mean']:12.2f}".replace(" ", "") in answer.out.replace(
        " ", ""
    )
    assert "it ran on another machine, so it is trained again" in answer.out
    assert f"against trial {sweep.best().number}, its best member by validation:" in answer.out
    assert fits("\n".join(line for line in answer.out.splitlines() if "trained again" not in line))


@pytest.mark.slow
def test_a_transfer(sweep, negatives, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    answer = call(capsys, f"sweep transfer first --dataset {negatives} --top 2 --jobs 1")
    assert (answer.code, answer.err) == (0, "")
    assert f"on {negatives}: 2 runs, in sweeps/first/transfer/negatives" in answer.out
    assert "2 of 12 configurations of first" in answer.out
    assert "A against B: " in answer.out
    page = (sweep.path / "transfer" / "negatives" / "transfer.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith("| A |")]
    assert all(cell in answer.out for cell in row.strip("| ").split(" | "))
    assert "2 runs, 2 of them done" in call(capsys, f"sweep transfer first --dataset {negatives} --top 2").out


def test_the_configuration_of_a_certain_trial(sweep, capsys):
    answer = call(capsys, "sweep test first --trial 4")
    assert (answer.code, answer.err) == (0, "")
    assert [record["trial"] for record in read_chosen(sweep)] == [4]


def test_workers_do_not_wait_for_a_network_that_does_not_fit(here):
    """What is prepared for is drawn from the space, and need not be among what goes over to other data."""
    digits = load("digits")
    parts = {"x_test": digits.x_test[:, :3, :3], "y_train": digits.y_train, "y_test": digits.y_test}
    np.savez(here / "corners.npz", x_train=digits.x_train[:, :3, :3], **parts)
    config = RunConfig(dataset="corners.npz", layers=["max_pool2d:4", "flatten", "dense:10"])
    with pytest.raises(UsageError, match="does not fit"):
        prepare(config, load("corners.npz"))
    warm_up([config.to_mapping()])


REFUSED = {
    "test first --trial 12": (2, "trial 12 has no result; the best is trial "),
    "test frist": (4, "no sweep in sweeps/frist: did you mean first? There is: first"),
    "ensemble frist": (4, "no sweep in sweeps/frist: did you mean first? There is: first"),
    "test first --top 13": (2, "top must be at most 12, the configurations with a result, got 13 (--top)"),
    "ensemble first --top 1": (2, "top must be"),
    "ensemble first --select best": (2, "select must be one of all, greedy, got 'best'"),
    "test first --lr 0.1": (2, "a sweep keeps the settings it was started with: leave --learning_rate out"),
    "transfer first": (2, "to which data set? Give --dataset"),
    "transfer first --dataset digits": (2, "digits is what sweeps/first was run on: name another data set (--dataset)"),
    "transfer first --dataset mnist --lr 0.1": (2, "learning_rate is what the sweep varied: leave --learning_rate out"),
    "transfer first --dataset nowhere.npz": (2, "nowhere.npz"),
    "transfer first --dataset mnist --top 13": (2, "top must be at most 12"),
}


@pytest.mark.parametrize("words", REFUSED)
def test_mistakes_are_told_in_a_line(sweep, capsys, words):
    code, out, err = call(capsys, f"sweep {words}")
    expected, reason = REFUSED[words]
    assert (code, out, err.count("\n")) == (expected, "", 1)
    assert reason in err


@pytest.mark.parametrize("words", ["test first", "ensemble first", "transfer first --dataset mnist"])
def test_a_sweep_that_still_runs_is_left_alone(sweep, capsys, words):
    with open_storage(sweep.storage_url):
        code, _, err = call(capsys, f"sweep {words}")
    assert code == 4
    assert err == "handgrad: error: sweeps/first is still running: wait for its end, or stop it with Ctrl-C\n"


@pytest.mark.parametrize("words", ["test empty", "ensemble empty", "transfer empty --dataset mnist"])
def test_a_sweep_without_a_result(here, make_sweep, capsys, words):
    make_sweep(name="empty")
    code, _, err = call(capsys, f"sweep {words}")
    assert code == 2
    assert "sweeps/empty has no finished trial yet: go on with `handgrad sweep resume sweeps/empty`" in err


@pytest.mark.slow
def test_a_sweep_from_python(here):
    settings = {"dataset": "digits", "nhl": 1, "sz": 16, "e": 1, "batch_norm": False}
    sweep = handgrad.sweep(SPACE, trials=3, jobs=2, name="mine", **settings)
    assert (sweep.name, len(sweep.trials()), sweep.path.parts) == ("mine", 3, ("sweeps", "mine"))
    best = sweep.best()
    assert best.objective == max(trial.objective for trial in sweep.trials())
    config = sweep.run(best).config
    assert config.activation == best.values["activation"]
    assert (config.num_layers, config.hidden_size, config.epochs) == (1, 16, 1)
    on = handgrad.sweep(SPACE, 4, name="mine", resume=True, **settings)
    assert on.trials()[:3] == sweep.trials()[:3]
    assert len(on.trials()) == 4


def test_a_sweep_from_python_is_refused_as_one_from_a_file():
    with pytest.raises(UsageError, match="the worst networks would win"):
        handgrad.sweep({**SPACE, "metric": {"name": "val_loss", "goal": "maximize"}}, dataset="digits")
    with pytest.raises(UsageError, match="this sweep has no limit"):
        handgrad.sweep({"method": "random", "parameters": {"lr": {"min": 0.001, "max": 0.01}}}, dataset="digits")
    with pytest.raises(UsageError, match="unknown setting epoks"):
        handgrad.sweep(SPACE, epoks=3)
