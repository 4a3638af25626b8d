"""`handgrad derive`: of a run, of a configuration, in every notation."""

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from tests.commands import call, process

from handgrad.runs import open_run

SMALL = "--dataset digits -nhl 1 -sz 6 -a sigmoid --no_batch_norm --dropout 0"


def test_of_a_run(run, capsys):
    answer = call(capsys, "derive run")
    assert answer.code == 0
    assert answer.out.startswith(
        "Back-propagation through 4 layers, 1,210 parameters\nRun run, with its trained weights."
    )
    assert "Z⁽²⁾ = A⁽¹⁾ W⁽²⁾ + b⁽²⁾" in answer.out
    assert "η₀ = 0.003 (learning_rate)" in answer.out
    assert f"from 1 to {open_run(run).metrics['steps']:,}." in answer.out
    assert "✗" not in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "start"),
    [
        ("--out equations.html", "<!DOCTYPE html>"),
        ("-o equations.tex", "\\documentclass"),
        ("-o equations.md", "# Back-propagation"),
        ("-o equations.txt", "Back-propagation"),
        ("--format md --out equations", "# Back-propagation"),
    ],
)
def test_of_a_configuration_into_a_file(here, capsys, words, start):
    answer = call(capsys, f"derive {SMALL} -o momentum --weight_decay 0.005 {words}")
    assert (answer.code, answer.out) == (0, f"written: {words.split()[-1]}\n")
    content = (here / words.split()[-1]).read_text()
    assert content.startswith(start)
    assert "Momentum" in content


def test_to_standard_output(here, capsys):
    assert call(capsys, f"derive {SMALL} --format tex").out.rstrip().endswith(r"\end{document}")


def test_the_run_may_stand_anywhere(run, capsys):
    first, last = call(capsys, "derive run --format html"), call(capsys, "derive --format html run")
    assert first.out == last.out
    assert "<math" in first.out


REFUSED = {
    "a run and settings": ("derive run -a tanh", 2, "run has its own settings"),
    "no such run": ("derive nowhere", 4, "no run in nowhere"),
    "an ending": ("derive run --out a.docx", 2, "end in .txt, .html, .htm, .md or .tex (--out)"),
    "a folder": ("derive run --out deep/a.tex", 2, "a folder that does not exist: deep (--out)"),
    "a format": ("derive run --format pdf", 2, "format"),
    "an optimizer": ("derive -o docx", 2, "optimizer"),
}


@pytest.mark.parametrize(("words", "code", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses(run, capsys, words, code, says):
    answer = call(capsys, words)
    assert answer.code == code
    assert answer.out == ""
    assert says in answer.err
    assert answer.err.count("\n") == 1


def test_nothing_is_left_of_a_file_that_could_not_be_written(run, capsys):
    (run.parent / "there.tex").mkdir()
    assert call(capsys, "derive run -o there.tex").code == 4


def test_help(capsys):
    answer = call(capsys, "derive --help")
    assert answer.code == 0
    for part in ("handgrad derive [RUN]", "--format", "--out", "examples:", "text, html, md, tex"):
        assert part in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


@pytest.mark.slow
def test_in_a_terminal_that_knows_no_unicode(run):
    answer = process("derive run", cwd=run.parent, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert answer.code == 0
    assert "Back-propagation" in answer.out


def test_of_convolutions(here, capsys):
    answer = call(capsys, "derive --dataset digits --model cnn --loss mse -o adamw --weight_decay 0.1 --format html")
    assert answer.code == 0
    ElementTree.fromstring(answer.out.replace("<!DOCTYPE html>\n", "").replace('<meta charset="utf-8">', ""))


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_latex_compiles(here, capsys):
    assert call(capsys, "derive --dataset digits --model cnn -o cnn.tex").code == 0
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "cnn.tex"]
    done = subprocess.run(words, cwd=here, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_class_weights_are_said_beside_equations_that_have_none(here, capsys):
    words = "counts by the weight v of its class"
    assert words in " ".join(call(capsys, f"derive {SMALL} --class_weight balanced").out.split())
    assert words not in " ".join(call(capsys, f"derive {SMALL}").out.split())
