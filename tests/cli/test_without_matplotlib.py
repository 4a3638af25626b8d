"""Where Matplotlib is missing, everything but figures works, and one line says what they need."""

import sys
from pathlib import Path

import pytest
from tests.commands import TINY, python

from handgrad import plugins
from handgrad.plugins import how_to_install, packages

MISSING = f"figures need Matplotlib: {how_to_install('report')}"

SESSION = """
import sys

sys.modules["matplotlib"] = None  # as if it were not installed
import handgrad
from handgrad.cli.main import main

codes = [main(words.split()) for words in {commands}]
for draw in (lambda run: run.figures["roc"], lambda run: run.history.plot()):
    try:
        draw(handgrad.open_run("runs/run"))
    except handgrad.UsageError as error:
        codes.append(str(error))
print(codes)
"""


def test_an_extra_names_what_the_extras_in_it_need(monkeypatch):
    wanted = ["a>=1; extra == 'one'", "handgrad[one]; extra == 'two'", "b>=2; extra == 'two'"]
    monkeypatch.setattr(plugins, "requires", lambda name: wanted)
    assert packages("two") == ["'b>=2'", "'a>=1'"]


@pytest.mark.parametrize("extra", ["torch", "wandb", "tensorboard", "parquet", "mlflow", "trackio"])
def test_make_brings_what_the_makefile_has(extra, monkeypatch, tmp_path):
    """MLflow and Trackio need older packages than constraints.txt has, so no target installs them."""
    monkeypatch.setattr(plugins, "CHECKOUT", Path(__file__).parents[2])
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    command = how_to_install(extra)
    assert command.startswith(f"`make {extra}" if extra not in ("mlflow", "trackio") else "python -m pip install")
    assert extra in command


@pytest.mark.slow  # a process that trains and writes a report
def test_all_but_figures_works(tmp_path):
    training = f"{TINY.replace(' --no_report', '')} --name run"
    commands = [training, "explain runs/run 3 -o explained", "lr_find runs/run --out rate", "figures runs/run"]
    done = python(SESSION.format(commands=commands), cwd=tmp_path)
    assert done.out.splitlines()[-1] == str([0, 0, 0, 2, MISSING, MISSING]), done.err
    assert done.err == f"handgrad: warning: {MISSING}\nhandgrad: error: {MISSING}\n"
    report = (tmp_path / "runs" / "run" / "report.html").read_text()
    assert "Precision, recall and F1 of each class" in report
    assert "figures: Matplotlib was not installed where this report was written" in report
    assert "<svg" not in report.partition("<main>")[2]
    assert [path.name for path in (tmp_path / "rate").iterdir()] == ["lr_find.csv"]
    written = {path.name for path in (tmp_path / "explained").iterdir()}
    assert written == {"explanation.csv", "explanation.json", "maps.npz"}
