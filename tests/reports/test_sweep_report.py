"""Reports of sweeps whose trials are made up, so that what they must say is known."""

import base64
import csv
import dataclasses
import gzip
import io
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from tests.sweeps.planted import additive, planted, sweep_over, trial

from handgrad.reports.blocks import LARGE, Attachment, Interactive, Note, Points, Report, Section, Text
from handgrad.reports.render import write_html, write_markdown
from handgrad.reports.sweep import build_sweep_report, sweep_sections
from handgrad.reports.sweep_data import SweepData
from handgrad.reports.timeline import timeline_data
from handgrad.sweeps import Hyperband, Metric
from handgrad.sweeps.analysis.analyse import analyse
from handgrad.sweeps.definition import Stop
from handgrad.sweeps.space import LogUniformValues, Uniform
from handgrad.sweeps.store import FAILED, FINISHED, RUNNING, STOPPED

html5lib = pytest.importorskip("html5lib", reason="html5lib is not installed: python -m pip install html5lib")

SPACE = {
    "optimizer": ("sgd", "momentum", "adam"),
    "weight_decay": (0.0, 0.0005, 0.5),
    "hidden_size": ((32,), (64, 32)),
    "batch_norm": (True, False),
    "learning_rate": LogUniformValues(1e-4, 0.1),
    "dropout": Uniform(0.0, 0.5),
}
WRITTEN = {
    "optimizer": ("sgd", "momentum", "adam"),
    "weight_decay": ("0", "0.0005", "0.5"),
    "hidden_size": ("32", "64, 32"),
    "batch_norm": ("yes", "no"),
}
TRUTH = additive({"optimizer": {"sgd": -0.2}, "weight_decay": {0.5: -0.4}}, base=0.9)


def data_of(sweep, trials):
    return SweepData(sweep, tuple(trials), analyse(sweep, trials))


@pytest.fixture(scope="module")
def found():
    """Sixty configurations over six parameters, two of which matter."""
    sweep = sweep_over(SPACE)
    return data_of(sweep, planted(sweep, TRUTH, 60, noise=0.01))


@pytest.fixture(scope="module")
def report(found):
    return build_sweep_report(found)


