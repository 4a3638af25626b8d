"""What the README shows works as it stands there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from handgrad.cli.flags import parse
from handgrad.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]


@pytest.fixture
def blocks():
    """`blocks("python")` are the fenced blocks of that language."""

    def of(language):
        path = ROOT / "README.md"
        if not path.exists():
            pytest.skip("README.md is not there yet")
        return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)

    return of


def commands(blocks):
    """Every command line of the shell blocks, without its comment."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def test_python_blocks_run(blocks, tmp_path):
    found = blocks("python")
    assert found
    for block in found:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout


def test_trainings_parse(blocks):
    trainings = [
        words[2:] for words in commands(blocks) if words[:2] in (["handgrad", "train"], ["python", "train.py"])
    ]
    assert len(trainings) >= 3
    for words in trainings:
        parse(words)


def test_every_command_exists(blocks):
    names = {words[1] for words in commands(blocks) if words[0] == "handgrad"}
    assert {"train", "evaluate", "predict", "resume", "runs"} <= names <= set(COMMANDS)


def test_every_make_target_exists(blocks):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {words[1] for words in commands(blocks) if words[0] == "make"} <= set(targets)


def test_linked_files_exist(blocks):
    blocks("python")
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []
