"""What the page for people who come from other libraries shows: it runs, and ours is no longer than theirs."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "coming-from.md").read_text(encoding="utf-8")
START, *BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
PAIRS = list(zip(BLOCKS[::2], BLOCKS[1::2], strict=True))
MODULES = {"Keras": "keras", "scikit-learn": "sklearn", "PyTorch": "torch"}


def library(block):
    return block.partition("\n")[0].removeprefix("# ")


def lines(block):
    return [line for line in block.splitlines() if line.strip() and not line.startswith("#")]


def test_ours_is_no_longer_than_theirs():
    assert [library(ours) for _, ours in PAIRS] == ["handgrad"] * 5
    assert [library(theirs) for theirs, _ in PAIRS] == ["Keras", *["scikit-learn"] * 3, "PyTorch"]
    for theirs, ours in PAIRS:
        assert len(lines(ours)) <= len(lines(theirs)), library(theirs)


@pytest.mark.parametrize("place", range(5))
def test_ours_runs(place, capsys):
    names = {}
    exec(compile(START + PAIRS[place][1], f"block {place}", "exec"), names)
    if place == 0:
        assert names["accuracy"] > 0.9
    else:
        assert re.search(r"0\.[89]\d", capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.parametrize("place", range(5))
def test_theirs_runs(place, tmp_path):
    theirs = PAIRS[place][0]
    if importlib.util.find_spec(MODULES[library(theirs)]) is None:
        pytest.skip(f"{library(theirs)} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", START + theirs],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
