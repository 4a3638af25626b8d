"""Hand-ins: the author's files are never touched, their numbers and claims are those of the runs, and all is woven."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tests.commands import TINY, call

from handgrad.cli.main import main
from handgrad.evaluation import wilson
from handgrad.reproduce.handin import open_hand_in
from handgrad.reproduce.weave import Woven
from handgrad.runs import open_run

OMITTED = "\n\n".join(f"{{{{ omit: {number} }}}}" for number in range(1, 6))  # nothing is drawn
COURSE = Path(__file__).with_name("course.yaml")
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "hand-in"
ABOUT = """title: "Fast & slow"
author: "A. Student"
roll_number: "CS1"
course: "DL"
date: "-"
links: {code: "https://x.org/y"}
declaration: "I did it."
experiments:
  fast: {title: fast network, runs: [../runs/fast_s_0, ../runs/fast_s_1, ../runs/fast_s_2]}
  slow: {runs: [../runs/slow_s_0, ../runs/slow_s_1, ../runs/slow_s_2]}
  alone: {runs: [../runs/alone]}
  other: {runs: [../runs/other]}
claims:
  better: {says: The fast one is better., higher: [fast, slow], cause: [learning_rate]}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Four configurations: two with three seeds, two with one."""
    folder = tmp_path_factory.mktemp("hand_in")
    slow = TINY.replace("--learning_rate 0.003", "--learning_rate 0.00001")
    for words in (f"{TINY} --name fast --seeds 3", f"{slow} --name slow --seeds 3", f"{TINY} --name alone --seed 9"):
        assert main([*words.split(), "--runs_dir", str(folder / "runs")]) == 0
    two = slow.replace("--hidden_size 16", "--hidden_size 8")
    assert main([*two.split(), "--name", "other", "--runs_dir", str(folder / "runs")]) == 0
    return folder


@pytest.fixture
def hand_in(home, tmp_path, monkeypatch):
    """The folder of a hand-in about them; call it with the Markdown, and lines to replace in the YAML."""
    (tmp_path / "runs").symlink_to(home / "runs")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "h").mkdir()

    def write(words="# Words\n\nx\n", yaml=ABOUT):
        (tmp_path / "h" / "hand-in.yaml").write_text(yaml, encoding="utf-8")
        (tmp_path / "h" / "hand-in.md").write_text(words, encoding="utf-8")
        return tmp_path / "h"

    return write


def accuracies(home, name):
    return np.array(
        [100 * open_run(home / "runs" / f"{name}_s_{seed}").metrics["test"]["accuracy"] for seed in range(3)]
    )


def printed(folder):
    """What is printed in place of each placeholder, by what stands between its braces."""
    woven = Woven(open_hand_in(folder))
    return {each.body: woven.found[place] for place, each in enumerate(woven.words.placeholders)}


@pytest.mark.slow
def test_init_begins_a_hand_in_that_reports_at_once(home, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    answer = call(capsys, f"report {home}/runs/fast_s_0 {home}/runs/slow_s_0 {home}/runs/fast_s_1 --init h")
    assert (answer.code, answer.err) == (0, "")
    titles = re.findall(r"^# (.*)", Path("h/hand-in.md").read_text(), re.MULTILINE)
    rates = ["1: learning rate 0.003", "2: learning rate 1e-05"]
    assert titles == ["Abstract", *rates, "3: Comparison", "Conclusion", "References", "Declaration"]
    experiments = open_hand_in(Path("h")).hand_in.experiments
    assert {name: len(each.runs) for name, each in experiments.items()} == {
        "learning_rate-0.003": 2,
        "learning_rate-1e-05": 1,
    }
    answer = call(capsys, "check h")
    assert answer.code == 0
    for blank in ("author is empty", "declaration is empty", "nothing is written below 'Abstract'"):
        assert blank in answer.out
    assert call(capsys, "report h").code == 0
    page = Path("h/report.html").read_text()
    assert page.count("(author: fill in hand-in.yaml)") == 7
    assert page.count("(author: write this section in hand-in.md)") == 3


@pytest.mark.slow
def test_nothing_overwrites_the_authors_files(hand_in, home, capsys):
    folder = hand_in("# 1: fast network\n\nMine.\n\n" + OMITTED)
    before = [(folder / name).read_bytes() for name in ("hand-in.yaml", "hand-in.md")]
    answer = call(capsys, f"report {home}/runs/fast_s_0 --init h")
    assert (answer.code, answer.out) == (2, "")
    assert "h/hand-in.yaml and h/hand-in.md: there already" in answer.err
    again = call(capsys, "report runs/fast_s_0 runs/slow_s_0 --init h")
    assert again.code == 2
    assert "# 3: Comparison" in again.out
    assert "# 1:" not in again.out
    assert "is the author's" in call(capsys, "report h -o h/hand-in.md").err
    assert "is the author's" in call(capsys, "report h -o h/hand-in.txt --format md").err
    assert call(capsys, "report h --format md").code == 0
    assert [(folder / name).read_bytes() for name in ("hand-in.yaml", "hand-in.md")] == before


def test_a_second_init_prints_what_is_new(hand_in, home, capsys):
    hand_in("# 1: fast network\n\nx\n", ABOUT.replace("  other: {runs: [../runs/other]}\n", ""))
    answer = call(capsys, "report runs/fast_s_0 runs/other --init h")
    assert answer.code == 2
    assert re.search(r"runs: \[\S*runs/other\]", answer.out)
    assert "fast_s_0" not in answer.out


def test_numbers_are_those_of_the_runs(hand_in, home):
    names = ("fast.test_accuracy", "alone.test_accuracy", "fast.parameters", "fast.gap", "alone.test_loss")
    found = printed(hand_in(" ".join(f"{{{{ {name} }}}}" for name in names)))
    values = accuracies(home, "fast")
    low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    assert found["fast.test_accuracy"].words == f"{values.mean():.2f} % [{low:.2f}, {min(high, 100):.2f}]"
    metrics = open_run(home / "runs" / "alone").metrics
    share = wilson(round(359 * metrics["test"]["accuracy"]), 359)
    mean = 100 * metrics["test"]["accuracy"]
    assert found["alone.test_accuracy"].words == f"{mean:.2f} % [{100 * share.low:.2f}, {100 * share.high:.2f}]"
    assert found["fast.parameters"].words == "1,210"
    assert found["alone.test_loss"].words == f"{metrics['test']['loss']:.4g}"
    gaps = [
        100 * (m["train"]["accuracy"] - m["test"]["accuracy"])
        for m in (open_run(home / "runs" / f"fast_s_{s}").metrics for s in range(3))
    ]
    assert found["fast.gap"].words.startswith(f"{np.mean(gaps):.2f} % [")


def test_a_stated_number_is_held_against_the_runs(hand_in, home):
    values = accuracies(home, "fast")
    right, rough = f"{values.mean():.2f}", f"{values.mean():.0f}"
    folder = hand_in("".join(f"{{{{ fast.test_accuracy: {number} }}}} " for number in (right, rough, 12.5)))
    found = printed(folder)
    assert found[f"fast.test_accuracy: {right}"] == (right, True)
    assert found[f"fast.test_accuracy: {rough}"] == (rough, True)
    wrong = found["fast.test_accuracy: 12.5"]
    assert not wrong.holds
    assert wrong.words.startswith(f"12.5 (the runs say {right} % [")


CLAIMS = {
    "fast > slow on test_accuracy": "holds",
    "fast > slow": "holds",
    "slow < fast on test_accuracy by 2": "holds",
    "fast > slow by 99": "does not hold",
    "slow > fast": "does not hold",
    "fast > slow on test_loss": "does not hold",
    "fast = slow within 2": "does not hold",
    "fast = slow within 100": "holds",
    "fast = slow within 1000 on parameters": "holds",
    "fast > other": "confounded",
    "better": "holds",
}


@pytest.mark.slow
def test_claims_are_judged_by_the_runs(hand_in):
    woven = Woven(
        open_hand_in(hand_in("".join(f"# Words\n\nIt is so\n({{{{ claim: {each} }}}}).\n" for each in CLAIMS)))
    )
    for place, (claim, verdict) in enumerate(CLAIMS.items()):
        statement, (words,) = woven.statements[place], woven.chapters[place].blocks
        said = "The fast one is better." if claim == "better" else claim
        assert (statement.line, statement.words, statement.verdict) == (4 * place + 4, said, verdict)
        assert statement.sentence, claim
        assert f"{verdict}: " in words.html, claim
        assert ("<mark>⚠ " in words.html) == ("**⚠ " in words.markdown) == (verdict != "holds"), claim
        assert ("handgradfails" in words.latex) == (verdict != "holds"), claim


@pytest.mark.parametrize(("claim", "code"), [("fast > slow", 0), ("slow > fast", 1)])
def test_check_prints_the_line_the_claim_and_the_verdict(hand_in, capsys, claim, code):
    hand_in(f"# Words\n\n{{{{ fast.parameters: 1210 }}}} ({{{{ claim: {claim} }}}})\n")
    answer = call(capsys, "check h")
    assert (answer.code, answer.err) == (code, "")
    one, _, two, *why, last = answer.out.splitlines()
    assert one == "h/hand-in.md:3  HOLDS  fast.parameters: 1210"
    assert two == f"h/hand-in.md:3  {'DOES NOT HOLD' if code else 'HOLDS'}  {claim}"
    assert "fast network" in " ".join(why)
    assert last == f"{2 - code} of 2 statements hold, 0 blanks"


FAULTS = {
    "{{ fsat.test_accuracy }}": "unknown experiment 'fsat': did you mean fast?",
    "{{ fast.test_acuracy }}": "unknown measure 'test_acuracy': did you mean test_accuracy?",
    "{{ fast.test_accuracy: many }}": "'many' is no number",
    "{{ fast.macro_f1 }}": "fast has no macro F1",
    "{{ claim: fast >> slow }}": "is not understood: write `relu > tanh on test_accuracy`",
    "{{ claim: fast > slow on }}": "is not understood",
    "{{ claim: fast > slow within 2 }}": "higher does not use `within`",
    "{{ claim: fast = slow }}": "equal needs `within`",
    "{{ claim: fast > slow on acuracy }}": "unknown measure 'acuracy'",
    "{{ claim: fast > slow by x }}": "'x' is no number",
    "{{ claim: fast > fast }}": "names an experiment twice",
    "{{ claim: fast > slwo }}": "unknown experiment 'slwo': did you mean slow?",
    "{{ claim: beter }}": "unknown claim 'beter': did you mean better?",
    "{{ figures: rco of fast }}": "unknown figure 'rco'",
    "{{ figures: confusoin of fast }}": "unknown figure 'confusoin': did you mean confusion?",
    "{{ table: numbres }}": "unknown table 'numbres': did you mean numbers?",
    "{{ question: 9 }}": "unknown question '9'",
    "{{ equations: fsat }}": "unknown experiment 'fsat'",
    "{{ nonsense }}": "is not understood: expected figures, table",
    "{{ }}": "is not understood",
    "{{ fast.test_accuracy": "{{ is not closed by }}",
    "- {{ figures: roc of fast }}": "must stand in a paragraph of its own",
    "as {{ table: numbers }} has it": "must stand in a paragraph of its own",
}


@pytest.mark.parametrize(("text", "why"), FAULTS.items(), ids=FAULTS)
def test_faults_are_named_with_their_line(hand_in, capsys, text, why):
    hand_in(f"# Words\n\nfine\n\n{text}\n")
    answer = call(capsys, "check h")
    assert answer.code == 2
    assert answer.err.startswith("handgrad: error: h/hand-in.md:5: ")
    assert why in answer.err
    assert answer.err.count("\n") == 1


def test_all_faults_are_named_at_once(hand_in, capsys):
    hand_in("{{ fsat.gap }}\n\n{{ claim: fast = slow }}\n\n{{ x\n")
    error = call(capsys, "check h").err
    assert [int(line) for line in re.findall(r"hand-in.md:(\d+): ", error)] == [1, 3, 5]


YAML_FAULTS = {
    "a run that is gone": (("../runs/alone", "../runs/gone"), "experiments.alone.runs: ", "gone"),
    "a run twice": (("../runs/other", "../runs/alone"), "experiments.other.runs: ", "stands twice"),
    "a name twice": (("  other:", "  alone:"), "line 12: key 'alone' stands twice", ""),
    "a tag": (('author: "A. Student"', "author: !!python/object:os.system x"), "tag ", "is not accepted"),
    "no runs": (("[../runs/other]", "[]"), "experiments.other has no runs", ""),
    "an unknown key": (("roll_number:", "rol_number:"), "rol_number: is no key of a hand-in", ""),
    "a number": (('"CS1"', "0012"), "roll_number: must be a valid string", ""),
    "nothing to report on": (("experiments:\n", "links2: {}\nexperiments2:\n"), "links2: is no key", "experiments2"),
    "a claim without its experiment": (("[fast, slow]", "[fast, slwo]"), "did you mean slow?", ""),
    "a format": (('title: "Fast & slow"', "title: x\nformats: [docx]"), "formats.0", ""),
}


@pytest.mark.parametrize(("change", "one", "other"), YAML_FAULTS.values(), ids=YAML_FAULTS)
def test_faults_of_the_yaml_are_named(hand_in, capsys, change, one, other):
    hand_in(yaml=ABOUT.replace(*change, 1))
    answer = call(capsys, "check h")
    assert answer.code == 2
    assert "h/hand-in.yaml" in answer.err
    assert one in answer.err
    assert other in answer.err


def test_a_run_that_has_not_ended_is_refused(hand_in, home, tmp_path, capsys):
    shutil.copytree(home / "runs" / "alone", tmp_path / "open")
    (tmp_path / "open" / "metrics.json").unlink()
    hand_in(yaml=ABOUT.replace("../runs/alone", "../open"))
    answer = call(capsys, "check h")
    assert answer.code == 2
    assert "has not ended: finish it with `handgrad resume " in answer.err


def test_a_hand_in_without_its_words_is_refused(hand_in, capsys):
    (hand_in() / "hand-in.md").unlink()
    assert "cannot read h/hand-in.md" in call(capsys, "check h").err


@pytest.mark.slow
def test_figures_and_tables_stand_where_they_are_asked_for(hand_in, capsys):
    hand_in(
        "# 1\n\nbefore\n\n{{ figures: loss of fast }}\n\nafter\n\n{{ table: numbers of fast, slow }}\n\n"
        "# 3\n\n# Own\n\n{{ question: 4 }}\n\n{{ omit: 2 }}\n"
    )
    answer = call(capsys, "report h -o out.md")
    assert answer.code == 0
    assert "note: question 5 has no section in hand-in.md: it stands at the end" in answer.out
    assert "question 2" not in answer.out
    one, three, own, rest = re.split(r"^## ", Path("out.md").read_text(), flags=re.MULTILINE)[1:5]
    assert re.search(
        r"before.*!\[Loss against iteration\]\(.*after.*\| fast network \| 3 \|.*\| slow \| 3 \|", one, re.DOTALL
    )
    assert one.count("![") == 1
    assert "| alone | 1 |" in three
    assert three.count("![") == 3
    assert "| other | 1 |" in own
    assert rest.startswith("5: Comparison\n")
    assert "learning rate" in rest


@pytest.mark.slow
def test_titles_and_words_cannot_break_out(hand_in, capsys):
    hostile = r"<script>x</script> \\input{/etc/passwd} $x$"
    hand_in(f"# {hostile}\n\n{hostile}\n\n{OMITTED}", ABOUT.replace("Fast & slow", hostile))
    assert call(capsys, "report h -o out.html").code == 0
    assert call(capsys, "report h -o out.tex").code == 0
    assert "<script>x" not in Path("out.html").read_text()
    assert "\\input{/etc" not in Path("out.tex").read_text()


@pytest.mark.slow
def test_every_format_of_the_yaml_is_written(hand_in, capsys):
    folder = hand_in("# One\n\n{{ figures: loss of fast }}\n\n" + OMITTED, ABOUT + "formats: [html, md, latex]\n")
    assert call(capsys, "report h").code == 0
    for name in ("report.html", "report.md", "latex/main.tex", "latex/figures/loss-fast-replication.pdf"):
        assert (folder / name).stat().st_size > 500
    for name in re.findall(r"handgradfigure\{(.*?)\}", (folder / "latex" / "main.tex").read_text())[1:]:
        assert (folder / "latex" / name).read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("words", ["report h runs/alone", "report h --init g"])
def test_a_hand_in_stands_alone(hand_in, capsys, words):
    hand_in()
    answer = call(capsys, words)
    assert answer.code == 2
    assert "a hand-in names its runs itself" in answer.err


@pytest.mark.slow
def test_a_hand_in_about_a_recipe(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(COURSE, "course.yaml")
    begin = "reproduce course.yaml --question 1 --seeds 2 -o made"
    assert call(capsys, f"{begin} --init h").code == 0
    assert not Path("made").exists()
    words = Path("h/hand-in.md").read_text()
    assert "# 1: Activations" in words
    refused = call(capsys, "check h")
    assert refused.code == 2
    assert refused.err.endswith("not trained yet: handgrad reproduce course.yaml --question 1 --seeds 2 -o made\n")
    assert call(capsys, f"{begin} --jobs 1").code == 0
    live = "Mine. {{ relu.test_accuracy }} {{ claim: relu_better }} {{ claim: relu > sigmoid }}"
    Path("h/hand-in.md").write_text(words.replace("<!-- What do you see, and why is it so? -->", live))
    checked = call(capsys, "check h")
    assert checked.code in (0, 1)
    assert checked.out.count("h/hand-in.md:14  ") == 2
    assert call(capsys, "report h").code == 0
    page = Path("h/report.html").read_text()
    assert "Mine. " in page
    assert page.index("Mine. ") < page.index("sigmoid network")
    assert "handgrad reproduce course.yaml --question 1 --seeds 2 -o made" in page
    answer = call(capsys, "reproduce course.yaml --init h -o made")
    assert answer.code == 2
    assert "# 2b: Other models" in answer.out
    assert "# 1: " not in answer.out


@pytest.mark.slow
def test_the_example_holds(tmp_path, monkeypatch, capsys):
    """Trained by the commands of its README."""
    for name in ("hand-in.yaml", "hand-in.md"):
        shutil.copy(EXAMPLE / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^handgrad (train .*)", (EXAMPLE / "README.md").read_text(), re.MULTILINE)
    assert len(commands) == 3
    for words in commands:
        assert call(capsys, words).code == 0
    answer = call(capsys, "check .")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.endswith("4 of 4 statements hold, 0 blanks\n")
    assert (EXAMPLE / "report.pdf").stat().st_size <= 500_000
