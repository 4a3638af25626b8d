"""Sweeps inside of recipes: planned, run, gone on with, and what comes of what they find."""

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest
from tests.commands import arguments, process, without_notice
from tests.processes import LIMIT, descendants, gone, wait_for
from tests.reproduce.malformed import DROP, changed, refusal

from handgrad import strict_yaml
from handgrad.claims import read_document
from handgrad.claims.questions import AMONG, PARTS, EffectClaim
from handgrad.cli.main import main
from handgrad.evaluation import Interval
from handgrad.reproduce.plan import Choice, make_plan
from handgrad.reproduce.question_blocks import SECTIONS
from handgrad.reproduce.sweep_claims import judge_in_sweep
from handgrad.reproduce.tasks import ORDERS
from handgrad.runs import open_run
from handgrad.sweeps import Metric
from handgrad.sweeps.analysis.result import Analysis, Effect, Importance, Range
from handgrad.sweeps.folder import open_sweep
from handgrad.sweeps.posthoc.test import read_chosen

COURSE = Path(__file__).with_name("searched.yaml")
DOCS = Path(__file__).parents[2] / "docs" / "recipes.md"


def plan_of(folder, **chosen):
    return make_plan(read_document(COURSE), Choice(**chosen), folder)


class Made:
    """A finished reproduction of the course with a sweep."""

    def __init__(self, folder):
        self.folder = folder
        self.results = json.loads((folder / "results.json").read_text())
        self.page = (folder / "report.md").read_text()

    @property
    def sweep(self):
        return open_sweep(self.folder / "sweeps" / self.results["sweeps"]["search"]["folder"])

    def runs(self, name):
        names = self.results["experiments"][name]["replication"]["runs"]
        return [open_run(self.folder / "runs" / run) for run in names]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("searched")
    assert main(["reproduce", str(COURSE), "--jobs", "1", "-o", str(folder)]) == 0
    return Made(folder)


def test_a_sweep_is_planned_and_what_it_will_find_is_lacking(tmp_path):
    plan = plan_of(tmp_path)
    assert list(plan.sweeps) == ["search"]
    planned = plan.sweeps["search"]
    assert planned.settings.method == "bayes"  # the recipe's word over the file's
    assert planned.wanted == 6
    config = planned.definition.to_config(next(planned.definition.configurations()), planned.base)
    assert (config.hidden_size, config.schedule) == (8, "constant")
    assert config.keep == "last"  # the document's own, that the file leaves open
    assert {name for name, _ in plan.lacking} == {"chosen", "second", "worst", "wider", "seventh"}
    assert {name for name, _ in plan.runs} == {"plain"}


def test_a_question_without_it_needs_no_sweep(tmp_path):
    text = COURSE.read_text().replace("experiments: [plain, wider]", "experiments: [plain]")
    path = tmp_path / "course.yaml"
    path.write_text(text)
    (tmp_path / "space.yaml").write_text(COURSE.with_name("space.yaml").read_text())
    plan = make_plan(read_document(path), Choice(questions=("2",)), tmp_path)
    assert (plan.sweeps, plan.lacking) == ({}, {})
    assert make_plan(read_document(path), Choice(questions=("1",)), tmp_path).sweeps


def test_quick_takes_fewer_trials_and_images_in_a_folder_of_its_own_name(tmp_path):
    whole, quick = (plan_of(tmp_path, quick=each).sweeps["search"] for each in (False, True))
    assert quick.wanted == 3
    assert quick.base.train_fraction == pytest.approx(500 / 1438)
    assert quick.name != whole.name


@pytest.mark.slow
def test_more_trials_are_the_same_sweep_and_another_space_is_not(tmp_path):
    document = read_document(COURSE)
    search = document.sweeps["search"]

    def name_with(**changes):
        changed = document.model_copy(update={"sweeps": {"search": search.model_copy(update=changes)}})
        return make_plan(changed, Choice(), tmp_path).sweeps["search"].name

    assert name_with(trials=9) == name_with(title="other") == name_with()
    assert len({name_with(), name_with(settings={"hidden_size": 8}), name_with(seed=1), name_with(method="grid")}) == 4


