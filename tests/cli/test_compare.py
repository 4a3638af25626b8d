"""What `handgrad compare` prints and writes."""

import json
import shlex
import shutil

import pytest
from tests.commands import TINY, call

from handgrad.cli.flags import parse
from handgrad.cli.main import main
from handgrad.runs import open_run

BASE = TINY.replace(" --optimizer adam --learning_rate 0.003", "").replace("--epochs 2", "--epochs 1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two seeds with Adam, one with SGD at another rate."""
    folder = tmp_path_factory.mktemp("compared")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, words in {
            "adam": "--learning_rate 0.003",
            "adam1": "--learning_rate 0.003 --seed 1",
            "sgd": "-o sgd -lr 0.1",
        }.items():
            assert main([*BASE.split(), *words.split(), "--runs_dir", ".", "--name", name]) == 0
    return folder


@pytest.fixture
def inside(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "80")


def test_a_confounded_pair(inside, capsys, tmp_path):
    answer = call(capsys, "compare adam sgd --json", tmp_path / "n.json")
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[:2] == ["A  adam", "B  sgd"]
    assert "A against B: confounded: optimizer and learning_rate differ" in lines
    assert ["optimizer", "adam", "sgd"] in [line.split() for line in lines]
    assert ["learning_rate", "0.003", "0.1"] in [line.split() for line in lines]
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    configs = [parse(shlex.split(command)[2:]).config for command in commands]
    assert [(config.optimizer, config.learning_rate) for config in configs] == [("sgd", 0.003), ("adam", 0.1)]
    assert all(len(line) <= 80 for line in lines if not line.startswith("$ "))
    numbers = json.loads((tmp_path / "n.json").read_text())
    assert [each["command"] for each in numbers["pairs"][0]["missing_runs"]] == commands
    adam = open_run("adam").metrics
    (row,) = (line.split() for line in lines if line.startswith("A     0"))
    assert row[2] == f"{100 * adam['test']['accuracy']:.2f}"
    assert row[-3:-1] == ["1,210", "1"]


@pytest.mark.slow
def test_the_missing_run_can_be_made(folder, capsys, tmp_path, monkeypatch):
    """The command as it is printed trains; with its run among them, it is asked for no more."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    monkeypatch.chdir(copy)
    command = next(line for line in call(capsys, "compare adam sgd").out.splitlines() if line.startswith("$ "))
    assert call(capsys, command.removeprefix("$ handgrad ")).code == 0
    (made,) = {path.name for path in copy.iterdir()} - {"adam", "adam1", "sgd"}
    answer = call(capsys, f"compare adam sgd {made}")
    assert "A against C: controlled: only optimizer differs" in answer.out
    assert "B against C: controlled: only learning_rate differs" in answer.out
    assert command not in answer.out.splitlines()


def test_replicates(inside, capsys):
    answer = call(capsys, "compare adam adam1")
    assert "replicates: the runs differ in their seed alone" in answer.out
    assert "against" not in answer.out
    values = [open_run(name).metrics["test"]["accuracy"] for name in ("adam", "adam1")]
    (mean,) = (line.split() for line in answer.out.splitlines() if line.startswith("mean"))
    assert mean[:4] == ["mean", "of", "2", f"{50 * sum(values):.2f}"]


def test_several_seeds_against_one(inside, capsys):
    answer = call(capsys, "compare adam adam1 sgd")
    assert "no interval, unpaired: 2 seeds against 1; add some with --seeds" in answer.out
    assert all(line.endswith(" --seeds 2") for line in answer.out.splitlines() if line.startswith("$ "))
    assert "p = " not in answer.out


BAD = {
    "one run": ("compare adam", 2, "needs two runs or more"),
    "none": ("compare", 2, "required: RUN"),
    "given twice": ("compare adam ./adam", 2, "given twice"),
    "no such run": ("compare adam nowhere", 4, "no run in nowhere"),
    "no such data": ("compare adam sgd --dataset nowhere", 2, "data set: got 'nowhere'"),
    "nowhere to write": ("compare adam sgd --json no/where.json", 4, "cannot write no/where.json"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(inside, capsys, case):
    words, code, says = BAD[case]
    answer = call(capsys, words)
    assert answer.code == code
    assert says in answer.err
    assert answer.err.count("\n") == 1
