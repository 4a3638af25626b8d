"""A reproduction that is stopped or killed in its middle: the same command goes on, to the same numbers."""

import json
import signal
import subprocess

import pytest
import yaml
from tests.commands import arguments, process, without_notice
from tests.processes import LIMIT, descendants, gone, wait_for

# Two runs of some five seconds each; checkpoints at the ends of epochs.
LONG = """
title: Long enough to be stopped
settings: {dataset: digits, hidden_size: [64], batch_size: 2, epochs: 600, activation: tanh}
train: {dropout: 0.1, batch_norm: false, schedule: constant, keep: last, optimizer: momentum, learning_rate: 0.001}
seeds: 1
experiments:
  tanh: {}
  relu: {like: tanh, settings: {activation: relu}}
claims: {}
questions: [{id: 1, title: Both, experiments: [tanh, relu]}]
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "long.yaml"
    path.write_text(LONG)
    return path


@pytest.fixture(scope="module")
def expected(recipe):
    """The losses of a reproduction that nothing stops."""
    folder = recipe.parent / "whole"
    assert process(f"reproduce {recipe} --jobs 2 -o {folder}").code == 0
    return losses(folder)


def started(recipe, jobs, folder):
    """The command at work, when its runs have begun to train."""
    words = arguments(f"reproduce {recipe} --jobs {jobs} -o {folder}")
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: len(at_work(folder)) >= jobs, "the first epochs")
    except AssertionError:
        running.kill()
        raise
    return running


def at_work(folder):
    return [path for path in folder.glob("runs/*/history.jsonl") if '"epoch"' in path.read_text()]


def losses(folder):
    results = json.loads((folder / "results.json").read_text())
    return {name: row["replication"]["values"]["test_loss"] for name, row in results["experiments"].items()}


def unfinished(folder):
    """Runs that were begun and are not over; a worker that noticed the end of its driver has saved its network."""
    last = f'"epoch": {yaml.safe_load(LONG)["settings"]["epochs"]},'
    return [path.parent for path in folder.glob("runs/*/history.jsonl") if last not in path.read_text()]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "jobs"), [(signal.SIGINT, 2), (signal.SIGTERM, 1)])
def test_a_signal_saves_and_the_same_command_goes_on(recipe, expected, tmp_path, number, jobs):
    folder = tmp_path / "stopped"
    with started(recipe, jobs, folder) as running:
        below = descendants(running.pid)
        running.send_signal(number)
        assert running.wait(LIMIT) == 128 + number
        said = without_notice(running.stderr.read())
    assert said.startswith("handgrad: stopped: ")
    assert "the same command resumes the rest" in said
    assert said.count("\n") == 1
    wait_for(lambda: gone(below), "the end of all processes")
    assert process(f"reproduce {recipe} --jobs 2 -o {folder}").code == 0
    assert losses(folder) == expected


@pytest.mark.slow
def test_after_a_kill_no_process_is_left_and_the_same_command_goes_on(recipe, expected, tmp_path):
    folder = tmp_path / "killed"
    with started(recipe, 2, folder) as running:
        below = descendants(running.pid)
        running.kill()
    wait_for(lambda: gone(below), "the end of all processes")
    assert unfinished(folder)
    assert process(f"reproduce {recipe} --jobs 1 -o {folder}").code == 0
    assert losses(folder) == expected
