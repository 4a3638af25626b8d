"""Sweeps on real Ray clusters on this machine: the same trials and the same bits as without one."""

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.commands import process
from tests.processes import LIMIT, descendants, gone, wait_for
from tests.sweeps.cluster.conftest import WITHOUT, two_nodes
from tests.sweeps.conftest import driving

from handgrad.runs import list_runs
from handgrad.sweeps.folder import open_sweep

FLAGS = "--dataset digits -nhl 2 -sz 64 --no_batch_norm --dropout 0 --optimizer adam --schedule constant -b 8"
GRID = """
method: grid
metric: {name: validation_accuracy, goal: maximize}
parameters:
  activation: {values: [relu, tanh, sigmoid]}
  learning_rate: {values: [0.001, 0.002]}
"""
RANDOM = """
method: random
run_cap: 6
metric: {name: validation_accuracy, goal: maximize}
early_terminate: {type: hyperband, min_iter: 1, eta: 2}
parameters:
  activation: {values: [relu, tanh]}
  learning_rate: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
"""
PROGRAM = """
import argparse, os, pathlib, subprocess, time, wandb
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float)
rate = parser.parse_args().rate
trial = pathlib.Path(os.environ["HANDGRAD_TRIAL"])
child = subprocess.Popen(["sleep", "600"])
with open(trial / "pids", "a") as file:
    print(os.getpid(), child.pid, file=file)
wandb.init()
for epoch in range(4):
    wandb.log({"val_acc": rate * epoch})
while not os.path.exists("go"):
    time.sleep(0.05)
"""
OWN = """
program: own.py
command: ["${env}", PYTHON, "${program}", "${args}"]
method: grid
metric: {name: val_acc, goal: maximize}
parameters:
  rate: {values: [0.1, 0.2, 0.3, 0.4]}
"""

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray")]


TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef0123456789abcdef"}


@pytest.fixture(scope="module")
def cluster(ray):
    """Two nodes that want a token."""
    with two_nodes(**TOKEN) as nodes:
        yield nodes


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the sweep files lie, in an environment that knows of no cluster."""
    for name in WITHOUT:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "grid.yaml").write_text(GRID)
    (tmp_path / "random.yaml").write_text(RANDOM)
    (tmp_path / "own.py").write_text(PROGRAM)
    (tmp_path / "own.yaml").write_text(OWN.replace("PYTHON", sys.executable))
    return tmp_path


def logs(folder, name):
    return {path.parent.name: path.read_text() for path in folder.glob(f"sweeps/{name}/runs/*/log.txt")}


def at_work(folder, name):
    """The runs that have made some epochs and not ended."""
    found = logs(folder, name).items()
    return [run for run, text in found if text.count(" epoch ") > 3 and "finished" not in text]


def begun(text):
    """The steps that a run's training was begun from."""
    return [int(part.split()[0]) for part in text.split("training from step ")[1:]]


def results(folder, name):
    """Of each trial, by its run's name: state, objective, the metric by epoch, its stop, the bytes of its network."""
    sweep = open_sweep(folder / "sweeps" / name)
    trials = sweep.trials()
    whole = {run.name for run in list_runs(sweep.runs_dir) if run.complete}
    assert whole == {trial.run for trial in trials if trial.state == "finished"}
    assert len({sweep.definition.key(trial.values) for trial in trials}) == len(trials)
    return {t.run: (t.state, t.objective, t.epochs, t.stop, sweep.run(t).model_file.read_bytes()) for t in trials}


def settings(folder, name):
    """What the files of each run say of where it lies and how it was begun."""
    sweep = open_sweep(folder / "sweeps" / name)
    runs = [sweep.run(trial) for trial in sweep.trials()]
    assert all(run.metrics["config"] == run.config.to_mapping() for run in runs)
    return {run.name: (run.config.replaced(wandb_group=None), run.config.runs_dir) for run in runs}


