"""Sweeps against each other: equal configurations, equal work, who is skipped, and what the numbers are made of."""

import json
import multiprocessing
import time

import numpy as np
import pytest
from tests.processes import kill, wait_for
from tests.slow import quick

from benchmarks import results, sweep_race, sweepers
from benchmarks.__main__ import main
from benchmarks.processes import share, tree, watched
from benchmarks.sweep_race import Options, in_torch, prepared, row, summarise
from benchmarks.sweepers import SWEEPERS, Job, read_job, sweep, sweep_with_handgrad, write_job
from handgrad.config import RunConfig, build_dataset
from handgrad.sweeps import SweepDefinition

TRIAL = Options(configurations=3, epochs=2, dataset="digits")


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Three configurations on the digits; handgrad's sweep of them is made in its folder."""
    return prepared(TRIAL, tmp_path_factory.mktemp("job"))


@pytest.mark.slow
def test_handgrad_sweeps_what_the_others_are_given(job):
    swept = sweep_with_handgrad(job)
    assert [trial.number for trial in swept] == [0, 1, 2]
    assert all(len(trial.accuracies) == 2 and trial.stepped <= trial.over for trial in swept)
    definition = SweepDefinition.from_mapping(job.definition)
    runs = [RunConfig.from_yaml(path) for path in job.folder.glob("sweep/runs/*/config.yaml")]
    trained = sorted(json.dumps(in_torch(run, build_dataset(run))) for run in runs)
    assert trained == sorted(map(json.dumps, job.trials))
    assert definition.constants["epochs"] == 2


def test_images_are_those_of_handgrad_s_split(job):
    arrays = {part: np.load(job.images / f"{part}.npy") for part in ("x_train", "y_train", "x_validation")}
    assert arrays["x_train"].dtype == np.float32
    assert 0 <= arrays["x_train"].min() < arrays["x_train"].max() <= 1
    assert len(arrays["x_train"]) == len(arrays["y_train"]) > 8 * len(arrays["x_validation"])


def test_fewer_images(tmp_path):
    made = prepared(Options(configurations=1, images=500, dataset="digits"), tmp_path)
    assert len(np.load(tmp_path / "y_train.npy")) == pytest.approx(500, abs=10)
    assert made.base["train_fraction"] < 1


@pytest.mark.parametrize("optimizer", quick(["sgd", "momentum", "nag", "rmsprop", "adam", "nadam"], ["nag", "nadam"]))
def test_pytorch_learns_from_the_same_words(torch, optimizer, job):
    from benchmarks.torch_sweeps import read, train

    config = RunConfig(
        dataset="digits", optimizer=optimizer, learning_rate=0.1 if optimizer in ("sgd", "momentum", "nag") else 0.003,
        num_layers=1, hidden_size=32, activation="tanh", weight_init="xavier", batch_size=16, epochs=4,
        weight_decay=0.0005, schedule="constant", batch_norm=False, dropout=0,
    )  # fmt: skip
    heard = []
    trained = train(in_torch(config, build_dataset(config)), read(job.images), heard.append)
    assert heard == trained["accuracies"]
    assert trained["accuracies"][-1] > 0.85
    assert trained["stepped"] <= trained["over"]


def test_weights_decay_and_biases_do_not(torch):
    from benchmarks.torch_sweeps import build_optimizer, network

    config = RunConfig(dataset="digits", optimizer="sgd", learning_rate=0.5, num_layers=1, hidden_size=4)
    words = in_torch(config.replaced(weight_decay=0.1, weight_init="random"), build_dataset(config))
    model = network(words)
    weight, bias = model[0].weight, model[0].bias
    with torch.no_grad():
        weight.fill_(1.0), bias.fill_(1.0)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    build_optimizer(model, words).step()
    assert float(weight.detach()[0, 0]) == pytest.approx(1 - 0.5 * 0.1)
    assert float(bias.detach()[0]) == 1


@pytest.mark.parametrize("name", [name for name, entry in SWEEPERS.items() if entry.packages])
def test_who_is_not_installed_is_named(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sweepers, "find_spec", lambda package: None)
    assert sweep(name, str(tmp_path))["skipped"].startswith("not installed: python -m pip install")


