"""A recipe run from end to end: what its report says is what its run folders hold."""

import json
import re
from math import nan
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from tests.commands import Answer, process

from handgrad.claims import read_document
from handgrad.claims.judge import OVER_SEEDS, ClaimVerdict
from handgrad.claims.relations import VERDICTS
from handgrad.cli.main import main
from handgrad.config.describe import effective_differences
from handgrad.evaluation import Difference, class_report
from handgrad.figures.run_data import RunData
from handgrad.reproduce.results import Swept
from handgrad.runs import open_run
from handgrad.runs.predictions import predictions_of
from handgrad.sweeps.folder import open_sweep
from handgrad.sweeps.posthoc.test import read_chosen
from handgrad.text import duration

COURSE = Path(__file__).with_name("course.yaml")
DOCS = Path(__file__).parents[2] / "docs" / "recipes.md"


class Made:
    """A finished reproduction."""

    def __init__(self, folder):
        self.folder = folder
        self.results = json.loads((folder / "results.json").read_text())
        self.html = (folder / "report.html").read_text()
        self.readme = (folder / "README.md").read_text()

    def values(self, name, variant, measure):
        return self.results["experiments"][name][variant]["values"][measure]

    def runs(self, name, variant):
        return [open_run(self.folder / "runs" / run) for run in self.results["experiments"][name][variant]["runs"]]

    def row(self, *beginning):
        """The cells of the first row of the README's tables that begins so."""
        rows = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in self.readme.splitlines() if "|" in line
        ]
        return next(row for row in rows if row[: len(beginning)] == list(beginning))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    assert main(["reproduce", str(COURSE), "--jobs", "1", "-o", str(folder)]) == 0
    return Made(folder)


@pytest.mark.slow
def test_every_value_is_that_of_a_run_folder(made):
    for name, variants in made.results["experiments"].items():
        for variant, row in variants.items():
            if name == "both":  # an ensemble, which has no run
                continue
            accuracies = [100 * run.metrics["test"]["accuracy"] for run in made.runs(name, variant)]
            assert row["values"].get("test_accuracy", []) == pytest.approx(accuracies)


@pytest.mark.slow
def test_the_table_has_the_mean_and_its_interval(made):
    first, second = made.values("relu", "retrained", "test_accuracy")
    # Student's t of two values: t(0.975, 1) = 12.706, and s / sqrt(2) is half their distance
    half = 12.706 * abs(first - second) / 2
    mean, low, high = re.fullmatch(r"([\d.]+) \[([\d.]+), ([\d.]+)\]", made.row("relu", "test accuracy")[4]).groups()
    assert float(mean) == pytest.approx((first + second) / 2, abs=0.006)
    assert float(low) == pytest.approx(max(float(mean) - half, 0), abs=0.02)
    assert float(high) == pytest.approx(min(float(mean) + half, 100), abs=0.02)


@pytest.mark.slow
def test_the_table_says_where_the_reported_number_lies(made):
    """By the interval of the replication, worked out here from two values: 12.706 = t(0.975, 1)."""
    for name, title, reported in (
        ("relu", "relu", 60),
        ("forest", "random forest", 99.9),
        ("sigmoid", "sigmoid network", 30),
    ):
        first, second = made.values(name, "replication", "test_accuracy")
        middle, half = (first + second) / 2, 12.706 * abs(first - second) / 2
        place = "ours above" if reported < middle - half else "ours below" if reported > middle + half else "inside"
        assert made.row(title, "test accuracy")[2:6:3] == [f"{reported:.2f}", place]
    counts = made.results["agreement"]
    cells = [line.split("|")[6].strip() for line in made.readme.splitlines() if line.count("|") == 7]
    assert counts == {place: cells.count(place) for place in ("inside", "ours above", "ours below")}
    assert sum(counts.values()) >= 4


@pytest.mark.slow
def test_macro_f1_is_that_of_the_predictions(made):
    found = [100 * class_report(predictions_of(run)).macro.f1 for run in made.runs("relu", "replication")]
    assert made.values("relu", "replication", "macro_f1") == pytest.approx(found)


@pytest.mark.slow
def test_the_ensemble_averages_the_runs_of_one_seed(made):
    for seed, accuracy in enumerate(made.values("both", "retrained", "test_accuracy")):
        members = [predictions_of(made.runs(name, "retrained")[seed]) for name in ("sigmoid", "relu")]
        guesses = (members[0].scores + members[1].scores).argmax(axis=1)
        assert accuracy == pytest.approx(100 * np.mean(guesses == members[0].labels))


@pytest.mark.slow
def test_a_run_that_diverges_is_a_row_that_says_so(made):
    row = made.results["experiments"]["bold"]["replication"]
    assert row["runs"] == []
    assert [why[:17] for why in row["failed"].values()] == ["training diverged"] * 2
    assert "2 diverged" in made.html


@pytest.mark.slow
def test_images_shown_are_counted_on_the_figures_images(made):
    row = made.row("relu", "right of 20 images shown")
    assert row[2] == "12"
    assert 0 <= float(row[4]) <= 20


@pytest.mark.slow
def test_claims_have_a_verdict_by_numbers_and_by_seeds(made):
    claims = made.results["claims"]
    assert claims["above_ninety"]["printed"]["verdict"] == "contradicted"  # 60 is not above 90
    assert claims["above_ninety"]["replication"]["verdict"] == "fitted"  # relu's rate was fitted to a printed number
    assert claims["above_ninety"]["retrained"]["verdict"] in ("does not hold", "undecided")
    # two printed numbers of one experiment are compared, of which seeds of ours know nothing
    assert claims["same_number"]["printed"]["verdict"] == "contradicted"
    assert claims["same_number"]["replication"] is None
    difference = claims["relu_better"]["replication"]["differences"][0]["value"]
    means = [fmean(made.values(name, "replication", "test_accuracy")) for name in ("relu", "sigmoid")]
    assert difference == pytest.approx(means[0] - means[1])
    # relu's report shows 20 images, and ours are counted on the figure's; sigmoid's table is of all test images
    counted = made.values("relu", "replication", "counted_accuracy")
    for run, share in zip(made.runs("relu", "replication"), counted, strict=True):
        data = RunData(run)
        assert share == pytest.approx(100 * data.predictions().right[data.random_test_rows()].mean())
    assert made.values("sigmoid", "replication", "counted_accuracy") == made.values(
        "sigmoid", "replication", "test_accuracy"
    )
    assert made.row("ReLU is better.")[2] == claims["relu_better"]["replication"]["verdict"]


@pytest.mark.slow
def test_a_claim_is_judged_at_each_value_of_a_swept_setting(made):
    swept = made.results["claims"]["relu_better"]["swept"]
    assert [row["value"] for row in swept["verdicts"]] == [0.01, 0.1, 0.5]
    for row in swept["verdicts"]:
        found = {
            run.config.activation: 100 * run.metrics["test"]["accuracy"]
            for run in map(open_run, made.folder.glob("runs/*"))
            if (run.config.learning_rate, run.config.weight_init, run.config.seed) == (row["value"], "xavier", 0)
            if run.config.activation in ("relu", "sigmoid") and "forest" not in run.name
        }
        assert row["differences"][0]["value"] == pytest.approx(found["relu"] - found["sigmoid"])
    held = [row["verdict"] for row in swept["verdicts"]].count("holds")
    assert held > 0
    assert swept["words"].startswith(f"holds for {held} of 3 learning rates")
    assert swept["words"] in made.html
    assert made.results["claims"]["same_number"]["swept"] is None


def test_a_swept_verdict_is_said_with_what_is_not_settled():
    def words(*verdicts):
        judged = tuple(ClaimVerdict("c", "It is so.", verdict, [], []) for verdict in verdicts)
        return Swept("learning_rate", (0.1, 0.2, 0.3, 0.4), judged).words

    assert words("holds", "holds", "does not hold", "undecided") == "holds for 2 of 4 learning rates, undecided for 1"
    assert words(*["does not hold"] * 4) == "holds for none of 4 learning rates"
    assert words("no experiment", "undecided", "undecided", "holds") == (
        "holds for 1 of 4 learning rates, no experiment for 1, undecided for 2"
    )


def test_single_runs_without_an_interval_tell_which_way_the_numbers_point():
    def words(*values):
        found = [Difference(value, nan, nan, 0.0, "t", nan, nan) for value in values]
        judged = tuple(ClaimVerdict("c", "It is so.", "undecided", [], [each]) for each in found)
        return Swept("learning_rate", (0.1, 0.2, 0.3), judged).words

    assert words(1.0, -1.0, 2.0).startswith("agrees with the numbers at 2 of 3 learning rates")
    assert words(0.0, -1.0, -2.0).startswith("agrees with the numbers at none of 3 learning rates")


@pytest.mark.slow
def test_retrained_differs_in_what_its_sweep_chose_on_validation_images(made):
    sweep = open_sweep(made.folder / "sweeps" / made.results["sweeps"]["tuned"]["folder"])
    best = sweep.best(sweep.trials())
    assert set(best.values) == {"learning_rate", "weight_init"}
    assert (sweep.base.validation_fraction, sweep.base.log_test, sweep.base.activation) == (0.1, False, "sigmoid")
    for name in ("sigmoid", "relu"):
        one, other = (made.runs(name, variant)[0].config for variant in ("replication", "retrained"))
        assert {setting: getattr(other, setting) for setting in best.values} == best.values
        assert set(effective_differences(one, other)) <= set(best.values)
    (record,) = read_chosen(sweep)
    assert record["values"] == best.values
    assert "rate and initial weights: 4 trials, 10% of the training images held out" in made.html


@pytest.mark.slow
def test_mistakes_that_the_report_names_are_counted_in_ours(made):
    first = predictions_of(made.runs("relu", "replication")[0])
    eights = first.predicted[first.labels == 8]
    mistakes = [int((eights == k).sum()) for k in range(10) if k != 8]
    times = int((eights == 1).sum())
    place = sorted(mistakes, reverse=True).index(times) + 1
    often = "once" if times == 1 else f"{times:,} times"
    said = f"8 taken for 1: {often}, {100 * times / len(eights):.1f} % of eights; number {place} of its mistakes"
    assert said in made.html
    assert "8888" not in made.html  # no class of this data set


@pytest.mark.slow
def test_choices_stand_on_the_page_with_their_reasons(made):
    for words in ("So low that the network ends near its printed accuracy.", "fitted to the printed number"):
        assert words in made.html
    assert "0.1 ends far above." in made.html


def test_every_verdict_by_numbers_has_one_over_seeds():
    assert OVER_SEEDS.keys() == set(VERDICTS)
    assert set(OVER_SEEDS.values()) == {"holds", "does not hold", "undecided", "confounded", "no experiment"}


@pytest.mark.slow
def test_the_report_is_laid_out_in_the_order_of_the_questions(made):
    places = [made.html.index(f'id="{anchor}"') for anchor in ("summary", "claims", "question-1", "question-2b")]
    assert places == sorted(places)
    for words in ("Loss against iteration", "Confusion matrix", "A remark that the report makes.", "<math"):
        assert words in made.html
    assert "the network has no convolution" in made.html  # why a figure is left out
    assert "The report prints one training twice." in made.html
    assert str(Path.home()) not in made.html


@pytest.mark.slow
def test_markdown_has_every_figure_beside_it(made):
    names = re.findall(r"\]\(report/([^)]+)\)", (made.folder / "report.md").read_text())
    assert len(names) == len(set(names)) > 3
    assert all((made.folder / "report" / name).exists() for name in names)