@pytest.mark.slow
def test_the_first_run_of_what_was_found_is_the_trial_itself(made):
    best, *_, worst = made.sweep.ranked(made.sweep.trials())
    for name, trial in (("chosen", best), ("worst", worst)):
        first, second = made.runs(name)
        assert first.metrics["validation"]["accuracy"] == trial.objective
        assert {field: first.config.to_mapping()[field] for field in trial.values} == trial.values
        assert second.config.seed == 1


@pytest.mark.slow
def test_the_best_trial_is_tested_once_and_recorded(made):
    (record,) = read_chosen(made.sweep)
    best = made.sweep.best(made.sweep.trials())
    assert record["values"] == best.values
    assert record["test_accuracy"] == made.runs("chosen")[0].metrics["test"]["accuracy"]


@pytest.mark.slow
def test_what_is_like_it_has_its_settings_under_its_own(made):
    wider, chosen = (made.runs(name)[0].config for name in ("wider", "chosen"))
    assert wider.hidden_size == 32
    assert wider.replaced(hidden_size=chosen.hidden_size, name=chosen.name) == chosen


@pytest.mark.slow
def test_a_rank_that_there_is_not_is_told_of(made):
    row = made.results["experiments"]["seventh"]["replication"]
    assert row["runs"] == []
    assert row["failed"] == {"seventh": "sweep search has no configuration number 7 among its best"}
    assert "seventh has no result: sweep search has no configuration number 7" in made.page


@pytest.mark.slow
def test_the_best_of_the_sweep_stands_beside_the_reported(made):
    best = made.results["sweeps"]["search"]["best"]["objective"]
    cells = next(line for line in made.page.splitlines() if line.startswith("| the sweep | validation accuracy"))
    assert [cell.strip() for cell in cells.split("|")][3:7] == ["80.00", f"{100 * best:.2f}", "–", "ours above"]
    assert "| best of the sweep | test accuracy | 79.00 |" in made.page
    assert "best of the sweep: The reported numbers are those of best of the report." in made.page
    assert f"{100 * best:.2f}: {made.sweep.best(made.sweep.trials()).run}" in made.page


@pytest.mark.slow
def test_its_trials_count_as_training(made):
    seconds = sum(trial.seconds for trial in made.sweep.trials())
    runs = sum(run.metrics["seconds"] for run in map(open_run, made.folder.glob("runs/*")))
    assert made.results["seconds"] == pytest.approx(seconds + runs, abs=0.01)


@pytest.mark.slow
def test_what_is_over_is_not_run_again(made, capsys):
    written = {path: path.stat().st_mtime_ns for path in made.folder.glob("**/metrics.json")}
    assert main(["reproduce", str(COURSE), "--jobs", "1", "-o", str(made.folder)]) == 0
    said = capsys.readouterr().out
    assert "16 runs are over already, and are not run again" in said  # 6 trials, 5 configurations of 2 seeds
    assert "training" not in said
    assert {path: path.stat().st_mtime_ns for path in made.folder.glob("**/metrics.json")} == written


