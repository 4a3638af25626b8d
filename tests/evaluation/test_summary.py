"""Everything about one model at once, as JSON, as tables and as CSV files."""

import csv
import json

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import accuracy_score
from tests.made_up import any_predictions, predictions

from handgrad.errors import FileSystemError
from handgrad.evaluation import summarise, wilson
from handgrad.evaluation.tables import class_table, confusion_table, latex, markdown, models_table, write_csv


@pytest.mark.slow
@given(any_predictions())
def test_any_predictions_become_json(said):
    for each in (said, said._replace(probabilistic=False)):
        summary = summarise(each)
        read = json.loads(json.dumps(summary.to_mapping(), allow_nan=False))
        assert read["accuracy"]["mean"] == accuracy_score(said.labels, said.predicted)
        assert np.array(read["confusion_matrix"]).sum() == read["images"] == len(said.labels)
        assert (read["ece"] is None) == (read["cross_entropy"] is None) == (not each.probabilistic)


EXTREMES = {
    "one image": predictions([0], [1]),
    "one class": predictions([0, 0], [0, 0], 1),
    "all of one class": predictions([1, 1], [1, 1], 3),
    "two classes": predictions([0, 1], [0, 0]),
    "many classes": predictions(list(range(300)) * 2, [*range(300), *range(1, 300), 0]),
}


@pytest.mark.parametrize("said", EXTREMES.values(), ids=EXTREMES.keys())
def test_extremes(said):
    summary = summarise(said, top=3)
    assert summary.accuracy == wilson(int(said.right.sum()), len(said.labels))
    assert len(summary.confusions) <= 3
    assert len(class_table(summary).rows) == said.classes + 2
    json.dumps(summary.to_mapping(), allow_nan=False)


SAID = predictions([0, 0, 0, 1], [0, 0, 1, 1])._replace(class_names=("a|b", "c_d"))


def test_markdown():
    text = markdown(confusion_table(summarise(SAID).confusion, SAID.class_names))
    assert text == (
        "**Confusion matrix in images, the true class in rows**\n\n"
        "|  | a\\|b | c_d |\n| --- | ---: | ---: |\n| a\\|b | 2 | 1 |\n| c_d | 0 | 1 |\n"
    )


def test_latex():
    text = latex(confusion_table(summarise(SAID).confusion, SAID.class_names, in_percent=True))
    assert r"\begin{tabular}{lrr}" in text
    assert r"a\textbar{}b & 66.7 & 33.3 \\" in text
    assert r"c\_d & 0.0 & 100.0 \\" in text
    escaped = latex(confusion_table(np.eye(1, dtype=int), ("50 % & \\^",)))
    assert r"50 \% \& \textbackslash{}\textasciicircum{} & 1 \\" in escaped


def test_rows_of_tables():
    summary = summarise(SAID)
    first, second, macro, weighted = class_table(summary).rows
    assert first == ("a|b", "100.00", "66.67", "80.00", "0.8333", "3")
    assert second[:4] == ("c_d", "50.00", "100.00", "66.67")
    assert macro == ("macro average", "75.00", "83.33", "73.33", "0.8333", "4")
    assert weighted == ("weighted average", "87.50", "75.00", "76.67", "", "4")
    (row,) = models_table(["x"], [summary]).rows
    assert row[:4] == ("x", "75.00", "30.06 to 95.44", "73.33")


def test_csv_files(tmp_path):
    folder = tmp_path / "new" / "folder"
    write_csv(folder, SAID, summarise(SAID))
    read = {path.stem: list(csv.DictReader(path.read_text().splitlines())) for path in folder.iterdir()}
    assert set(read) == {"classes", "confusion", "confusion_shares", "predictions"}
    assert read["confusion"][0] == {"true class": "a|b", "a|b": "2", "c_d": "1"}
    assert float(read["confusion_shares"][0]["c_d"]) == pytest.approx(1 / 3)
    assert float(read["classes"][0]["recall"]) == pytest.approx(2 / 3)
    assert read["predictions"][2] == {"image": "2", "true": "a|b", "predicted": "c_d", "score": "0.9"}


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileSystemError, match=r"cannot make .*file/x.*--csv"):
        write_csv(tmp_path / "file" / "x", SAID, summarise(SAID))
