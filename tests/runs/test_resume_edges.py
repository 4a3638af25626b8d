"""Runs that ended at an awkward moment, and files that came out of it torn or old."""

import logging

import numpy as np
import pytest
from tests.malformed import cut, rewritten
from tests.slow import quick

from handgrad.errors import CorruptDataError
from handgrad.runs import open_run
from handgrad.training.models import save_weights


@pytest.fixture
def whole(start_once):
    """The run that nothing happened to."""
    return start_once("whole", dropout=0.2, evaluate_every=13)


@pytest.fixture
def stopped(start_once):
    """The same one, stopped in its second epoch with two checkpoints behind it."""
    return start_once("stopped", stop_at=60, dropout=0.2, evaluate_every=13, checkpoint_seconds=0)


def newest(run):
    return max(run.checkpoints.glob("step-*"))


def test_stopped_and_resumed_once_more_and_once_more(whole, stopped, go_on, same_end):
    assert stopped.metrics["stopped"] == "interrupted"
    assert same_end(go_on(go_on(stopped, stop_at=90)), whole)


def tear_last_line(run):
    run.history_file.write_bytes(run.history_file.read_bytes() + b'{"first": 99, "los')


def tear_half(run):
    run.history_file.write_bytes(cut(run.history_file.read_bytes()))


def binary_history(run):
    run.history_file.write_bytes(run.history_file.read_bytes() + b"\xff\xfe\x00" * 9 + b"\n[1]\n7\n" + b"[" * 99_999)


def no_history(run):
    run.history_file.unlink()


def torn_checkpoint(run):
    newest(run).write_bytes(cut(newest(run).read_bytes()))


def no_newest_checkpoint(run):
    newest(run).unlink()


def no_sound_checkpoint(run):
    for path in run.checkpoints.glob("step-*"):
        path.write_bytes(b"\x80\x04K\x01.")


def nothing_but_config(run):
    for path in (*run.checkpoints.iterdir(), *run.path.iterdir()):
        if path.is_file() and path != run.config_file:
            path.unlink()
    run.checkpoints.rmdir()


HARMS = [
    tear_last_line,
    tear_half,
    binary_history,
    no_history,
    torn_checkpoint,
    no_newest_checkpoint,
    no_sound_checkpoint,
    nothing_but_config,
]


@pytest.mark.parametrize("harm", HARMS, ids=lambda function: function.__name__)
def test_harm_costs_steps_and_not_the_result(whole, stopped, go_on, same_end, harm):
    harm(stopped)
    assert same_end(go_on(stopped), whole)


def test_harm_is_told(stopped, go_on, caplog):
    tear_last_line(stopped)
    torn_checkpoint(stopped)
    name = newest(stopped).name
    with caplog.at_level(logging.WARNING, logger="handgrad"):
        go_on(stopped)
    first, second = (record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
    assert "history.jsonl: line" in first
    assert "is torn" in first
    assert name in second
    assert name in stopped.log_file.read_text() or "training from step" in stopped.log_file.read_text()


def test_a_checkpoint_of_a_newer_version_is_not_thrown_away(stopped, go_on):
    path = newest(stopped)
    path.write_bytes(rewritten("checkpoint", format=2)(path.read_bytes()))
    before = {each: each.read_bytes() for each in (path, stopped.history_file)}
    with pytest.raises(CorruptDataError, match=f"{path.name} has format 2, this version reads 1: update handgrad"):
        go_on(stopped)
    assert {each: each.read_bytes() for each in before} == before


def test_a_checkpoint_of_another_network_is_left_out(whole, stopped, start, go_on, same_end):
    other = start(name="other", stop_at=60, hidden_size=8)
    newest(stopped).write_bytes(newest(other).read_bytes())
    assert same_end(go_on(stopped), whole)


def test_killed_between_the_last_epoch_and_the_last_words(start, go_on, same_end):
    """The last checkpoint is there, metrics and model are not: neither an epoch more nor one less."""
    changes = {"learning_rate": 1e-12, "patience": 2, "epochs": 50}
    one, two = start(name="one", **changes), start(name="two", **changes)
    two.metrics_file.unlink()
    two.model_file.unlink()
    assert same_end(go_on(two), one)


def test_interrupted_in_the_moment_patience_ends(start, go_on, same_end):
    changes = {"learning_rate": 1e-12, "patience": 2, "epochs": 50}
    one, two = start(name="one", **changes), start(name="two", stop_at=3 * 41, **changes)
    assert two.metrics["stopped"] in ("interrupted", "patience")
    assert same_end(go_on(two), one)


@pytest.mark.parametrize("suffix", quick([".npz", ".npy", ".safetensors"], [".safetensors"]))
def test_a_run_from_given_weights_killed_before_its_first_checkpoint(start, go_on, same_end, tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    save_weights(start(seed=7, epochs=1).load_model(), path)
    one, two = (start(name=name, weights=path, stop_at=stop) for name, stop in (("one", None), ("two", 1)))
    assert one.model_file.read_bytes() != start(name="fresh").model_file.read_bytes()
    no_history(two)
    for file in (*two.checkpoints.iterdir(), two.metrics_file, two.model_file):
        file.unlink()
    assert same_end(go_on(two), one)


def test_the_best_model_so_far_can_be_used(stopped):
    stopped.model_file.unlink()
    best = max(stopped.read_history().epochs, key=lambda epoch: epoch.validation_accuracy)
    assert best.epoch == 1
    assert np.isfinite(open_run(stopped.path).load_model().parameters).all()
