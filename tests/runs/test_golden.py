"""What versions before have written can be read: a run of each is kept in tests/runs/golden (make.py wrote it)."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.commands import call

import handgrad
from handgrad.figures import FIGURES
from handgrad.runs import open_run

GOLDEN = sorted(path for path in (Path(__file__).parent / "golden").iterdir() if (path / "run.json").is_file())


@pytest.fixture(params=GOLDEN, ids=lambda path: path.name)
def golden(request, tmp_path):
    """A copy of the run, so that nothing is written into it."""
    folder = tmp_path / "runs" / "golden"
    shutil.copytree(request.param, folder)
    return folder


def test_there_is_one_of_this_version():
    assert handgrad.__version__ in [path.name for path in GOLDEN]


def test_its_history_metrics_and_network_agree(golden):
    run, digits = open_run(golden), handgrad.load("digits")
    assert [epoch.epoch for epoch in run.history.epochs] == [1, 2, 3, 4, 5]
    assert len(run.history.losses) == run.history.epochs[-1].step
    right = np.mean(run.predict(digits.x_test) == digits.y_test)
    assert right > 0.7
    assert abs(right - run.metrics["test"]["accuracy"]) <= 1.5 / len(
        digits.y_test
    )  # another processor may round one image over


def test_commands_take_it(golden, capsys, monkeypatch):
    monkeypatch.chdir(golden.parents[1])
    for words in ("runs", "show runs/golden", "evaluate runs/golden", "derive runs/golden"):
        answer = call(capsys, words)
        assert (answer.code, answer.err) == (0, ""), words
        assert answer.out
    assert call(capsys, "resume runs/golden").code == 0  # it is finished, and says so


def test_its_figures_are_drawn(golden):
    assert {"loss", "accuracy", "confusion"} <= set(FIGURES)
    run = open_run(golden)
    assert all(run.figures[name] is not None for name in ("loss", "accuracy", "confusion"))
