"""What a terminal shows while a command is at work, and the lines that take the place of bars elsewhere."""

import re

import pytest
from tests.commands import TINY, call

from handgrad.cli import console
from handgrad.cli.console import RunsProgress
from handgrad.training.progress import Bars

FLAGS = TINY.removeprefix("train ").replace(" --no_report", "")
FIT = "train -d digits --model knn --no_report --name fit"
SWEEP = """method: grid
metric: {name: val_accuracy, goal: maximize}
parameters:
  hidden_size: {values: [4, 8]}
"""


@pytest.fixture
def _terminal(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")


def plain(text):
    """Without colours and the movements of the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n")


@pytest.mark.usefixtures("_terminal")
class TestTerminal:
    def test_a_training_has_a_bar_and_its_lines(self, here, capsys):
        out = plain(call(capsys, TINY.replace("--epochs 2", "--epochs 30")).out)
        assert re.search(r"epoch \d+/30 .*loss \d\.\d{3}  acc [\d.]+ %  [\d,]+ img/s", out)
        assert re.search(r"^epoch 30  train \d\.\d{4} +[\d.]+ %  val", out, re.MULTILINE)

    def test_a_fit_has_a_bar_that_fills_with_its_time(self, here, capsys):
        out = plain(call(capsys, FIT).out)
        assert re.search(r"fit .*\d of about \d+ s", out)
        assert re.search(r"^fit +\d+\.\d\d s", out, re.MULTILINE)

    @pytest.mark.slow
    def test_a_sweep_has_a_bar_and_a_line_for_each_best(self, here, capsys):
        (here / "s.yaml").write_text(SWEEP)
        answer = call(capsys, f"sweep s.yaml --no_report --jobs 1 --name s {FLAGS.replace('--hidden_size 16', '')}")
        assert re.search(r"\d/2 done, \d running", plain(answer.out)), answer
        assert re.search(r"^ +\d  +[\d.]+ %  best ", plain(answer.out), re.MULTILINE)

    def test_a_recipe_has_a_bar_for_all_runs_and_one_for_each(self, capsys):
        with RunsProgress({"first": 1, "second": 3}, 0) as runs:
            runs.moved("second", 0.5)
            runs.ended("second", "it diverged")
            runs.moved("first", 0.25)
        out = plain(capsys.readouterr().out)
        assert "second: it diverged" in out
        assert re.search(r"first .*25 %", out)
        assert re.search(r"all runs .*3 of 4, about [\d.e-]+ s left", out)

    def test_a_line_above_a_bar_is_cut_to_the_terminal(self, capsys):
        bars = Bars()
        bars.print("x" * 120)
        bars.move(0, 1)
        bars.print("y" * 120)
        bars.end()
        out = plain(capsys.readouterr().out)
        assert "x" * 120 in out
        assert "y" * 99 + "…" in out


def test_elsewhere_there_are_lines_alone(here, capsys):
    out = call(capsys, f"{TINY} --name new").out
    assert "img/s" not in out
    assert [line[:8] for line in out.splitlines() if line.startswith("epoch")] == ["epoch 1 ", "epoch 2 "]
    assert "of about" not in call(capsys, FIT).out


def test_a_recipe_prints_a_line_now_and_then_elsewhere(capsys, monkeypatch):
    monkeypatch.setattr(console, "EVERY", 0)
    with RunsProgress({"first": 1, "second": 3}, 0) as runs:
        runs.ended("second")
        runs.moved("first", 0.5)
    assert re.fullmatch(r"3 of 4 runs are over, about [\d.e-]+ s left\n", capsys.readouterr().out)
