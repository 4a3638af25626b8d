"""What Python and a notebook show of results: short texts, small tables and curves."""

import math
from html.parser import HTMLParser

import pytest
from tests.ingredients import nn

import handgrad
from handgrad.errors import UsageError
from handgrad.nn import Network
from handgrad.previews import curves_html, table_html
from handgrad.training.history import Epoch, History

EPOCHS = [Epoch(1, 10, 1.0, 0.5, 1.25, 0.25, 1e-3, 0.1), Epoch(2, 20, 0.5, 0.75, 0.75, 0.5, 1e-3, 0.1)]
HISTORY = History([0.75] * 20, [3] * 20, epochs=EPOCHS, stopped="finished")


class Balanced(HTMLParser):
    """Whether every element that is opened is closed again."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open += [tag] if tag != "br" else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def runs(finished_run):
    return handgrad.runs(finished_run.parent)


def test_a_history_is_a_line_and_two_pictures():
    text = repr(HISTORY)
    assert len(text) < 160
    assert "2 epochs, 20 steps, finished" in text
    assert "validation accuracy 50.00 %" in text
    assert repr(History()) == "History(0 epochs, 0 steps)"
    assert HISTORY._repr_html_().count("<svg") == 2
    Balanced(HISTORY._repr_html_())
    assert History()._repr_html_() == ""


def test_a_history_is_plotted_by_epoch():
    loss, accuracy = HISTORY.plot().axes
    assert [line.get_ydata().tolist() for line in loss.lines] == [[1.0, 0.5], [1.25, 0.75]]
    assert [line.get_xdata().tolist() for line in accuracy.lines] == [[1, 2], [1, 2]]
    assert accuracy.lines[1].get_ydata().tolist() == [25, 50]


def test_frames(runs):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: python -m pip install pandas")
    frame = HISTORY.to_frame()
    assert frame.index.tolist() == [1, 2]
    assert frame.validation_loss.tolist() == [1.25, 0.75]
    assert pandas.DataFrame(runs.rows).equals(runs.to_frame().reset_index(drop=True))


def test_curves_leave_out_what_was_not_measured():
    text = curves_html("loss", {"train": [2.0, 1.0, math.nan], "test": [math.nan] * 3})
    assert text.count("<polyline") == 1
    assert 'points="3.0,3.0 120.0,87.0"' in text
    assert "test" not in text


def test_a_table_is_escaped():
    text = table_html(("<name>",), [["<b>"], [12345], [None], [math.nan]])
    assert "&lt;b&gt;" in text
    assert "12,345" in text
    Balanced(text)


def test_a_network_and_a_data_set():
    network, digits = Network([nn.Dense(16), nn.ReLU(), nn.Dense(10)], (8, 8)), handgrad.load("digits")
    assert repr(network) == "Network((8, 8) -> 10: Dense, ReLU, Dense; 1,210 parameters)"
    assert repr(digits) == "Dataset(digits: 1,438 training and 359 test images of 8 x 8, 10 classes)"
    for each in (network, digits):
        Balanced(each._repr_html_())


def test_runs_are_found_by_place_and_by_name(runs):
    (run,) = runs
    assert runs["ru"].path == runs[0].path == run.path
    assert repr(run).startswith("Run(run, finished, test ")
    assert repr(runs).splitlines()[1].endswith(repr(run))
    for each in (run, runs):
        Balanced(each._repr_html_())


def test_a_run_predicts_and_draws(runs):
    run, digits = runs[0], handgrad.load("digits")
    predicted = run.predict(digits.x_test)
    assert (predicted == digits.y_test).mean() == pytest.approx(run.metrics["test"]["accuracy"])
    assert len(run.history.epochs) == 2
    assert run.figures["roc"].axes
    with pytest.raises(UsageError, match="did you mean roc"):
        run.figures["rock"]


def test_settings_that_differ_stand_in_the_table(tmp_path):
    for name, rate in {"slow": 0.1, "fast": 0.5}.items():
        run = handgrad.Run(tmp_path / name)
        run.path.mkdir()
        run.write_json(run.facts_file, {"config": {"learning_rate": rate, "seed": 0}})
    rows = {row["name"]: row for row in handgrad.runs(tmp_path).rows}
    assert {name: row["learning_rate"] for name, row in rows.items()} == {"slow": 0.1, "fast": 0.5}
    assert all("seed" not in row for row in rows.values())
