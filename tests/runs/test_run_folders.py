"""What a run leaves in its folder, how folders are named, and who may write to them."""

import contextlib
import fcntl
import json
import subprocess
import sys

import numpy as np
import pytest
from tests.commands import process

from handgrad.config import RunConfig
from handgrad.data import load, split
from handgrad.errors import CorruptDataError, FileSystemError, UsageError
from handgrad.run_folder import differing_settings
from handgrad.runs import create_run, execution, list_runs, open_run, resume


def accuracy_and_loss(network, images, labels):
    """The oracle: means over the images of right answers and of -log p, one by one."""
    probabilities = network.predict_proba(images).astype(float)
    right = sum(int(np.argmax(p)) == label for p, label in zip(probabilities, labels, strict=True))
    losses = [-np.log(p[label]) for p, label in zip(probabilities, labels, strict=True)]
    return right / len(labels), sum(losses) / len(labels)


def test_what_is_in_the_folder(start):
    run = start()
    files = {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}
    assert files == {
        ".lock",
        "config.yaml",
        "history.jsonl",
        "log.txt",
        "metrics.json",
        "model.safetensors",
        "run.json",
    }


def test_the_first_epochs_network_is_kept_where_training_it_again_takes_long(start, monkeypatch):
    again, alone = start(), start(epochs=1, keep="last")
    monkeypatch.setattr(execution, "SOON", 0.0)
    kept = start()
    assert [run.first_epoch_file.exists() for run in (again, kept, alone)] == [False, True, False]
    assert execution.first_epoch_network(again, load("digits")) is None, "trained again, however long it takes"
    monkeypatch.setattr(execution, "SOON", 60.0)
    for run in (again, kept):
        found = execution.first_epoch_network(run, load("digits"))
        np.testing.assert_array_equal(found.parameters, alone.load_model().parameters)
        np.testing.assert_array_equal(found.buffers, alone.load_model().buffers)
    assert execution.first_epoch_network(alone, load("digits")) is None


def test_metrics(start, make_config):
    run, config, digits = start(), make_config(), load("digits")
    metrics = json.loads(run.metrics_file.read_text())
    parts = split(digits, config.validation_fraction, config.seed)
    images = {
        "test": (digits.x_test, digits.y_test),
        "train": (parts.x[parts.train_rows], parts.y[parts.train_rows]),
        "validation": (parts.x[parts.validation_rows], parts.y[parts.validation_rows]),
    }
    network = run.load_model()
    for part, (x, y) in images.items():
        assert set(metrics[part]) == {"accuracy", "loss", "balanced_accuracy", "macro_f1"}
        accuracy, loss = accuracy_and_loss(network, x, y)
        assert metrics[part]["accuracy"] == pytest.approx(accuracy, abs=1e-12)
        assert metrics[part]["loss"] == pytest.approx(loss, rel=1e-5)
    assert metrics["parameters"] == 64 * 16 + 16 + 16 * 10 + 10
    assert metrics["config"] == json.loads(json.dumps(config.to_mapping()))
    assert metrics["stopped"] == "finished"
    assert metrics["steps"] == 3 * 41


