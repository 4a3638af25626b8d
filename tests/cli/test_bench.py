"""`handgrad bench`: the training steps of one's own configuration, timed here and in PyTorch."""

import time

import numpy as np
import pytest
from tests.commands import call

from handgrad.cli import bench
from handgrad.config import RunConfig, build_dataset
from handgrad.runs import prepare
from handgrad.training import Trainer

SETTINGS = {"dataset": "digits", "dtype": "float64", "dropout": 0, "hidden_size": 8, "batch_size": 16}
TRAININGS = {
    "adam": {"optimizer": "adam", "activation": "tanh"},
    "weights decay": {"optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 0.1},
    "gradients are clipped": {"optimizer": "momentum", "learning_rate": 0.1, "clip_norm": 0.01, "schedule": "cosine"},
    "foreach": {"optimizer": "nadam", "batch_norm": False, "loss": "squared_error"},
}


def trainer_of(config: RunConfig) -> Trainer:
    return Trainer(*prepare(config, build_dataset(config)))


@pytest.mark.parametrize("given", TRAININGS.values(), ids=TRAININGS)
def test_pytorch_does_the_same_training(given, torch, monkeypatch):
    config, models, original = RunConfig(**SETTINGS, **given), [], bench.to_torch
    monkeypatch.setattr(bench, "to_torch", lambda network: models.append(original(network)) or models[-1])
    ours = trainer_of(config)
    before = ours.network.parameters.copy()
    try:
        assert bench.ordinary_pytorch(trainer_of(config), threads=1)(20) > 0
    finally:
        torch.set_flush_denormal(False)
    ours.step = 0
    ours._train(ours.batches(0), 0, 20)
    assert np.abs(ours.network.parameters - before).max() > 1e-4
    theirs = dict(models[0].named_parameters())
    for name, parameter in original(ours.network).named_parameters():
        np.testing.assert_allclose(theirs[name].detach(), parameter.detach(), rtol=1e-7, atol=1e-9)


def test_numbers_of_one_process(monkeypatch):
    monkeypatch.setattr(bench, "TIMED_SECONDS", 0.01)
    found = bench.timed("handgrad", RunConfig(**SETTINGS).to_mapping(), time.monotonic() - 100)
    assert 1e-7 < found["seconds"] < 1
    assert 100 < found["first"] < 200
    assert found["bytes"] > 10_000_000


def test_a_step_is_timed_after_warming_up():
    """Calls of 1, 2, 4, … of 100 steps cost 1 ms a step and the first ten 1 s more: 1 ms remains."""
    calls = []

    def time_steps(steps):
        calls.append(steps)
        return steps * 1e-3 + (0.1 if len(calls) <= 5 else 0.0)

    assert bench.step_seconds(time_steps, 100) == pytest.approx(1e-3)
    assert calls[:5] == [1, 2, 4, 8, 16]
    assert set(calls[8:]) == {100}


ONCE = {
    "handgrad": {"seconds": 1e-3, "first": 0.5, "bytes": 200e6},
    "torch": {"seconds": 3e-3, "first": 2, "bytes": 4e8},
}


def test_table_and_turns(monkeypatch, capsys, torch):
    tasks = []
    monkeypatch.setattr(bench, "_once", lambda task: tasks.append(task["engine"]) or ONCE[task["engine"]])
    monkeypatch.setattr(bench, "available_cores", lambda: (0, 1))
    said = call(capsys, "bench --dataset digits --batch_size 64 --rounds 2 --backend handgrad").out
    assert tasks == ["handgrad", "torch", "torch"] * 2
    rows = {line.strip()[:8]: line.split() for line in said.splitlines()}
    # 1294 images in 21 steps of 1 ms: 61,619 a second
    assert rows["handgrad"][1:] == ["1000", "61,619", "0.02", "0.5", "200", "1.00"]
    assert rows["PyTorch,"][-1] == "3.00"
    assert "1,294 training images, 21 steps an epoch, each of 64 images" in said
    assert "no effect here: backend" in said
    assert max(map(len, said.splitlines())) <= 100


def test_without_pytorch_its_absence_is_said(monkeypatch, capsys):
    monkeypatch.setattr(bench, "find_spec", lambda name: None)
    monkeypatch.setattr(bench, "_once", lambda task: ONCE[task["engine"]])
    said = call(capsys, "bench --dataset digits --rounds 1").out
    assert "PyTorch is not installed, so only handgrad is timed" in said


def test_what_pytorch_lacks_is_left_out(monkeypatch, capsys):
    answers = {"handgrad": ONCE["handgrad"], "torch": {"skipped": "no eve"}}
    monkeypatch.setattr(bench, "find_spec", lambda name: name)
    asked = []
    monkeypatch.setattr(bench, "_once", lambda task: asked.append(task["engine"]) or answers[task["engine"]])
    said = call(capsys, "bench --dataset digits --optimizer eve --shift 1 --rounds 3").out
    assert "1 core left out: no eve" in said
    assert asked.count("handgrad") == 3
    assert asked.count("torch") == len({1, len(bench.available_cores())}), "once for each number of cores"
    assert "PyTorch trains without the augmentation" in said


@pytest.mark.slow
def test_a_process_that_fails_is_one_line(capsys):
    config = RunConfig(**SETTINGS).to_mapping() | {"dataset": "nothing-here"}
    with pytest.raises(bench.HandgradError, match=r"the process that timed handgrad failed: .*nothing-here"):
        bench._once({"engine": "handgrad", "config": config})


@pytest.mark.parametrize(("given", "lacking"), [({"optimizer": "eve"}, "optimizer eve"), ({"l1": 0.1}, "L1 penalty")])
def test_what_pytorch_has_not_is_a_reason(given, lacking, torch):
    try:
        found = bench.timed("torch", RunConfig(**SETTINGS, **given).to_mapping(), time.monotonic())
    finally:
        torch.set_flush_denormal(False)
    assert found == {"skipped": f"PyTorch has no {lacking}"}


@pytest.mark.parametrize(("words", "said"), [("--model knn", "no training steps"), ("--rounds 0", "rounds")])
def test_wrong_is_one_line(words, said, capsys):
    answer = call(capsys, f"bench --dataset digits {words}")
    assert answer.code == 2
    assert said in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.slow
def test_for_real(capsys, torch, monkeypatch):
    monkeypatch.setattr(bench, "available_cores", lambda: (0,))
    said = call(capsys, "bench --dataset digits --rounds 1").out
    assert len([line for line in said.splitlines() if line.strip().startswith(("handgrad", "PyTorch"))]) >= 2