def test_the_estimate_counts_trials_and_what_they_find(tmp_path, capsys):
    assert main(["reproduce", str(COURSE), "--estimate", "--jobs", "1", "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "2 runs with 2 seeds each, 6 trials in one sweep, in" in said
    assert "10 more runs, of what is found by then" in said
    assert "for 8 runs, 1 at a time" in said
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def light(tmp_path_factory):
    """The course's sweep replication, with little besides."""
    folder = tmp_path_factory.mktemp("light")
    document = strict_yaml.load_mapping(COURSE)
    kept = {name: document["experiments"][name] for name in ("plain", "printed", "chosen")}
    shown = [{"sweep": "search", "part": "outcome"}]
    question = {"id": 1, "title": "The sweep", "experiments": list(kept), "show": shown}
    path = folder / "light.yaml"
    path.write_text(strict_yaml.dump(document | {"experiments": kept, "claims": {}, "questions": [question]}))
    (folder / "space.yaml").write_text(COURSE.with_name("space.yaml").read_text())
    return path


@pytest.mark.slow
def test_processes_find_what_one_process_does(made, light, tmp_path):
    answer = process(f"reproduce {light} --jobs 3 --npz -o {tmp_path / 'out'}")
    assert answer.code == 0, answer.err
    other = Made(tmp_path / "out")
    here, there = ([trial.values for trial in each.sweep.trials()] for each in (made, other))
    assert here == there
    for name in ("plain", "chosen"):
        values = [each.results["experiments"][name]["replication"]["values"]["test_accuracy"] for each in (made, other)]
        assert values[0] == values[1]
    assert len(list(other.folder.glob("runs/chosen-*/weights.npz"))) == 2


@pytest.fixture(scope="module")
def longer(light):
    """The same with six trials of a third of a second or so, long enough to be stopped in, and one never stopped."""
    path, whole = light.with_name("longer.yaml"), light.parent / "whole"
    document = strict_yaml.load_mapping(light)
    document["settings"]["epochs"] = 200
    path.write_text(strict_yaml.dump(document))
    assert process(f"reproduce {path} --jobs 2 -o {whole}").code == 0
    return path, Made(whole)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "jobs"), [(signal.SIGKILL, 2), (signal.SIGINT, 1)])
def test_stopped_or_killed_it_goes_on_to_the_same(longer, tmp_path, number, jobs):
    (path, whole), folder = longer, tmp_path / "out"
    words = f"reproduce {path} --jobs {jobs} -o {folder}"
    running = subprocess.Popen(arguments(words), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: list(folder.glob("sweeps/*/runs/*/config.yaml")), "the first trial's beginning")
    below = descendants(running.pid)
    running.send_signal(number)
    said = without_notice(running.communicate(timeout=LIMIT)[1])
    assert running.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert number == signal.SIGKILL or ("the same command resumes the rest" in said and said.count("\n") == 1)
    wait_for(lambda: gone(below), "the end of all processes")
    assert len(list(folder.glob("sweeps/*/runs/*/metrics.json"))) < 6
    assert process(words).code == 0
    trials, expected = (each.sweep.trials() for each in (Made(folder), whole))
    assert [(trial.values, trial.objective) for trial in trials] == [(each.values, each.objective) for each in expected]


def test_the_example_of_the_documentation_is_taken(tmp_path):
    example = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)[1]
    document = read_document(f"title: An example\nsettings: {{dataset: digits}}\n{example}")
    plan = make_plan(document, Choice(), tmp_path)
    assert list(plan.sweeps) == ["search"]
    assert {name for name, _ in plan.lacking} == {"found", "second", "worst", "moved"}


def test_the_documentation_names_every_part_and_order():
    text = DOCS.read_text()
    assert all(f"`{name}`" in text for name in [*PARTS, *ORDERS])
    assert ORDERS.keys() == set(AMONG)
    assert SECTIONS.keys() - {"reproduce"} == set(PARTS) - {"outcome"}


def effect(value, reference, low, high, name="weight_decay"):
    return Effect(name, value, reference, Interval((low + high) / 2, low, high, 0), 0.01, 9, 0.9)


def judged(claim, *effects):
    analysis = Analysis(Metric(), {"finished": 50}, effects=effects)
    return judge_in_sweep(EffectClaim(sweep="search", **claim), analysis, 100.0)


DECAY = {"setting": "w_d", "higher": 0, "lower": 0.5}