def test_epochs(start):
    run = start()
    epochs, history = run.metrics["epochs"], run.read_history()
    expected = {"epoch", "step", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"}
    expected |= {"learning_rate", "seconds", "validation_balanced_accuracy", "validation_macro_f1"}
    assert [set(epoch) for epoch in epochs] == [expected] * 3
    assert [(epoch["epoch"], epoch["step"], epoch["learning_rate"]) for epoch in epochs] == [
        (1, 41, 0.003), (2, 82, 0.003), (3, 123, 0.003),
    ]  # fmt: skip
    # 1294 training images: 40 batches of 32 and one of 14
    sizes = [32] * 40 + [14]
    for number, epoch in enumerate(epochs):
        losses, correct = (part[41 * number :][:41] for part in (history.losses, history.correct))
        mean = sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / 1294
        assert epoch["train_loss"] == pytest.approx(mean, rel=1e-12)
        assert epoch["train_accuracy"] == sum(correct) / 1294
    best = max(epochs, key=lambda epoch: epoch["validation_accuracy"])
    assert run.metrics["best_epoch"] == best["epoch"]
    assert run.metrics["validation"]["accuracy"] == best["validation_accuracy"]
    assert sum(epoch["seconds"] for epoch in epochs) == pytest.approx(run.metrics["seconds"], abs=1e-5)


def test_history_config_facts_and_log(start, make_config):
    changes = {"evaluate_every": 50, "log_every": 60, "name": "mine"}
    run, config = start(**changes), make_config(**changes)
    records = [json.loads(line) for line in run.history_file.read_text().splitlines()]
    assert sum(len(record.get("losses", [])) for record in records) == 123
    assert [record["evaluation"]["step"] for record in records if "evaluation" in record] == [50, 100]
    assert sorted(run.read_history().gradient_norms) == [60, 120]
    assert run.config == RunConfig.from_yaml(run.config_file) == config
    assert run.facts["command"] == config.command()
    assert run.facts["data"] == load("digits").fingerprint
    assert {"handgrad", "python", "numpy", "numba", "processor"} <= set(run.facts["environment"])
    log = run.log_file.read_text()
    for part in ("training from step 0 of 123, 1210 parameters", "epoch 3", "finished at step 123"):
        assert part in log


@pytest.mark.slow
def test_the_same_in_another_process(start, same_end, tmp_path):
    here = start(dropout=0.2, noise=0.1, batch_norm=True, name="here")
    words = here.config.replaced(name="there").command().split()[1:]
    assert process(" ".join(words), cwd=tmp_path).code == 0
    assert same_end(here, open_run(here.path.parent / "there"))


def test_another_seed_ends_otherwise(start, same_end):
    assert not same_end(start(name="one"), start(name="two", seed=1))


def test_names_of_their_own_are_numbered(start, make_config):
    names = [start(epochs=1).name for _ in range(3)]
    first = make_config(epochs=1).auto_name()
    assert names == [first, f"{first}-2", f"{first}-3"]


def test_a_given_name_is_taken_once(start):
    run = start(name="mine", epochs=1)
    before = run.metrics_file.read_bytes()
    with pytest.raises(UsageError, match="mine exists: choose another --name, or `handgrad resume"):
        start(name="mine", epochs=1)
    assert run.metrics_file.read_bytes() == before


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", "é" * 101])
def test_impossible_names(tmp_path, name):
    with pytest.raises(UsageError, match=r"one file name of at most 200 bytes.*\(--name\)"):
        create_run(tmp_path, name, numbered=False)
    assert list(tmp_path.iterdir()) == []


def test_the_home_folder_is_not_a_folder_called_tilde(start, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert start(runs_dir="~/mine", epochs=1).path.parent == tmp_path / "mine"


def test_runs_are_listed_oldest_first(start, tmp_path):
    names = [start(name=name, epochs=1).name for name in ("b", "a")]
    (tmp_path / "runs" / "no-run").mkdir()
    assert [run.name for run in list_runs(tmp_path / "runs")] == names
    assert list_runs(tmp_path / "nowhere") == []


def test_a_complete_run_is_left_alone(start, go_on):
    run = start()
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*.*")}
    go_on(run)
    after = {path: path.stat().st_mtime_ns for path in run.path.rglob("*.*")}
    assert {path for path in before if before[path] != after[path]} <= {run.path / ".lock"}


def test_a_complete_run_without_its_model_gets_it_again(start, go_on):
    run = start()
    model = run.model_file.read_bytes()
    run.model_file.unlink()
    assert go_on(run).model_file.read_bytes() == model


def test_other_data_than_the_run_began_with(start, tmp_path):
    generator = np.random.default_rng(0)
    arrays = {"x": generator.integers(0, 256, (60, 8, 8), np.uint8), "y": np.arange(60) % 3}
    np.savez(tmp_path / "my.npz", **arrays)
    run = start(stop_at=1, dataset=str(tmp_path / "my.npz"))
    arrays["x"][0, 0, 0] ^= 1
    np.savez(tmp_path / "my.npz", **arrays)
    before = run.history_file.read_bytes()
    with pytest.raises(CorruptDataError, match=r"my.npz is not the one that .* began with: restore it to resume"):
        resume(run.path)
    assert run.history_file.read_bytes() == before


@contextlib.contextmanager
def locked_elsewhere(path):
    """Another process holds the lock of a run."""
    code = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); input()"
    words = [sys.executable, "-c", code, str(path / ".lock")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "1\n"
        yield
        other.communicate("\n")


def test_a_run_in_use_by_another_process(start):
    run = start(stop_at=41)
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    with locked_elsewhere(run.path), pytest.raises(FileSystemError, match="is in use by another process"):
        resume(run.path)
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before
    with (run.path / ".lock").open("w") as file:  # nothing holds it now
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert resume(run.path).metrics["stopped"] == "finished"


def test_what_killed_writers_left_is_swept(start, go_on):
    run = start(stop_at=41)
    left = [folder / ".handgrad-partial-abc" for folder in (run.path, run.checkpoints)]
    for path in left:
        path.write_bytes(b"half")
    go_on(run)
    assert not any(path.exists() for path in left)


def test_a_setting_that_older_runs_lack_is_no_difference():
    facts = [{"config": {"epochs": 2, "new": 0}}, {"config": {"epochs": 3, "new": 0}}, {"config": {"epochs": 2}}]
    assert differing_settings(facts) == [{"epochs": 2}, {"epochs": 3}, {"epochs": 2}]
    facts[0]["config"]["new"] = 1
    assert [each["new"] for each in differing_settings(facts)] == [1, 0, None]
