"""What `handgrad evaluate` prints and writes."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics
from tests.commands import TINY, call

from handgrad.cli.evaluate import matrix_lines, show_summary
from handgrad.cli.main import main
from handgrad.data import load
from handgrad.evaluation import Predictions, ensemble, mcnemar, summarise
from handgrad.evaluation.tables import confusion_table
from handgrad.runs import open_run
from handgrad.runs.predictions import predictions_of
from handgrad.screen import Screen


@pytest.fixture(scope="module")
def others(finished_run, tmp_path_factory):
    """The folder of two further runs: another seed, and one of two classes."""
    folder = tmp_path_factory.mktemp("others")
    digits = load("digits")
    np.savez(folder / "odd.npz", x_train=digits.x_train, y_train=digits.y_train % 2, x_test=digits.x_test,
             y_test=digits.y_test % 2)  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main([*TINY.split(), "--runs_dir", ".", "--name", "second", "--seed", "1"]) == 0
        assert main([*TINY.replace("digits", "odd.npz").split(), "--runs_dir", ".", "--name", "odd"]) == 0
    return folder


@pytest.fixture
def second(run, others):
    return shutil.copytree(others / "second", "second")


def test_the_screen(run, capsys):
    answer = call(capsys, "evaluate run")
    said = predictions_of(open_run(run))
    summary = summarise(said)
    first, second, third, _, head, *rows = answer.out.splitlines()
    assert first == "run on 359 test images of digits"
    low, high = (f"{100 * end:.2f}" for end in summary.accuracy[1:3])
    accuracy = f"accuracy {100 * said.right.mean():.2f} %   95 % interval {low} to {high} %"
    assert second == f"{accuracy}   {said.right.sum()} of 359 right"
    assert third.startswith(f"loss {summary.cross_entropy:.4f} (cross-entropy)   top-3 accuracy ")
    assert head.split() == ["class", "precision", "%", "recall", "%", "F1", "%", "AUC", "images"]
    table = sklearn.metrics.precision_recall_fscore_support(said.labels, said.predicted, zero_division=0)
    for label, line in enumerate(rows[:10]):
        name, *numbers, auc, images = line.split()
        assert (name, images) == (str(label), str(table[3][label]))
        assert numbers == [f"{100 * column[label]:.2f}" for column in table[:3]]
        own = sklearn.metrics.roc_auc_score(said.labels == label, said.scores[:, label])
        assert auc == f"{own:.4f}"
    assert [line.split()[0] for line in rows[10:12]] == ["macro", "weighted"]
    matrix = rows[rows.index("Confusion matrix in images, the true class in rows") + 2 :][:10]
    counts = sklearn.metrics.confusion_matrix(said.labels, said.predicted)
    for label, line in enumerate(matrix):
        assert [int(cell.replace(".", "0")) for cell in line.split()] == [label, *counts[label]]
    assert rows[-len(summary.confusions) - 1 :] == [
        "most frequent confusions",
        *(f"  {each.sentence}" for each in summary.confusions),
    ]
    assert all(len(line) <= 80 for line in answer.out.splitlines())


def test_less_and_more(run, capsys):
    assert "most frequent confusions\n" not in call(capsys, "evaluate run --top 0").out
    out = call(capsys, "evaluate run --percent --top 1").out
    assert "Confusion matrix in per cent of the row, the true class in rows" in out
    assert out.rstrip().splitlines()[-2] == "most frequent confusions"


@pytest.mark.parametrize("part", ["validation", "train"])
def test_other_parts(run, capsys, part):
    metrics = open_run(run).metrics[part]["accuracy"]
    out = call(capsys, f"evaluate run --on {part}").out
    assert f" {part} images of digits\naccuracy {100 * metrics:.2f} %" in out


def test_on_other_data(run, here, capsys):
    digits = load("digits")
    np.savez(here / "half.npz", x_train=digits.x_train, y_train=digits.y_train, x_test=digits.x_test[:50],
             y_test=digits.y_test[:50])  # fmt: skip
    answer = call(capsys, "evaluate run --dataset half.npz")
    right = predictions_of(open_run(run)).right[:50]
    assert answer.out.startswith(f"run on 50 test images of half.npz\naccuracy {100 * right.mean():.2f} %")
    assert answer.err == ""


def test_a_class_that_is_never_predicted_is_named(run, capsys):
    """Its bias is what no image can outweigh."""
    network = open_run(run).load_model()
    network.views["3.bias"][7] = -1e4
    open_run(run).save_model(network)
    answer = call(capsys, "evaluate run")
    assert (answer.code, answer.err) == (0, "")
    assert "undefined: precision of class 7: never predicted; given as 0, which makes F1" in answer.out
    assert call(capsys, "evaluate run --json n.json").code == 0
    assert json.loads(Path("n.json").read_text())["runs"][0]["classes"][7]["precision"] == 0


def test_json_and_csv(run, capsys):
    assert call(capsys, "evaluate run --json numbers.json --csv tables").code == 0
    said = predictions_of(open_run(run))
    numbers = json.loads(Path("numbers.json").read_text())
    assert (numbers["part"], numbers["dataset"], numbers["tests"], numbers["ensemble"]) == ("test", "digits", [], None)
    assert numbers["runs"][0]["run"] == "run"
    assert numbers["runs"][0]["accuracy"]["mean"] == said.right.mean()
    with open("tables/predictions.csv") as file:
        assert [int(row["predicted"]) for row in csv.DictReader(file)] == said.predicted.tolist()


def test_tables_to_paste(run, second, capsys):
    assert call(capsys, "evaluate run --format md").out.count("\n| ---") == 3
    assert call(capsys, "evaluate run --format latex --percent").out.count(r"\begin{tabular}") == 4
    assert "| ensemble | " in call(capsys, "evaluate run second --ensemble --format md").out


def test_two_runs_and_their_ensemble(run, second, capsys):
    answer = call(capsys, "evaluate run second --ensemble --json numbers.json --csv tables")
    assert answer.code == 0
    members = [predictions_of(open_run(path)) for path in (run, second)]
    test = mcnemar(members[0].right, members[1].right)
    lines = answer.out.splitlines()
    assert lines[:3] == ["2 runs on 359 test images of digits", "  1  run", "  2  second"]
    rows = {line.split()[0]: line.split()[1] for line in lines[5:8]}
    models = [*members, ensemble(members)]
    assert rows == {
        name: f"{100 * each.right.mean():.2f}" for name, each in zip(("1", "2", "all"), models, strict=True)
    }
    assert f"1 against 2: {test.b} images right by 1 alone, {test.c} images by 2 alone" in lines
    assert any(line.endswith(f"p = {test.p:.2g}") for line in lines)
    assert all(len(line) <= 80 for line in lines)
    numbers = json.loads(Path("numbers.json").read_text())
    assert (numbers["tests"][0]["b"], numbers["tests"][0]["c"]) == (test.b, test.c)
    assert numbers["ensemble"]["accuracy"]["mean"] == models[2].right.mean()
    assert numbers["ensemble"]["against_best"]["best"] == ("run" if test.b >= test.c else "second")


BAD = {
    "no such run": ("evaluate run nowhere", 4, "no run in nowhere"),
    "one run, no ensemble": ("evaluate run --ensemble", 2, "--ensemble needs two runs or more"),
    "given twice": ("evaluate run ./run", 2, "run is given twice"),
    "other classes": ("evaluate run odd", 2, "odd has other classes than run"),
    "other images": ("evaluate run second --on validation", 2, "the validation images of second are not those of run"),
    "no such part": ("evaluate run --on tset", 2, "invalid choice: 'tset'"),
    "no number": ("evaluate run --top -1", 2, "must be a whole number from 0, got '-1'"),
    "no such folder": ("evaluate run --json no/where.json", 4, "cannot write no/where.json"),
    "csv into a file": ("evaluate run --csv run/config.yaml", 4, "cannot make run/config.yaml"),
    "no model": ("evaluate run empty", 2, "empty has no model yet"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(run, second, others, here, capsys, case):
    words, code, says = BAD[case]
    shutil.copytree(others / "odd", "odd")
    shutil.copy(others / "odd.npz", ".")
    (here / "empty").mkdir()
    shutil.copy(run / "config.yaml", "empty")
    answer = call(capsys, words)
    assert answer.code == code
    assert says in answer.err
    assert answer.err.count("\n") == 1


def many_classes(classes):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, 500)
    names = tuple(f"class number {k}" for k in range(classes))
    return summarise(Predictions(rng.dirichlet(np.ones(classes), 500), labels, names))


@pytest.mark.parametrize("classes", [2, 10, 26, 60])
def test_any_number_of_classes_fits_80_columns(monkeypatch, capsys, classes):
    monkeypatch.setenv("COLUMNS", "80")
    show_summary(Screen(highlight=False), many_classes(classes), True)
    out = capsys.readouterr().out
    tables = out[: out.index("most frequent confusions")]
    assert all(len(line) <= 80 for line in tables.splitlines())
    assert ("too wide for this window" in out) == (classes > 20)


def test_the_matrix_in_colour():
    """The diagonal bold, zeros dim, large confusions red."""
    scores = np.eye(3)[[0] * 10 + [1] * 100 + [2]]
    summary = summarise(Predictions(scores, np.array([0] * 9 + [1] * 99 + [2, 0, 2]), ("a", "b", "c")))
    lines = matrix_lines(confusion_table(summary.confusion, summary.class_names), summary, 80)
    styles = {(row, span.style) for row, line in enumerate(lines) for span in line.spans}
    assert {(1, "bold"), (1, "red"), (2, "dim"), (3, "bold")} <= styles
    assert lines[1].plain == "a    9    1    ."