@pytest.mark.parametrize(
    ("claim", "effects", "verdict", "interval"),
    [
        (DECAY, [effect(0.5, 0.0, -0.65, -0.57)], "holds", (57, 65)),
        (DECAY, [effect(0.0, 0.5, 0.57, 0.65)], "holds", (57, 65)),
        (DECAY | {"by": 60}, [effect(0.5, 0.0, -0.65, -0.57)], "undecided", (57, 65)),
        (DECAY | {"by": 70}, [effect(0.5, 0.0, -0.65, -0.57)], "does not hold", (57, 65)),
        (DECAY, [effect(0.5, 0.0, 0.01, 0.03)], "does not hold", (-3, -1)),
        (DECAY, [effect(0.5, 0.0, -0.02, 0.01)], "undecided", (-1, 2)),
        # by way of 0.0005, the reference: -0.01..0.01 less -0.64..-0.60
        (DECAY, [effect(0.0, 5e-4, -0.01, 0.01), effect(0.5, 5e-4, -0.64, -0.60)], "holds", (59, 65)),
        (DECAY, [effect(0.0, 5e-4, -0.01, 0.01)], "undecided", None),
        (DECAY, [effect(0.5, 0.0, -0.65, -0.57, name="dropout")], "undecided", None),
        (DECAY, [effect(Range(0.3, 1), Range(0, 0.3), -0.65, -0.57)], "holds", (57, 65)),
        (DECAY, [], "undecided", None),
    ],
)
def test_a_claim_is_asked_of_a_sweep(claim, effects, verdict, interval):
    found = judged(claim, *effects)
    assert found.verdict == verdict
    if interval is None:
        assert "too few configurations" in found.words
    else:
        assert (found.difference.low, found.difference.high) == pytest.approx(interval)
        assert f"95 % interval {interval[0]:.2f} to {interval[1]:.2f}" in found.words


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        ({"dropout": (0.1, 0.2, 0.3), "weight_decay": (0.4, 0.5, 0.6)}, "holds"),
        ({"dropout": (0.1, 0.3, 0.5), "weight_decay": (0.4, 0.5, 0.6)}, "undecided"),
        # not the largest mean, but the widest interval reaches into that of weight decay
        ({"dropout": (0.3, 0.31, 0.32), "seed": (0.0, 0.2, 0.5), "weight_decay": (0.4, 0.5, 0.6)}, "undecided"),
        ({"dropout": (0.7, 0.8, 0.9), "weight_decay": (0.4, 0.5, 0.6)}, "does not hold"),
        ({"dropout": (0.5, 0.8, 0.9), "weight_decay": (0.4, 0.5, 0.6)}, "undecided"),
        ({"weight_decay": (0.4, 0.5, 0.6)}, "undecided"),
        ({}, "undecided"),
    ],
)
def test_the_most_important_setting_explains_more_than_every_other(shares, verdict):
    importances = tuple(Importance(name, Interval(mean, low, high, 50)) for name, (low, mean, high) in shares.items())
    analysis = Analysis(Metric(), {"finished": 50}, importances=importances)
    claim = EffectClaim(sweep="search", setting="w_d", most_important=True)
    found = judge_in_sweep(claim, analysis, 100.0)
    assert found.verdict == verdict
    if len(shares) > 1:
        assert "weight decay explains 50 % (95 % interval 40 to 60)" in found.words
    else:
        assert "too few configurations" in found.words


SOUND = {
    "title": "a sweep",
    "sweeps": {"search": {"file": "da6401", "trials": 6}},
    "experiments": {"plain": {}, "best": {"found": {"sweep": "search"}}},
    "claims": {
        "decay": {
            "says": "Decay ruins.",
            "higher": ["best", "plain"],
            "in_sweep": {"sweep": "search", "setting": "weight_decay", "higher": 0, "lower": 0.5},
        }
    },
    "questions": [
        {"id": 1, "title": "One", "show": [{"sweep": "search", "part": "outcome"}], "claims": ["decay"]},
    ],
}
SEARCH, EFFECT, SHOWN = ["sweeps", "search"], ["claims", "decay", "in_sweep"], ["questions", 0, "show", 0]

