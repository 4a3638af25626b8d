"""`handgrad sweep report`, and the report at the end of a sweep, of runs that take a blink."""

import pytest
from tests.commands import call
from tests.sweeps.conftest import drive

from handgrad.reports.sweep import build_sweep_report
from handgrad.reports.sweep_data import look, standing
from handgrad.sweeps.database import open_storage
from handgrad.sweeps.folder import open_sweep
from handgrad.sweeps.store import Trial, TrialStore

FLAGS = "--dataset digits -nhl 1 -sz 16 -e 2 -b 32 --no_batch_norm --dropout 0 -o adam --schedule constant --jobs 1"
FILE = "method: grid\nparameters:\n  act: {values: [relu, tanh]}\n  lr: {values: [0.01, 0.00001]}\n"


@pytest.fixture
def swept(make_sweep, monkeypatch, tmp_path):
    """A sweep of four runs that is over, with its folder in the current one's `sweeps`."""
    monkeypatch.chdir(tmp_path)
    sweep = make_sweep({"activation": ("relu", "tanh"), "learning_rate": (0.01, 1e-5)})
    drive(sweep)
    return sweep


@pytest.mark.slow
def test_a_sweep_ends_with_its_report(here, capsys):
    (here / "sweep.yaml").write_text(FILE)
    answer = call(capsys, f"sweep sweep.yaml {FLAGS} --name first --trials 2")
    assert (answer.code, answer.err) == (0, "")
    assert "report: sweeps/first/report.html (2." in answer.out
    folder = here / "sweeps" / "first"
    before = (folder / "report.html").read_text()
    assert "not over" not in before
    assert "figures/timeline.svg" in (folder / "report.md").read_text()
    assert {"timeline.svg", "timeline.csv", "leaderboard.csv", "trials.csv"} <= {
        path.name for path in (folder / "figures").iterdir()
    }
    assert call(capsys, "sweep resume first --trials 3 --jobs 1 --no_report").code == 0
    assert (folder / "report.html").read_text() == before
    assert call(capsys, "sweep resume first --trials 4 --jobs 1").code == 0
    assert (folder / "report.html").read_text() != before


@pytest.mark.slow
def test_a_report_that_cannot_be_written_does_not_spoil_a_sweep(swept, capsys):
    (swept.path / "report.html").mkdir()
    answer = call(capsys, "sweep resume sweep")
    assert answer.code == 0
    assert answer.err.startswith("handgrad: warning: no report: cannot write sweeps/sweep/report.html")
    assert answer.err.count("\n") == 1


@pytest.mark.slow
def test_the_gist_is_printed(swept, capsys):
    answer = call(capsys, "sweep report sweep")
    assert (answer.code, answer.err) == (0, "")
    waiting, *lines = answer.out.splitlines()
    assert waiting == "writing the report …"
    assert lines[0] == "sweep sweep: 4 of 4 trials are done"
    ranked = swept.ranked(swept.trials())
    for line, trial in zip(lines[2:6], ranked, strict=True):
        assert line.split()[0] == f"{100 * trial.objective:.2f}"
        assert line.split()[-1] == trial.run
    assert any(line.startswith("  handgrad train --dataset digits") for line in lines)
    assert lines[-1].startswith("report: sweeps/sweep/report.html")
    assert all(len(line) <= 80 for line in lines if not line.startswith("  handgrad train"))


@pytest.mark.slow
def test_a_file_of_ones_own(swept, capsys, tmp_path):
    assert call(capsys, "sweep report sweeps/sweep -o mine/first.md").code == 0
    assert "first/timeline.svg" in (tmp_path / "mine" / "first.md").read_text()
    assert (tmp_path / "mine" / "first" / "timeline.csv").exists()
    assert not (swept.path / "report.html").exists()
    assert call(capsys, "sweep report sweep --format html").code == 0
    assert not (swept.path / "report.md").exists()
    refused = call(capsys, "sweep report sweep -o first.docx")
    assert refused.code == 2
    assert "a report is written as .html, .md, .pdf, .tex, got first.docx (--output)" in refused.err


@pytest.mark.slow
def test_it_can_be_written_while_the_sweep_runs(swept, capsys):
    with open_storage(swept.storage_url) as (drivers, storage):
        store = TrialStore(storage, swept.study, swept.definition)
        store.add(Trial(0, {"activation": "relu", "learning_rate": 0.01}, "another", seed=0, driver=drivers.name))
        answer = call(capsys, "sweep report sweep")
        assert (answer.code, answer.err) == (0, "")
        assert "4 of 4 trials are done, 1 runs" in answer.out
        assert "This sweep is not over: 4 of 4 trials are done, 1 runs." in (swept.path / "report.md").read_text()
    assert standing(look(swept)) == "4 of 4 trials are done, 1 cut off"


@pytest.mark.slow
def test_the_command_that_it_gives_runs_the_same_sweep_again(swept, capsys, tmp_path):
    blocks = build_sweep_report(look(swept)).sections[-1].blocks
    file, command = [block.text for block in blocks if block.template == "code"]
    (tmp_path / "sweep.yaml").write_text(file)
    assert call(capsys, command.removeprefix("handgrad"), "--no_report").code == 0
    again = open_sweep(tmp_path / "sweeps" / "sweep-again").trials()
    assert [(each.values, each.objective) for each in again] == [
        (each.values, each.objective) for each in swept.trials()
    ]