def alone(folder, file, more=""):
    """The results of the sweep without a cluster."""
    done = process(f"sweep {file} {FLAGS} {more} --name alone", cwd=folder)
    assert done.code == 0, done.err
    return results(folder, "alone")


def test_a_node_that_is_removed_in_the_middle_changes_nothing(cluster, folder, monkeypatch):
    for name, value in TOKEN.items():
        monkeypatch.setenv(name, value)
    words = f"sweep grid.yaml {FLAGS} --epochs 400 --name nodes --ray {cluster.address}"
    with driving(words, cwd=folder) as driver:
        wait_for(lambda: len(at_work(folder, "nodes")) == 2, "two trials at work at once")
        cluster.tell("remove")
        out, err = driver.communicate(timeout=LIMIT)
        assert driver.returncode == 0, out + err
    cluster.tell("add")
    assert "is gone; it is begun again" in out
    starts = sorted(len(begun(log)) for log in logs(folder, "nodes").values())
    assert starts == [1, 1, 1, 1, 1, 2]
    assert results(folder, "nodes") == alone(folder, "grid.yaml", "--epochs 400 --jobs 2")


def test_who_has_another_token_is_told_so(cluster, folder):
    wrong = {**TOKEN, "RAY_AUTH_TOKEN": "fedcba9876543210fedcba9876543210"}
    for variables in (wrong, {}):
        refused = process(f"sweep grid.yaml {FLAGS} -e 1 --ray {cluster.address}", cwd=folder, **variables)
        assert refused.code == 4
        assert refused.err.count("\n") == 1
        assert "wants a token: set RAY_AUTH_MODE=token" in refused.err


def test_a_cluster_of_its_own_gives_the_bits_of_one_process(folder):
    done = process(f"sweep random.yaml {FLAGS} -e 3 --jobs 1 --name local --ray local", cwd=folder)
    assert done.code == 0, done.err
    assert results(folder, "local") == alone(folder, "random.yaml", "-e 3 --jobs 1")
    assert {state for state, *_ in results(folder, "local").values()} == {"finished", "stopped"}


def test_an_interrupted_sweep_goes_on_without_ray_and_a_killed_driver_leaves_nobody(folder):
    words = f"sweep grid.yaml {FLAGS} --epochs 200 --jobs 2 --name it --ray local"
    with driving(words, cwd=folder) as driver:
        wait_for(lambda: sum(log.count(" epoch ") > 3 for log in logs(folder, "it").values()) >= 2, "two trials")
        family = descendants(driver.pid)
        driver.send_signal(signal.SIGINT)
        out, err = driver.communicate(timeout=LIMIT)
    assert driver.returncode == 130, out + err
    assert "Go on with: handgrad sweep resume sweeps/it" in err
    assert gone(family)
    with driving("sweep resume it --jobs 2 --ray local", cwd=folder) as driver:
        wait_for(lambda: any(len(begun(log)) == 2 for log in logs(folder, "it").values()), "a trial that goes on")
        family = descendants(driver.pid)
        driver.kill()
        wait_for(lambda: gone(family), "the end of Ray's processes")
    done = process("sweep resume it --jobs 2", cwd=folder)
    assert done.code == 0, done.err
    assert results(folder, "it") == alone(folder, "grid.yaml", "--epochs 200 --jobs 2")


def hiding(folder):
    """A cluster whose nodes do not see `folder`."""
    folder.mkdir(exist_ok=True)
    hidden = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {folder} && exec "$@"', "sh"]
    if not shutil.which("unshare") or subprocess.run([*hidden, "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root can hide a folder from a node: unshare --mount is refused here")
    return two_nodes(*hidden)


def test_a_node_that_does_not_see_the_folder_sends_its_runs(folder):
    with hiding(folder) as cluster:
        words = f"sweep grid.yaml {FLAGS} --epochs 200 --name sent --ray {cluster.address}"
        with driving(words, cwd=folder) as driver:
            wait_for(lambda: len(list(folder.glob("sweeps/sent/runs/*/metrics.json"))) >= 2, "two trials")
            driver.send_signal(signal.SIGINT)
            out, err = driver.communicate(timeout=LIMIT)
        assert driver.returncode == 130, out + err
        assert "its runs are fetched when they end" in out
        halves = [log for log in logs(folder, "sent").values() if "finished" not in log]
        assert halves
        done = process(f"sweep resume sent --ray {cluster.address}", cwd=folder)
        assert done.code == 0, done.err
    assert any(begun(log)[-1] > 0 for log in logs(folder, "sent").values())
    assert results(folder, "sent") == alone(folder, "grid.yaml", "--epochs 200 --jobs 2")
    names = [run.replace("alone", "sent") for run in settings(folder, "alone")]
    assert sorted(settings(folder, "sent")) == sorted(names)
    assert {runs_dir for _, runs_dir in settings(folder, "sent").values()} == {"sweeps/sent/runs"}
    assert not list(Path(tempfile.gettempdir()).glob("handgrad-sweep-*"))


def pids(folder, name):
    """The processes of a program in the trials of a sweep, two an attempt."""
    texts = [path.read_text() for path in folder.glob(f"sweeps/{name}/runs/*/pids")]
    return [int(pid) for text in texts for pid in text.split()]


def check_own(folder, name):
    """Every trial of own.yaml has its result, and none of its processes is left."""
    trials = open_sweep(folder / "sweeps" / name).trials()
    found = {trial.values["rate"]: (trial.state, trial.objective, *trial.epochs.values()) for trial in trials}
    assert found == {rate: ("finished", 3 * rate, *(rate * epoch for epoch in range(4))) for rate in found}
    assert len(found) == 4
    wait_for(lambda: gone(pids(folder, name)), "the end of all processes")


def test_a_program_s_trials_on_a_lost_node_are_run_again_and_leave_no_process(cluster, folder, monkeypatch):
    for name, value in TOKEN.items():
        monkeypatch.setenv(name, value)
    with driving(f"sweep own.yaml --stand_in --no_report --name nodes --ray {cluster.address}", cwd=folder) as driver:
        wait_for(lambda: len(pids(folder, "nodes")) == 4, "two trials at work at once")
        cluster.tell("remove")
        wait_for(lambda: sum(gone([pid]) for pid in pids(folder, "nodes")) == 2, "the end of one program and its child")
        (folder / "go").touch()
        out, err = driver.communicate(timeout=120)
    assert driver.returncode == 0, out + err
    assert "is gone; it is begun again" in out
    check_own(folder, "nodes")


def test_a_killed_driver_leaves_no_program_and_its_sweep_goes_on_without_ray(folder):
    with driving("sweep own.yaml --stand_in --no_report --jobs 2 --name it --ray local", cwd=folder) as driver:
        wait_for(lambda: len(pids(folder, "it")) == 4, "two trials at work at once")
        driver.kill()
        wait_for(lambda: gone(pids(folder, "it")), "the end of all processes", 60)
    (folder / "go").touch()
    done = process("sweep resume it --no_report", cwd=folder)
    assert done.code == 0, done.err
    check_own(folder, "it")


def test_a_program_runs_on_nodes_that_have_it_and_its_files_are_fetched(folder):
    with hiding(folder / "sweeps") as cluster:
        (folder / "sweeps" / "own.py").write_text(PROGRAM)
        (folder / "sweeps" / "own.yaml").write_text(OWN)
        refused = process(f"sweep own.yaml --stand_in --no_report --ray {cluster.address}", cwd=folder / "sweeps")
        assert refused.code == 2
        assert f"it does not have this machine's {folder}/sweeps/own.py" in refused.err
        (folder / "go").touch()
        done = process(f"sweep own.yaml --stand_in --no_report --name own --ray {cluster.address}", cwd=folder)
        assert done.code == 0, done.err
        assert "its runs are fetched when they end" in done.out
    check_own(folder, "own")
