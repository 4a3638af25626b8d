"""The process that workers are forked from: what it refuses is told, and it is started again when it dies."""

import os
from contextlib import closing

import pytest
from tests.commands import arguments, finished, without_notice
from tests.processes import children, kill, wait_for
from tests.sweeps.conftest import BASE, Notes, drive, driving, workers

from handgrad.config import RunConfig
from handgrad.errors import FileSystemError, HandgradError
from handgrad.runs.executor import local
from handgrad.runs.executor.local import LocalExecutor
from handgrad.runs.executor.protocol import Notice, Task
from handgrad.sweeps.folder import open_sweep
from handgrad.sweeps.run_trial import FUNCTION


def config():
    return RunConfig(**BASE).to_mapping()


def hear(started, seconds=60.0):
    """Its events, until it raises."""
    found = []
    while len(found) < 50:
        found += started.events(seconds)
    return found


@pytest.mark.slow
def test_a_refusal_is_told_though_a_worker_was_asked_for_meanwhile(tmp_path):
    refused = {**config(), "dataset": str(tmp_path / "nowhere.npz")}
    with closing(LocalExecutor(1, FUNCTION, [refused], tmp_path / "workers.log")) as started:
        started._fork_server.process.wait(60)
        started.submit(Task(0, refused, {"metric": "validation_accuracy", "rungs": []}))
        with pytest.raises(HandgradError, match=r"nowhere\.npz"):
            hear(started)


@pytest.mark.slow
def test_what_it_died_of_is_told(tmp_path, monkeypatch):
    """A mistake that no second try mends: there is no such program."""
    monkeypatch.setattr(local, "FORK_SERVER", "handgrad.runs.executor.nowhere")
    with closing(LocalExecutor(1, FUNCTION, [config()], tmp_path / "workers.log")) as started:
        with pytest.raises(FileSystemError) as error:
            hear(started)
        assert "the process that starts workers ended with exit code 1: " in str(error.value)
        assert "No module named handgrad.runs.executor.nowhere (" in str(error.value)


def test_three_deaths_are_survived_and_a_fourth_is_told(tmp_path):
    with closing(LocalExecutor(1, FUNCTION, [config()], tmp_path / "workers.log")) as started:
        notices = []
        for _ in range(3):
            kill(started._fork_server.process.pid)
            notices += [event for event in started.events(10) if isinstance(event, Notice)]
        assert len(notices) == 3
        assert "was killed by signal 9, and its workers with it; it is started again" in notices[0].text
        kill(started._fork_server.process.pid)
        with pytest.raises(FileSystemError, match="was killed by signal 9, 4 times without progress: it said nothing"):
            hear(started)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_log_that_is_no_file_is_refused(tmp_path, make):
    make(tmp_path / "workers.log")
    with pytest.raises(FileSystemError, match="not a regular file"):
        LocalExecutor(1, FUNCTION, [config()], tmp_path / "workers.log")


@pytest.mark.slow
def test_a_sweep_goes_on_though_it_dies_three_times(tmp_path):
    (tmp_path / "sweep.yaml").write_text(
        "method: grid\nparameters:\n  learning_rate: {values: [0.001, 0.002, 0.003]}\n"
    )
    flags = "--dataset digits -nhl 1 -sz 16 --no_batch_norm --dropout 0 --epochs 200 --jobs 1 --name it --no_report"
    with driving(f"sweep sweep.yaml {flags} --checkpoint_seconds 0", cwd=tmp_path) as driver:
        for _ in range(3):
            wait_for(lambda: workers(driver.pid), "a worker")
            (server,) = children(driver.pid)
            kill(server)
            wait_for(lambda: children(driver.pid) != [server], "its next start")  # noqa: B023
        out, err = driver.communicate(timeout=120)
        assert (driver.returncode, without_notice(err)) == (0, ""), out
    assert out.count("it is started again") == 3
    assert [trial.state for trial in open_sweep(tmp_path / "sweeps" / "it").trials()] == ["finished"] * 3


def test_the_summary_is_written_as_the_sweep_goes(make_sweep):
    """After the first trial, before there is a second one."""
    sweep = make_sweep()

    class Reads(Notes):
        def trial_ended(self, trial, progress):
            super().trial_ended(trial, progress)
            self.texts.append(sweep.summary_file.read_text())

    _, notes = drive(sweep, callback=Reads())
    assert '"finished": 1' in notes.texts[0]
    assert f'"run": "{notes.trials[0].run}"' in notes.texts[0]
    assert not any(sweep.run(trial).checkpoints.exists() for trial in sweep.trials())


def test_too_little_memory_is_told_at_once(tmp_path):
    """Some libraries would wait for more without end."""
    command = " ".join(arguments("sweep da6401 --trials 1"))
    answer = finished(["sh", "-c", f"ulimit -v 400000; exec {command}"], tmp_path)
    assert answer.code == 2
    assert answer.err == (
        "handgrad: error: memory must be at least 1024 MB, got 390 MB (ulimit -v). Allow more: ulimit -v unlimited\n"
    )
