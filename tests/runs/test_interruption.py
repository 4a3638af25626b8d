"""Signals, and disks that fill up: a run ends within seconds, whole, and goes on from there."""

import os
import shlex
import signal
import subprocess
import sys

import pytest
from tests.commands import arguments, call, environment, python, without_notice
from tests.processes import LIMIT, wait_for

from handgrad.runs import open_run
from handgrad.runs.interruption import stopping_on_signals

# Some seconds of training, and a checkpoint of every moment.
LONG = (
    "train --dataset digits --num_layers 1 --hidden_size 32 --batch_size 4 --epochs 60 --batch_norm --dropout 0.1 "
    "--shift 0 --optimizer nadam --learning_rate 1e-3 --schedule one_cycle --name run --runs_dir"
)


class Stoppable:
    """A training that counts how often it was asked to stop."""

    def __init__(self):
        self.asked = []

    def stop(self, reason):
        self.asked.append(reason)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_would_kill(number):
    before = signal.getsignal(number)
    training = Stoppable()
    with stopping_on_signals(training) as interruption:
        signal.raise_signal(number)
        assert training.asked == ["interrupted"]
        assert signal.getsignal(signal.SIGINT) == signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert interruption.signal == number
    assert signal.getsignal(number) == before


def test_handlers_are_put_back_after_a_failure():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="no reason"), stopping_on_signals(Stoppable()):
        raise ValueError("no reason")
    assert signal.getsignal(signal.SIGINT) == before


def without_warnings(said):
    """What was said but for warnings: the last batch of these trainings has two images, which batch_norm warns of."""
    return [line for line in without_notice(said).splitlines() if "warning: " not in line]


def interrupted(folder, number, command=LONG, run="run"):
    """Start a run in its own process, and stop it by a signal in its middle: exit code, what it said."""
    words = arguments(command, folder)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        history = folder / run / "history.jsonl"
        wait_for(lambda: history.exists() and '"losses"' in history.read_text(), "the first steps")
        running.send_signal(number)
        said = running.communicate(timeout=LIMIT)[1]
        return running.returncode, said


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_interrupted_and_resumed_as_if_nothing_had_happened(tmp_path, capsys, same_end, number):
    code, said = interrupted(tmp_path, number)
    assert code == 128 + number
    run = open_run(tmp_path / "run")
    step = run.metrics["steps"]
    assert said.splitlines()[-1] == (
        f"handgrad: stopped at step {step} of 19440, saved. Go on with: handgrad resume {tmp_path / 'run'}"
    )
    assert "error" not in said
    assert 0 < step < 19440
    assert run.metrics["stopped"] == "interrupted"
    assert call(capsys, "resume", tmp_path / "run").code == 0
    assert call(capsys, LONG, tmp_path / "whole").code == 0
    assert same_end(open_run(tmp_path / "run"), open_run(tmp_path / "whole" / "run"))


ENDLESS = LONG.replace("--epochs 60", "--epochs 5000")
AMONG = "handgrad: stopped: 0 of 3 runs are finished; the same command resumes the rest\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "run", "expected"),
    [
        (ENDLESS.replace("--name", "--seeds 3 --name"), "run_s_0", "run_s_0 (seeds not begun: --seed 1 --seeds 2)\n"),
        (ENDLESS.replace("train", "crossval --folds 3"), "run/fold_1", AMONG),
        (ENDLESS.replace("train", "crossval --folds 3 --jobs 2"), "run/fold_1", AMONG),
    ],
)
def test_one_of_several_runs_interrupted(tmp_path, command, run, expected):
    """One plain line that says how to go on, and is not called an error."""
    code, said = interrupted(tmp_path, signal.SIGINT, command, run)
    assert code == 128 + signal.SIGINT
    (line,) = without_warnings(said)
    assert line.startswith("handgrad: stopped")
    assert f"{line}\n".endswith(expected)


@pytest.mark.slow
def test_interrupted_twice_it_is_gone_at_once(tmp_path):
    code = """
import os, signal, sys, time
from handgrad.runs.interruption import stopping_on_signals
class Deaf:
    def stop(self, reason): os.write(1, b"asked\\n")  # print may be at work below
with stopping_on_signals(Deaf()):
    print("ready", flush=True)
    time.sleep(60); time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as running:
        for expected in ("ready\n", "asked\n"):
            assert running.stdout.readline() == expected
            running.send_signal(signal.SIGINT)
        assert running.wait(timeout=LIMIT) == -signal.SIGINT


SMALL = LONG.replace("--hidden_size 32", "--hidden_size 4").replace("--epochs 60", "--epochs 10")


def on_a_disk_of(size, folder):
    """Run the training where no file can grow beyond `size` bytes."""
    code = f"""
import resource, sys
from handgrad.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, resource.RLIM_INFINITY))
sys.exit(main({[*shlex.split(SMALL), str(folder)]!r}))
"""
    return python(code)


def temporaries(folder):
    return list(folder.rglob(".handgrad-partial-*"))


@pytest.mark.slow
def test_a_full_disk(tmp_path, capsys, same_end):
    """The history does not fit: what was written stays whole, and with room the run goes on to the same end."""
    answer = on_a_disk_of(20_000, tmp_path)
    run = open_run(tmp_path / "run")
    assert answer.code == 4
    assert answer.err.splitlines()[-1] == (
        f"handgrad: error: cannot write {run.history_file}: File too large. Free some space, then resume"
    )
    assert temporaries(tmp_path) == []
    assert run.history_file.stat().st_size == 20_000
    assert not run.metrics_file.exists()
    assert call(capsys, "resume", run.path).code == 0
    assert call(capsys, SMALL, tmp_path / "whole").code == 0
    assert same_end(run, open_run(tmp_path / "whole" / "run"))


@pytest.mark.slow
@pytest.mark.parametrize(("size", "file"), [(0, "config.yaml"), (3_000, "checkpoints/step-0")])
def test_a_disk_full_from_the_beginning(tmp_path, size, file):
    answer = on_a_disk_of(size, tmp_path)
    assert answer.code == 4
    (line,) = without_warnings(answer.err)
    assert line.startswith(f"handgrad: error: cannot write {tmp_path / 'run' / file}")
    assert temporaries(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_standard_output_does_not_end_a_training(tmp_path, unbuffered):
    """As with `handgrad train | head -1`: nobody reads the lines, the run is still wanted."""
    reading, writing = os.pipe()
    words = arguments(SMALL, tmp_path)
    variables = environment(PYTHONUNBUFFERED=unbuffered)
    with subprocess.Popen(words, stdout=writing, stderr=subprocess.PIPE, text=True, env=variables) as running:
        os.close(writing)
        assert os.read(reading, 2)  # the command, or, on a busy machine, what is waited for
        os.close(reading)
        assert without_warnings(running.communicate(timeout=LIMIT)[1]) == []
    assert running.returncode == 0
    assert open_run(tmp_path / "run").metrics["stopped"] == "finished"
