"""Runs killed with SIGKILL at random moments and resumed end as the uninterrupted one, to the last bit."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from handgrad.runs import open_run

TRIALS = int(os.environ.get("HANDGRAD_TRIALS", "4"))  # of runs that are killed
TRAIN = [
    "train",
    "--dataset",
    "digits",
    "--epochs",
    "60",
    "--batch_size",
    "8",
    "--num_layers",
    "2",
    "--hidden_size",
    "96",
    "--activation",
    "tanh",
    "--batch_norm",
    "--dropout",
    "0.2",
    "--noise",
    "0.05",
    "--shift",
    "0.5",
    "--optimizer",
    "nadam",
    "--schedule",
    "one_cycle",
    "--clip_norm",
    "1",
    "--l1",
    "1e-6",
    "--weight_decay",
    "1e-5",
    "--evaluate_every",
    "500",
    "--patience",
    "50",
    "--checkpoint_seconds",
    "0.05",
    "--log_every",
    "50",
    "--keep",
    "best",
]


def command(*arguments):
    return [sys.executable, "-m", "handgrad", *map(str, arguments)]


def finish(arguments):
    done = subprocess.run(command(*arguments), check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def outcome(path):
    """All that a run leaves but the seconds, its name and its place."""
    run = open_run(path)
    metrics = {name: value for name, value in run.metrics.items() if name not in ("seconds", "config")}
    for epoch in metrics["epochs"]:
        del epoch["seconds"]
    history = run.read_history()
    return run.model_file.read_bytes(), json.dumps(metrics), history


def iterations(path):
    """How many iterations the history file of a run that is being written tells of."""
    try:
        records = [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    except FileNotFoundError:
        return 0
    return sum(len(record.get("losses", ())) for record in records)


def kill_at_random(folder, choice, steps):
    """Start the run in its own process and SIGKILL it somewhere on its way; whether that was before its end."""
    process = subprocess.Popen(
        command(*TRAIN, "--runs_dir", folder, "--name", "run"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    moment = choice.randrange(1, steps)
    while iterations(folder / "run" / "history.jsonl") < moment and process.poll() is None:
        time.sleep(0.01)
    time.sleep(choice.uniform(0, 0.1))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return not open_run(folder / "run").metrics


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    finish([*TRAIN, "--runs_dir", folder, "--name", "whole"])
    return folder / "whole"


def killed_and_resumed(whole, folder, number):
    middle = kill_at_random(folder, random.Random(number), open_run(whole).metrics["steps"])
    finish(["resume", folder / "run"])
    model, metrics, history = outcome(folder / "run")
    expected_model, expected_metrics, expected_history = outcome(whole)
    assert model == expected_model
    assert metrics == expected_metrics
    assert history.same_as(expected_history)
    return middle


@pytest.mark.slow
def test_a_killed_run_resumes_bit_identically(whole, tmp_path):
    assert killed_and_resumed(whole, tmp_path, number=1)


@pytest.mark.slow
def test_killed_runs_resume_bit_identically(whole, tmp_path):
    folders = [tmp_path / str(number) for number in range(TRIALS)]
    for folder in folders:
        folder.mkdir()
    in_the_middle = [killed_and_resumed(whole, folder, number) for number, folder in enumerate(folders)]
    assert sum(in_the_middle) >= TRIALS // 2