def test_job_is_read_as_written(tmp_path):
    job = Job(2, tmp_path, {"method": "random"}, {"seed": 1}, [{"lr": 0.1}], tmp_path / "images")
    write_job(job)
    assert read_job(tmp_path) == job


def made_up(per_hour, *accuracies):
    one = {"seconds": 9.0, "first_step_seconds": 1.0, "between_seconds": 0.02, "longest_between_seconds": 0.1}
    return one | {"trials_per_hour": per_hour, "peak_bytes": None, "accuracies": [[a, a - 0.1] for a in accuracies]}


def test_summary_of_rounds():
    """Ours 900 and 1100 an hour, theirs 100: ten times as many. Their best are 0.4 and 0.8 points lower."""
    found = {
        "handgrad": {"rounds": [made_up(900.0, 0.8, 0.6), made_up(1100.0, 0.8, 0.6)]},
        "optuna": {"rounds": [made_up(100.0, 0.796, 0.592)]},
        "ray": {"skipped": "not installed"},
    }
    summary = summarise(found)
    assert set(summary) == {"handgrad", "optuna"}
    assert summary["handgrad"]["ratio"] == 1
    assert summary["handgrad"]["drift"] == pytest.approx(11 / 9)
    assert summary["optuna"]["ratio"] == 10
    assert summary["optuna"]["apart"] == pytest.approx(-0.006)
    assert summary["optuna"]["equal_accuracy"] is False
    assert row([made_up(100.0, 0.5)], [])["ratio"] is None


def test_everyone_has_a_turn_and_handgrad_two(monkeypatch):
    turns = []

    def once(name, job, folder):
        turns.append((name, len(job.trials)))
        return {"skipped": "no"} if name == "ray" else made_up(100.0, 0.5)

    monkeypatch.setattr(sweep_race, "_once", once)
    found = sweep_race.sweep_race(Options(configurations=3, dataset="digits", rounds=2), lambda text: None)
    assert turns == [
        *[("handgrad", 2), ("handgrad", 3), ("optuna", 3), ("ray", 3), ("handgrad", 3)],
        *[("handgrad", 3), ("optuna", 3), ("handgrad", 3)],
    ]
    assert found["sweepers"]["ray"] == {"skipped": "no"}
    assert len(found["sweepers"]["handgrad"]["rounds"]) == 4


def hold(megabytes):
    block = bytearray(megabytes << 20)
    for _ in range(600):
        block[::4096] = b"x" * len(block[::4096])  # again and again: some systems take memory back that nobody uses
        time.sleep(0.1)


def test_memory_of_a_tree_counts_children():
    context = multiprocessing.get_context("fork")
    parent = context.Process(target=nested, args=(context,))
    parent.start()
    try:
        with watched(parent.pid) as peak:
            wait_for(lambda: sum(share(pid) for pid in tree(parent.pid)) > 120 << 20, "two blocks of 60 MB")
            wait_for(lambda: peak.bytes and peak.bytes > 120 << 20, "that they are seen")
    finally:
        for pid in list(tree(parent.pid))[1:]:
            kill(pid)
        parent.kill()
        parent.join()


def nested(context):
    context.Process(target=hold, args=(60,)).start()
    hold(60)


@pytest.mark.slow
def test_whole_race(here, capsys, torch):
    """Everyone who is installed, on digits."""
    path = here / "results.json"
    sizes = "--configurations 4 --epochs 3 --dataset digits"
    assert main(["--sweep", *sizes.split(), "--json", str(path)]) == 0
    out = capsys.readouterr().out
    assert "trials/h" in out
    race = results.read(path)["sweep"]
    for name, result in race["sweepers"].items():
        if result.get("skipped", "").startswith("not installed"):
            continue
        assert len(result["rounds"]) == (2 if name == "handgrad" else 1), result
        for one in result["rounds"]:
            assert [len(accuracies) for accuracies in one["accuracies"]] == [3] * 4
            assert 0 < one["first_step_seconds"] < one["seconds"]
            assert 0 <= one["between_seconds"] <= one["longest_between_seconds"]
    assert main(["--table", str(path)]) == 0
    assert "| handgrad |" in capsys.readouterr().out