@pytest.fixture(scope="module")
def page(report, tmp_path_factory):
    """The HTML, as text."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    assert write_html(report, path) == [path]
    return path.read_text()


def parsed(text):
    """The page as a tree; an error of HTML fails the test."""
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    tree = parser.parse(text)
    assert not parser.errors, parser.errors[:5]
    return tree


def section(report, anchor):
    (found,) = [section for section in report.sections if section.anchor == anchor]
    return found


def words_of(sections):
    """All text outside of tables and pictures."""
    blocks = [block for section in sections for block in section.blocks]
    told = [block.words for block in blocks if isinstance(block, Text | Note)]
    return "\n".join(told + [item for block in blocks if isinstance(block, Points) for item in block.items])


def test_answer_comes_first_and_what_there_is_in_the_order_of_a_reader(report):
    assert [section.anchor for section in report.sections] == [
        *("summary", "leaderboard", "timeline", "parallel", "slices", "importance", "observations", "failures"),
        *("recommendation", "reproduce"),
    ]


def test_page_is_sound_and_needs_no_network(page):
    tree = parsed(page)
    identifiers = Counter(element.get("id") for element in tree.iter() if element.get("id"))
    assert max(identifiers.values()) == 1
    sources = [element.get(name) for element in tree.iter() for name in ("src", "href") if element.get(name)]
    assert all(source.startswith(("#", "data:")) for source in sources)
    assert not list(tree.iter("link"))
    assert len(page) < 3_000_000
    for figure in tree.iter("figure"):
        assert len(list(figure.iter("figcaption"))) == 1
        assert [drawing for drawing in figure.iter() if drawing.get("role") == "img"]


def test_page_holds_the_library_that_its_loader_unpacks(page):
    plotly = pytest.importorskip("plotly.offline", reason="plotly is not installed")
    scripts = list(parsed(page).iter("script"))
    assert [script.get("type") for script in scripts] == ["application/json", "text/plain", None]
    assert gzip.decompress(base64.b64decode(scripts[1].text)).decode() == plotly.get_plotlyjs()
    assert f'getElementById("{scripts[1].get("id")}")' in scripts[2].text
    assert "data" in json.loads(scripts[0].text)


def test_interactive_view_says_of_every_trial_what_it_was(report, found):
    graphs = pytest.importorskip("plotly.graph_objects", reason="plotly is not installed")
    (block,) = [each for each in report.pictures() if isinstance(each, Interactive)]
    (trace,) = graphs.Figure(json.loads(block.view)).data
    columns = {dimension.label: dimension for dimension in trace.dimensions}
    numbers = columns.pop("trial")["values"]
    result = columns.pop("validation accuracy (%)")["values"]
    assert len(columns) == len(SPACE)
    assert sorted(numbers) == [each.number for each in found.trials]
    for row, number in enumerate(numbers):
        made = found.trials[int(number)]
        assert result[row] == pytest.approx(100 * made.objective)
        for name, value in made.values.items():
            dimension = columns[name.replace("_", " ")]
            shown = dimension["values"][row]
            assert dimension.range[0] <= shown <= dimension.range[1]
            if name == "learning_rate":
                assert 10**shown == pytest.approx(value, rel=1e-4)
            elif name == "dropout":
                assert shown == pytest.approx(value, abs=1e-5)
            else:
                assert dimension.ticktext[round(shown)] == WRITTEN[name][SPACE[name].index(value)]


def test_leaderboard_and_trials_can_be_taken_along(page, found):
    links = {link.get("download"): link.get("href") for link in parsed(page).iter("a") if link.get("download")}
    files = {
        name: list(csv.DictReader(io.StringIO(base64.b64decode(href.partition(",")[2]).decode())))
        for name, href in links.items()
    }
    assert len(files["leaderboard.csv"]) == len(files["trials.csv"]) == 60
    accuracies = [float(row["validation_accuracy"]) for row in files["leaderboard.csv"]]
    ordered = sorted((each.objective for each in found.trials), reverse=True)
    assert accuracies == pytest.approx(ordered, abs=0.5 / 144)  # as so many of the validation images are right
    by_number = {int(row["trial"]): row for row in files["trials.csv"]}
    assert all(float(by_number[t.number]["validation_accuracy"]) == t.objective for t in found.trials)
    assert all(float(by_number[t.number]["learning_rate"]) == t.values["learning_rate"] for t in found.trials)


def test_best_and_worst_are_commands(report, found):
    best = max(found.trials, key=lambda each: each.objective)
    worst = min(found.trials, key=lambda each: each.objective)
    first, second = [block.text for block in section(report, "leaderboard").blocks if block.template == "code"]
    assert f"--optimizer {best.values['optimizer']} " in first
    assert f"--learning_rate {best.values['learning_rate']}" in first
    assert f"--learning_rate {worst.values['learning_rate']}" in second
    assert all(each.startswith("handgrad train --dataset digits") for each in (first, second))


def test_what_is_clear_stands_apart_from_what_may_be_noise(report, found):
    lists = [block.items for block in section(report, "observations").blocks if isinstance(block, Points)]
    for observation in found.analysis.observations:
        assert observation.words in lists[0 if observation.clear else 1]
    assert any("weight decay 0.5" in words.lower() for words in lists[0])
    assert lists[2] == found.analysis.notes


def test_markdown_has_figures_and_their_numbers_beside_it(report, tmp_path):
    written = write_markdown(report, tmp_path / "report.md", tmp_path / "figures")
    text = (tmp_path / "report.md").read_text()
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert pictures == [
        f"figures/{name}.svg" for name in ("timeline", "parallel", "slices", "importance", "correlations", "effects")
    ]
    for picture in pictures:
        assert (tmp_path / picture).read_text().startswith("<svg ")
        assert len((tmp_path / picture).with_suffix(".csv").read_text().splitlines()) > 3
    assert "[leaderboard.csv](figures/leaderboard.csv)" in text
    assert all(path.exists() for path in written)


def test_large_attachments_stand_beside_the_page(tmp_path):
    small, large = Attachment("small.csv", "a\n1\n", "small"), Attachment("large.csv", "1\n" * LARGE, "large")
    written = write_html(Report("t", "s", [], [Section("x", "X", [small, large])]), tmp_path / "a b.html")
    assert written == [tmp_path / "a b.html", tmp_path / "a b" / "large.csv"]
    links = [link.get("href") for link in parsed(written[0].read_text()).iter("a") if link.get("download")]
    assert links == ["data:text/csv;base64,YQoxCg==", "a%20b/large.csv"]


def test_names_cannot_end_the_script(tmp_path):
    view = json.dumps({"data": [], "layout": {"title": "</script><b>"}})
    picture = Interactive("p", "<svg></svg>", "c", "a", view=view, hint="h")
    write_html(Report("t", "s", [], [Section("x", "X", [picture])]), tmp_path / "a.html")
    tree = parsed((tmp_path / "a.html").read_text())
    assert not list(tree.iter("b"))
    assert json.loads(next(tree.iter("script")).text) == json.loads(view)


def states():
    """Trials of which little can be said, by name, each list with what the summary must say."""
    values = [{"activation": name, "learning_rate": rate} for name in ("relu", "tanh") for rate in (0.001, 0.01)]
    failed = [trial(n, each, None, FAILED, why="diverged in step 7") for n, each in enumerate(values)]
    yield "none", [], "no trial has a result, none has come to its end"
    yield "failed", failed, "no trial has a result, 4 failed"
    yield "running", [trial(0, values[0], None, RUNNING)], "This sweep is not over: 0 trials are done, 1 cut"
    yield "one", [trial(0, values[0], 0.5)], "The validation images chose"
    yield "two", [trial(0, values[0], 0.5), trial(1, values[1], 0.5)], "The validation images chose"


@pytest.mark.parametrize(("trials", "words"), [case[1:] for case in states()], ids=[case[0] for case in states()])
def test_little_is_said_of_little(trials, words, tmp_path):
    sweep = sweep_over({"activation": ("relu", "tanh"), "learning_rate": LogUniformValues(1e-4, 0.1)})
    made = build_sweep_report(data_of(sweep, trials))
    assert words in words_of([section(made, "summary")])
    parsed(write_html(made, tmp_path / "a.html")[0].read_text())
    assert {"summary", "reproduce"} <= {section.anchor for section in made.sections}
    if all(each.state == FAILED for each in trials) and trials:
        (table,) = [block for block in section(made, "failures").blocks if block.template == "table"]
        assert [row[1] for row in table.rows] == ["diverged in step 7"] * 4


def test_early_stops_say_why_and_what_they_saved():
    """Of three runs of nine epochs one was stopped after three, in three seconds: six epochs and six seconds saved."""
    sweep = sweep_over({"activation": ("relu", "tanh", "sigmoid"), "epochs": (9, 10)})
    sweep.definition = dataclasses.replace(sweep.definition, early_terminate=Hyperband(min_iter=3))
    values = [{"activation": name, "epochs": 9} for name in ("relu", "tanh", "sigmoid")]
    why = Stop(rung=3, threshold=0.8123, value=0.4567, reached=3)
    trials = [trial(n, each, 0.9) for n, each in enumerate(values[:2])]
    trials.append(trial(2, values[2], 0.4567, STOPPED, stop=why, seconds=3.0))
    blocks = section(Report("", "", [], sweep_sections(data_of(sweep, trials))), "failures").blocks
    words, (table,) = words_of([Section("", "", blocks)]), [block for block in blocks if block.template == "table"]
    assert "1 of 3 trials was stopped early, being worse than the value at rank 1/3" in words
    assert "That saved 6 of 27 epochs, about 6.0 s of training." in words
    assert table.rows == [("2", "3", "45.67", "81.23", "3", "activation sigmoid; epochs 9")]


@pytest.mark.slow
def test_test_accuracy_is_told_where_it_was_looked_at(tmp_path):
    sweep = sweep_over({"activation": ("relu", "tanh"), "learning_rate": (0.1, 0.01)})
    sweep.path = tmp_path
    trials = planted(sweep, lambda values: 0.9 if values["activation"] == "relu" else 0.7, 4)
    before = build_sweep_report(data_of(sweep, trials))
    assert "test accuracy" not in str(
        [block for block in section(before, "recommendation").blocks if block.template == "table"]
    )
    record = {
        "trial": 3,
        "run": trials[3].run,
        "networks": [],
        "values": trials[3].values,
        "test_accuracy": 0.8765,
        "low": 0.87,
        "high": 0.88,
        "images": 10000,
    }
    (tmp_path / "chosen.json").write_text(json.dumps({"configurations": [record]}))
    after = section(build_sweep_report(data_of(sweep, trials)), "recommendation")
    (table,) = [block for block in after.blocks if block.template == "table"]
    assert table.rows[0][:4] == ("3", "87.65 %", "87.00 to 88.00", "10,000")
    assert [b for b in after.blocks if b.template == "code"] == [
        b for b in section(before, "recommendation").blocks if b.template == "code"
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metric", "label", "best"),
    [
        (Metric("validation_loss", "minimize"), "validation loss", "0.1000"),
        (Metric("validation_accuracy", "target", 0.25), "distance of validation accuracy from 25 % (%)", "5.00"),
    ],
)
def test_other_goals_are_told_in_their_own_unit(metric, label, best):
    sweep = sweep_over({"activation": ("relu", "tanh", "sigmoid"), "learning_rate": (0.1, 0.01)}, metric)
    pairs = zip(sweep.definition.configurations(), (0.7, 0.1, 0.3, 0.4, 0.5, 0.6), strict=True)
    trials = [trial(n, values, objective, FINISHED) for n, (values, objective) in enumerate(pairs)]
    made = build_sweep_report(data_of(sweep, trials))
    (table,) = [block for block in section(made, "leaderboard").blocks if block.template == "table"]
    assert table.header[1] == label
    assert table.rows[0][1] == best
    (block,) = [each for each in made.pictures() if each.name == "parallel"]
    line = json.loads(block.view)["data"][0]["line"]
    assert line["reversescale"] is False  # dark is good, and good is little
    assert sweep.path == Path("sweeps/planted")


def test_the_band_of_the_timeline_stays_within_what_an_accuracy_can_be():
    """Six trials, most of them perfect and one at chance: without limits the band would reach far above 100 %."""
    sweep = sweep_over(SPACE)
    results = iter([0.1, 1.0, 1.0, 0.99, 1.0, 1.0])
    line = timeline_data(data_of(sweep, planted(sweep, lambda values: next(results), 6, noise=0.0))).line
    assert line[1:].max() == 100.0
    assert line[1:].min() >= 0