MALFORMED = [
    ([*SEARCH, "file"], DROP, "sweeps.search: needs either a `file` or a `space` of its own"),
    ([*SEARCH, "trials"], 0, "sweeps.search.trials: must be greater than or equal to 1, got 0"),
    (
        [*SEARCH, "method"],
        "annealing",
        "sweeps.search: unknown method 'annealing', expected one of grid, random, design, bayes",
    ),
    ([*SEARCH, "trails"], 9, "sweeps.search.trails: is no key"),
    (["experiments", "best", "found"], {"sweep": "serch"}, "found.sweep: unknown sweep 'serch': did you mean search?"),
    (["experiments", "best", "found", "rank"], 0, "found.rank: must be greater than or equal to 1, got 0"),
    (
        ["experiments", "best", "found", "among"],
        "top",
        "found.among: unknown order 'top', expected one of best, worst, diverse",
    ),
    (
        ["experiments", "best", "found", "beside"],
        "plan",
        "found.beside: unknown experiment 'plan': did you mean plain?",
    ),
    (["experiments", "best", "like"], "plain", "leave out like, runs and ensemble"),
    ([*EFFECT, "sweep"], "other", "claims.decay.in_sweep.sweep: unknown sweep 'other'"),
    ([*EFFECT, "higher"], DROP, "claims.decay.in_sweep: needs either both `higher` and `lower`, or `most_important"),
    ([*EFFECT, "most_important"], True, "claims.decay.in_sweep: needs either both `higher` and `lower`"),
    (SHOWN, {"figure": "compare_loss", "of": ["plain"], "trials": "serch"}, "show.1.trials: unknown sweep 'serch'"),
    (SHOWN, {"figure": "loss", "of": ["plain"], "trials": "search"}, "`trials` of a sweep go with a figure that"),
    ([*SHOWN, "sweep"], "other", "questions.1.show.1.sweep: unknown sweep 'other'"),
    ([*SHOWN, "part"], "timline", "unknown part of a sweep 'timline': did you mean timeline?"),
    ([*SHOWN, "part"], DROP, "sweep and part go together"),
    (SHOWN, {"text": "x", "part": "outcome"}, "sweep and part go together"),
    ([*SHOWN, "of"], ["plain"], "sweep does not use `of`"),
    ([*SHOWN, "variant"], "retrained", "questions.1.show.1: search has no variant retrained"),
]

UNSEARCHABLE = [
    ([*SEARCH, "file"], "da6402", "sweeps.search.file: unknown sweep file 'da6402': did you mean da6401?"),
    ([*SEARCH, "settings"], {"epohcs": 3}, "sweeps.search.settings: unknown setting epohcs: did you mean epochs?"),
    ([*SEARCH, "settings"], {"validation_fraction": 0}, "sweeps.search: "),
    (EFFECT, {"sweep": "search", "setting": "dropout", "most_important": True}, "in_sweep.setting: the sweep varies"),
    ([*EFFECT, "setting"], "dropout", "claims.decay.in_sweep.setting: the sweep varies epochs, num_layers, "),
    ([*EFFECT, "lower"], 0.7, "claims.decay.in_sweep.lower: the sweep tries weight_decay 0.0, 0.0005, 0.5, got 0.7"),
    ([*EFFECT, "lower"], "much", "claims.decay.in_sweep.lower: weight_decay must be"),
]


def test_the_sound_one_is_taken(tmp_path):
    assert make_plan(read_document(json.dumps(SOUND)), Choice(), tmp_path).sweeps


@pytest.mark.parametrize(("place", "value", "words"), MALFORMED, ids=lambda each: str(each)[:40])
def test_what_is_malformed_is_refused_with_its_place(place, value, words):
    assert words in refusal(lambda: read_document(changed(SOUND, place, value)))


@pytest.mark.parametrize(("place", "value", "words"), UNSEARCHABLE, ids=lambda each: str(each)[:40])
def test_what_cannot_be_searched_is_refused_with_its_place(place, value, words, tmp_path):
    document = read_document(changed(SOUND, place, value))
    assert words in refusal(lambda: make_plan(document, Choice(), tmp_path))
