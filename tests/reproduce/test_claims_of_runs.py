"""Claims about one's own run folders, beside printed numbers."""

import pytest
from tests.commands import TINY, call

from handgrad.claims import check, read_document
from handgrad.errors import FileSystemError, UsageError
from handgrad.evaluation import mcnemar
from handgrad.runs.predictions import predictions_of
from handgrad.runs.store import existing_run

CLAIMS = """
title: my runs
images: {test: 359}
experiments:
  longer: {runs: [runs/long-0, runs/long-1, runs/long-2]}
  shorter: {runs: [runs/short-0, runs/short-1, runs/short-2]}
  printed: {settings: {epochs: 1}, printed: {test_accuracy: 97.0}}
claims:
  longer_better: {says: Longer is better., higher: [longer, shorter], cause: [epochs]}
  smaller: {says: It has fewer parameters., lower: [longer, shorter], measure: parameters, cause: [epochs]}
  wider_gap: {says: It overfits more., higher: [longer, shorter], measure: gap}
  sooner: {says: It takes as many steps., lower: [longer, shorter], measure: steps_to_loss, level: 9, cause: [epochs]}
  never: {says: It takes more steps., higher: [longer, shorter], measure: steps_to_loss, level: 0, cause: [epochs]}
  smoother: {says: It is smoother., lower: [longer, shorter], measure: roughness, cause: [epochs]}
"""


def tiny(epochs, hidden_size=16):
    return (
        TINY.replace("--epochs 2", "--log_every 10 --epochs 2")
        .replace("--epochs 2", f"--epochs {epochs}")
        .replace("size 16", f"size {hidden_size}")
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("claims")


@pytest.fixture
def runs(folder, capsys):
    """A folder with three trainings of 12 epochs and three of 1, which differ in their seeds otherwise."""
    for name, epochs in {"long": 12, "short": 1}.items():
        for seed in range(3):
            if not (folder / "runs" / f"{name}-{seed}").exists():
                words = f"{tiny(epochs)} --runs_dir {folder}/runs --name {name}-{seed} --seed {seed}"
                assert call(capsys, words).code == 0
    return folder


def verdicts(runs, text=CLAIMS):
    path = runs / "claims.yaml"
    path.write_text(text)
    return {each.name: each for each in check(read_document(path), runs)}


def test_numbers_come_from_the_folders(runs):
    found = verdicts(runs)
    assert found["longer_better"].verdict == "supported"
    assert "t = " in found["longer_better"].arithmetic[0]
    assert found["longer_better"].differences[0].value > 10
    assert found["smaller"].verdict == "contradicted"  # they have equally many
    assert found["wider_gap"].verdict in ("supported", "tie", "contradicted")


def test_the_course_of_a_training_comes_from_its_history(runs):
    found = verdicts(runs)
    assert found["sooner"].verdict == "tie"  # each is below 9 at its first point
    (same,) = found["sooner"].differences
    # two roundings to 10 steps have variance 2 100 / 12; of three pairs, t(0.975, 2) = 4.303: 4.303 sqrt(16.67 / 3)
    assert (same.value, same.high) == (0, pytest.approx(10.14, abs=0.01))
    (difference,) = found["never"].differences
    steps = [existing_run(runs / "runs" / name).metrics["steps"] // 10 * 10 for name in ("long-0", "short-0")]
    assert difference.value == steps[0] - steps[1]
    assert "steps (all of them, if it never gets there) to a training loss of 0" in found["never"].arithmetic[0]
    assert found["smoother"].differences[0].how == "paired over 3 seeds"


def test_single_runs_are_compared_over_the_same_images(runs):
    text = CLAIMS.replace("-0, runs/long-1, runs/long-2]", "-0]").replace("-0, runs/short-1, runs/short-2]", "-0]")
    found = verdicts(runs, text)["longer_better"]
    assert found.verdict == "supported"
    rights = [predictions_of(existing_run(runs / "runs" / name)).right for name in ("long-0", "short-0")]
    assert found.p == mcnemar(*rights).p
    assert "McNemar over the same 359 images" in found.sentence
    assert any(line.startswith("One seed each") for line in found.arithmetic)


@pytest.mark.slow
def test_settings_come_from_the_folders(runs, capsys):
    words = f"{tiny(12, 8)} --runs_dir {runs}/runs --name other"
    call(capsys, words)
    text = CLAIMS.replace("[runs/long-0, runs/long-1, runs/long-2]", "[runs/other]")
    found = verdicts(runs, text)["longer_better"]
    assert found.verdict == "confounded"
    assert "hidden_size (8 against 16)" in " ".join(found.arithmetic)


def test_runs_of_one_experiment_differ_in_their_seed_only(runs):
    with pytest.raises(UsageError, match=r"runs/short-0 differs from .*runs/long-0 in epochs"):
        verdicts(runs, CLAIMS.replace("runs/long-1", "runs/short-0"))


def test_a_run_that_is_not_there(runs):
    with pytest.raises(FileSystemError, match="no run in"):
        verdicts(runs, CLAIMS.replace("runs/long-1", "runs/gone"))
