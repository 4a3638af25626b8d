"""Workers and drivers that are killed with SIGKILL, interrupted, or started twice: real processes, real signals."""

import os
import random
import signal
import time

import pytest
from tests.commands import process
from tests.processes import descendants, gone, kill, wait_for
from tests.sweeps.conftest import driving, workers

from handgrad.runs import list_runs
from handgrad.sweeps.folder import open_sweep

DRIVERS = int(os.environ.get("HANDGRAD_TRIALS", "3"))  # that are killed in one sweep
SPACE = """
method: grid
metric: {name: validation_accuracy, goal: maximize}
parameters:
  activation: {values: [relu, tanh, sigmoid]}
  learning_rate: {values: [0.001, 0.002, 0.003, 0.004]}
  batch_size: {values: [8, 16, 32, 64, 128]}
"""
FLAGS = "--dataset digits -nhl 2 -sz 64 --no_batch_norm --dropout 0 --optimizer adam --schedule constant --name it"


@pytest.fixture
def folder(tmp_path):
    """Where a sweep file of 60 configurations lies."""
    (tmp_path / "sweep.yaml").write_text(SPACE)
    return tmp_path


def begin(folder, epochs, *more):
    return driving(f"sweep sweep.yaml {FLAGS} --no_report --epochs {epochs}", *more, cwd=folder)


def trials(folder):
    try:
        return open_sweep(folder / "sweeps" / "it").trials()
    except Exception:  # it is just being made
        return []


def settled(folder):
    return [trial for trial in trials(folder) if trial.ended]


def epochs_begun(folder, starts):
    """How many epochs there are in the log of a trial since its training began for the `starts`-th time."""
    logs = [path.read_text() for path in folder.glob("sweeps/it/runs/*/log.txt")]
    pieces = [text.split("training from step")[starts:] for text in logs]
    return max((piece[-1].count(" epoch ") for piece in pieces if piece), default=0)


def check_whole(folder, count):
    """Each configuration once, each with a whole run of its own."""
    sweep = open_sweep(folder / "sweeps" / "it")
    found = sweep.trials()
    assert [trial.state for trial in found] == ["finished"] * count
    assert len({sweep.definition.key(trial.values) for trial in found}) == count
    assert {run.name for run in list_runs(sweep.runs_dir) if run.complete} == {trial.run for trial in found}
    for trial in found:
        accuracies = [epoch["validation_accuracy"] for epoch in sweep.run(trial).metrics["epochs"]]
        assert trial.objective == max(accuracies)
        assert list(trial.epochs.values()) == accuracies
    return found


@pytest.mark.slow
def test_a_killed_worker_s_trial_goes_on_and_a_sweep_can_be_interrupted(folder):
    with begin(folder, 300, "--batch_size", 8, "--trials", 2, "--jobs", 1, "--checkpoint_seconds", 0) as driver:
        wait_for(lambda: epochs_begun(folder, 1) >= 5, "the fifth epoch")
        (worker,) = workers(driver.pid)
        assert kill(worker)
        wait_for(lambda: epochs_begun(folder, 2) >= 5, "five more epochs")
        assert workers(driver.pid) != [worker]
        family = [driver.pid, *descendants(driver.pid)]
        driver.send_signal(signal.SIGINT)
        out, err = driver.communicate(timeout=60)
        assert driver.returncode == 130, err
        assert "begun again, from its checkpoint" in out
        assert "of 2 trials done, saved. Go on with: handgrad sweep resume sweeps/it" in err
        assert gone(family)
    (trial, *_) = trials(folder)
    sweep = open_sweep(folder / "sweeps" / "it")
    assert any(sweep.run(trial).checkpoints.iterdir())
    done = process("sweep resume it --trials 1 --jobs 1 --no_report", cwd=folder)
    assert done.code == 0, done.err
    (trial,) = check_whole(folder, 1)
    steps = [line for line in sweep.run(trial).log_file.read_text().splitlines() if "training from step" in line]
    begun = [int(line.split("training from step ")[1].split()[0]) for line in steps]
    assert len(begun) == 3
    assert begun[0] == 0
    assert 0 < begun[1] < begun[2]


@pytest.mark.slow
def test_a_killed_driver_leaves_nobody_and_loses_nothing(folder):
    with begin(folder, 60, "--jobs", 2, "--trials", 14) as driver:
        wait_for(lambda: len(settled(folder)) >= 3, "the third trial")
        family = descendants(driver.pid)
        assert len(family) == 3  # the fork server and two workers
        driver.kill()
        wait_for(lambda: gone(family), "the end of fork server and workers")
    before = {trial.number: sweep_files(folder, trial) for trial in settled(folder)}
    done = process("sweep resume it --jobs 2 --no_report", cwd=folder)
    assert done.code == 0, done.err
    found = check_whole(folder, 14)
    assert {number: sweep_files(folder, found[number]) for number in before} == before


def sweep_files(folder, trial):
    """When the files of a trial's run were written: running it again would write them anew."""
    run = open_sweep(folder / "sweeps" / "it").run(trial)
    return [path.stat().st_mtime_ns for path in (run.metrics_file, run.model_file, run.config_file)]


@pytest.mark.slow
def test_sixty_trials_while_a_random_worker_is_killed_again_and_again(folder):
    choice, killed = random.Random(1), 0
    with begin(folder, 60, "--jobs", 2) as driver:
        while driver.poll() is None:
            time.sleep(choice.uniform(0.5, 2.0))
            victims = workers(driver.pid)
            killed += bool(victims) and kill(choice.choice(victims))
        out, err = driver.communicate()
    assert driver.returncode == 0, out + err
    assert killed >= 5
    check_whole(folder, 60)


@pytest.mark.slow
def test_killed_drivers_leave_the_uninterrupted_grid(folder):
    choice, killed = random.Random(2), 0
    words = f"sweep sweep.yaml {FLAGS} --epochs {15 * DRIVERS} --jobs 2 --resume --no_report"
    while True:
        with driving(words, cwd=folder) as driver:
            if killed < DRIVERS:
                count = len(settled(folder))
                wait_for(lambda: driver.poll() is not None or len(settled(folder)) > count, "progress")  # noqa: B023
                time.sleep(choice.uniform(0, 1))
                family = descendants(driver.pid)
                assert driver.poll() is None, "too quick to be killed so often"
                driver.kill()
                wait_for(lambda: gone(family), "the end of fork server and workers")  # noqa: B023
                killed += 1
                continue
            out, err = driver.communicate(timeout=300)
            assert driver.returncode == 0, out + err
            break
    check_whole(folder, 60)


@pytest.mark.slow
def test_eight_workers_from_cold_lose_no_trial(tmp_path):
    """Only the driver writes to the storage, so that nothing can race; the count is that of 8 workers x 25 trials."""
    rates = ", ".join(f"{0.0001 * n:.4f}" for n in range(1, 101))
    (tmp_path / "sweep.yaml").write_text(
        f"method: random\nmetric: {{name: validation_accuracy, goal: maximize}}\nparameters:\n"
        f"  learning_rate: {{values: [{rates}]}}\n  activation: {{values: [relu, tanh]}}\n"
    )
    done = process(f"sweep sweep.yaml {FLAGS} --epochs 1 --trials 200 --jobs 8 --no_report", cwd=tmp_path)
    assert done.code == 0, done.err
    check_whole(tmp_path, 200)