@pytest.mark.slow
def test_what_is_over_is_not_run_again_also_not_for_one_question(made, capsys):
    written = {path: path.stat().st_mtime_ns for path in made.folder.glob("runs/*/metrics.json")}
    assert main(["reproduce", str(COURSE), "--question", "2b", "--jobs", "1", "-o", str(made.folder)]) == 0
    assert "are over already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in made.folder.glob("runs/*/metrics.json")} == written
    part = json.loads((made.folder / "results-question-2b.json").read_text())
    assert set(part["experiments"]) == {"sigmoid", "relu", "bold", "forest", "both"}
    assert part["experiments"]["forest"] == made.results["experiments"]["forest"]


@pytest.mark.slow
def test_the_example_of_the_documentation_runs(tmp_path, monkeypatch, capsys):
    example = re.search(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)[1]
    (tmp_path / "my-course.yaml").write_text(example)
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "my-course.yaml", "--quick", "--dataset", "digits", "--seeds", "1", "--jobs", "1"]) == 0
    made = Made(Path("reproductions/my-course-quick-digits"))
    assert "<title>My course: quick version on a subset, on digits</title>" in made.html
    assert "This is not the whole report" in made.html
    assert "agreement" not in made.readme
    assert str(tmp_path) not in made.html + made.readme


@pytest.mark.slow
def test_weights_are_kept_as_npz_on_request(made, capsys):
    assert main(["reproduce", str(COURSE), "--question", "1", "--npz", "--jobs", "1", "-o", str(made.folder)]) == 0
    written = list((made.folder / "runs").glob("*/weights.npz"))
    assert written
    assert f"{len(written)} files weights.npz" in capsys.readouterr().out
    for run in made.runs("relu", "replication"):
        with np.load(run.path / "weights.npz", allow_pickle=False) as kept:
            views = list(run.load_model().views.values())
            names = [f"{letter}{number}" for number in range(len(views) // 2) for letter in "Wb"]
            assert set(kept) == set(names)
            assert all(
                np.array_equal(kept[name].ravel(), each.ravel()) for name, each in zip(names, views, strict=True)
            )


@pytest.mark.slow
def test_an_estimate_trains_nothing(tmp_path, capsys):
    assert main(["reproduce", str(COURSE), "--estimate", "--jobs", "2", "-o", str(tmp_path / "out")]) == 0
    assert "training: about" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("reproduce", "which recipe?"),
        ("reproduce ee5178", "unknown report 'ee5178': did you mean ee5179?"),
        ("reproduce nowhere.yaml", "cannot read nowhere.yaml"),
        (f"reproduce {COURSE} --seeds 0", "seeds must be 1 to 1000, got 0 (--seeds)"),
        (f"reproduce {COURSE} --jobs 0", "jobs must be 1 to 1000, got 0 (--jobs)"),
        (f"reproduce {COURSE} --question 7", "course.yaml: unknown question '7', expected one of 1, 2b (--question)"),
        (f"reproduce {COURSE} --dataset mnits", "Did you mean mnist?"),
    ],
)
def test_bad_input_is_refused_in_one_line(words, expected, capsys):
    code = main(words.split())
    answer = Answer(code, *capsys.readouterr())
    assert answer.code in (2, 4)
    assert expected in answer.err
    assert answer.err.count("\n") == 1


def test_recipes_are_listed_with_their_questions(capsys):
    assert main(["reproduce", "--list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in ("ee5179", "da6401", "ee6132-2018", "ee6132-momentum", "dl-2022"))


def test_durations_are_said_as_one_says_them():
    assert [duration(seconds) for seconds in (3.2, 99, 130, 7300)] == ["3.2 s", "99 s", "2 min", "2 h 2 min"]


@pytest.mark.slow
def test_processes_reach_what_one_process_does(made, tmp_path):
    answer = process(f"reproduce {COURSE} --question 1 --jobs 2 -o {tmp_path}")
    assert answer.code == 0, answer.err
    results = json.loads((tmp_path / "results-question-1.json").read_text())
    for name in ("sigmoid", "relu"):
        for variant in ("replication", "retrained"):
            found = results["experiments"][name][variant]["values"]["test_accuracy"]
            assert found == made.values(name, variant, "test_accuracy")
    assert read_document(COURSE).title in answer.out
