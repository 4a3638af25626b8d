"""`handgrad sweep FILE --dry_run`."""

import pytest
from tests.commands import call

from handgrad.sweeps import Diagnostic

SWEEP = """
method: random
run_cap: 4
metric: {name: val_acc, goal: maximize}
early_terminate: {type: hyperband, min_iter: 1}
parameters:
  dataset: {value: digits}
  epochs: {value: 3}
  num_layers: {value: 1}
  hidden_size: {values: [8, [16]]}
  activation: {values: [ReLU, Tanh], probabilities: [0.25, 0.75]}
  lr: {distribution: log_uniform_values, min: 1e-3, max: 1e-1}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(SWEEP)
    return path


def test_dry_run_shows_the_space_and_the_findings_within_80_columns(capsys, monkeypatch, file):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = call(capsys, "sweep", file, "--dry-run", "-j", "2")
    assert (code, err) == (0, "")
    assert max(len(line) for line in out.splitlines() if not line.startswith("$ handgrad train ")) <= 80
    for words in (
        "maximize validation_accuracy",
        "relu (25%), tanh (75%)",
        "0.001 to 0.1, log",
        "8, [16]",
        "rungs of a run of 3 epochs: 1",
        "$ handgrad train --dataset digits",
        "a trial takes about",
        "2 at a time",
        "Write 0.001",
    ):
        assert words in " ".join(out.split()), words  # whichever line the width has broken it over


def test_errors_of_the_doctor_are_exit_code_2(capsys, file):
    file.write_text(SWEEP.replace("val_acc", "test_acc"))
    code, out, _ = call(capsys, "sweep", file, "--dry_run")
    assert code == 2
    assert "test_accuracy decides" in out


@pytest.mark.slow
def test_flags_hold_what_the_file_varies(capsys, file):
    code, out, _ = call(capsys, f"sweep {file} --dry_run --activation gelu -nhl 1 -sz 8 --runs_dir elsewhere")
    assert code == 0
    fixed = out[out.index("fixed:") : out.index("rungs")]
    assert "activation gelu" in " ".join(fixed.split())
    assert "runs_dir" not in fixed
    assert "relu" not in out


@pytest.mark.slow
def test_a_bundled_sweep_by_its_name(capsys):
    code, out, _ = call(capsys, "sweep da6401 --dry_run --dataset digits --trials 5")
    assert code == 0
    assert "11,664 configurations; 5 of them to be tried" in " ".join(out.split())


def test_a_data_set_that_is_not_there_leaves_the_other_findings(capsys, file, tmp_path):
    file.write_text(SWEEP.replace("digits", str(tmp_path / "none.npz")).replace("maximize", "minimize"))
    code, out, _ = call(capsys, "sweep", file, "--dry_run")
    assert code == 2
    assert "hours are not estimated: " in " ".join(out.split())
    assert "Write goal: maximize" in out


MISTAKES = {
    "": "give a YAML file, or the name of a bundled sweep: da6401",
    "da6410 --dry_run": "no sweep file 'da6410': did you mean da6401? Bundled: da6401",
    "reprot first --format md": "no sweep file 'reprot': did you mean report? Bundled: da6401",
    "none.yaml --dry_run": "cannot read none.yaml",
    "da6401 --trials 0": "trials must be 1 to",
    "da6401 --dry_run --epochs 0": "epochs must be 1 to",
}


@pytest.mark.parametrize(("words", "says"), MISTAKES.items())
def test_mistakes_take_one_line(capsys, words, says):
    code, _, err = call(capsys, f"sweep {words}")
    assert code in (2, 4)
    assert says in err
    assert len(err.splitlines()) == 1


def test_help(capsys):
    code, out, _ = call(capsys, "sweep --help")
    assert code == 0
    assert "usage: handgrad sweep FILE" in out
    assert "--trials N" in out
    assert max(map(len, out.splitlines())) <= 80


def test_a_finding_is_a_sentence_and_its_fix():
    assert str(Diagnostic("note", "a is b", "Write c")) == "a is b. Write c"
