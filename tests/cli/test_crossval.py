"""`handgrad crossval`: its tables against the runs in its folder, what it keeps, and what it refuses."""

import json
import re

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import precision_recall_fscore_support
from tests.commands import TINY, call

from handgrad.config import RunConfig, build_dataset
from handgrad.data import folds_of_test, load
from handgrad.runs import open_run
from handgrad.runs.predictions import predictions_of

FOLDS = TINY.replace("train ", "crossval ").replace(" --no_report", "") + " --runs_dir . --folds 3 --name cv"


def table_rows(out, first):
    """The rows of the table whose head starts with `first`, by their first word."""
    lines = out.splitlines()
    start = next(n for n, line in enumerate(lines) if line.split()[:1] == [first] and "recall" in line)
    rows = []
    for line in lines[start + 1 :]:
        if not line.strip():
            break
        rows.append(re.split(r"\s{2,}", line.strip()))
    return {row[0]: row[1:] for row in rows}


@pytest.fixture(scope="module")
def crossed(tmp_path_factory):
    """A finished cross-validation, and what it printed."""
    import contextlib
    import io

    from handgrad.cli.main import main

    folder = tmp_path_factory.mktemp("crossed")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(f"{FOLDS} --runs_dir {folder}".replace("--runs_dir . ", "").split()) == 0
    return folder / "cv", out.getvalue()


def test_the_folder(crossed):
    folder, _ = crossed
    assert {path.name for path in folder.iterdir()} == {"crossval.json", "fold_1", "fold_2", "fold_3"}
    assert [open_run(folder / f"fold_{k}").config.fold for k in (1, 2, 3)] == ["1/3", "2/3", "3/3"]
    assert all(open_run(folder / f"fold_{k}").complete for k in (1, 2, 3))


def test_the_table_of_folds(crossed):
    """Each row is what scikit-learn says of that run's predictions of its own fold."""
    folder, out = crossed
    rows = table_rows(out, "fold")
    numbers = []
    for k in (1, 2, 3):
        predictions = predictions_of(open_run(folder / f"fold_{k}"), "test")
        predicted = predictions.scores.argmax(axis=1)
        macro = precision_recall_fscore_support(predictions.labels, predicted, average="macro", zero_division=0)[:3]
        loss = -np.log(predictions.scores[range(len(predicted)), predictions.labels]).mean()
        numbers.append([100 * (predicted == predictions.labels).mean(), *(100 * each for each in macro), loss])
        assert rows[str(k)][0] == str(len(predicted))
        assert [float(each) for each in rows[str(k)][1:]] == pytest.approx(numbers[-1], abs=0.0051)
    columns = np.array(numbers)
    assert [float(each) for each in rows["mean"]] == pytest.approx(columns.mean(axis=0), abs=0.0051)
    assert [float(each) for each in rows["± sd"]] == pytest.approx(columns.std(axis=0, ddof=1), abs=0.0051)
    low, high = stats.t.interval(0.95, 2, loc=columns.mean(axis=0), scale=stats.sem(columns))
    assert [float(each) for each in rows["95 % from"]] == pytest.approx(low, abs=0.0051)
    assert [float(each) for each in rows["95 % to"]] == pytest.approx(high, abs=0.0051)


def test_the_table_of_classes(crossed):
    folder, out = crossed
    found = []
    for k in (1, 2, 3):
        _, labels, *_ = predictions = predictions_of(open_run(folder / f"fold_{k}"), "test")
        found.append(precision_recall_fscore_support(labels, predictions.scores.argmax(axis=1), zero_division=0)[:3])
    found = 100 * np.array(found)
    for label, row in table_rows(out, "class").items():
        for cell, values in zip(row, found[:, :, int(label)].T, strict=True):
            mean, deviation = map(float, cell.split(" ± "))
            assert (mean, deviation) == pytest.approx((values.mean(), values.std(ddof=1)), abs=0.0051)


def test_every_training_image_is_tested_once_by_a_model_that_never_saw_it(crossed):
    folder, _ = crossed
    images = [image.tobytes() for image in load("digits").x_train]
    assert len(set(images)) == len(images)  # so that an image tells its row
    tested = []
    for k in (1, 2, 3):
        dataset = build_dataset(open_run(folder / f"fold_{k}").config)
        trained_on = {image.tobytes() for image in dataset.x_train}
        fold = [image.tobytes() for image in dataset.x_test]
        assert not trained_on & set(fold)
        assert len(trained_on) + len(fold) == len(images)
        tested += fold
    assert sorted(tested) == sorted(images)


def test_lines_are_short(crossed):
    _, out = crossed
    assert max(len(line) for line in out.splitlines() if "/" not in line) <= 100
    assert "\x1b" not in out


def test_finished_folds_are_not_run_again(here, capsys):
    assert call(capsys, FOLDS).code == 0
    kept = {k: (here / "cv" / f"fold_{k}" / "metrics.json").stat().st_mtime_ns for k in (1, 2, 3)}
    before = json.loads((here / "cv" / "crossval.json").read_text())
    # As if it had been killed in the second fold: its run is not over, and the third had been reached already.
    partial = {**before, "results": [entry for entry in before["results"] if entry["fold"] != 2]}
    (here / "cv" / "crossval.json").write_text(json.dumps(partial))
    (here / "cv" / "fold_2" / "metrics.json").unlink()
    answer = call(capsys, FOLDS)
    assert answer.code == 0
    assert [line.split(":")[0] for line in answer.out.splitlines() if line.startswith("fold ")][1:] == []
    assert "2 of 3 folds were finished before and are not run again" in answer.out
    assert json.loads((here / "cv" / "crossval.json").read_text()) == before
    for k, same in {1: True, 2: False, 3: True}.items():
        assert ((here / "cv" / f"fold_{k}" / "metrics.json").stat().st_mtime_ns == kept[k]) is same


@pytest.mark.slow
def test_several_at_a_time_are_the_same(crossed, here, capsys):
    folder, _ = crossed
    assert call(capsys, f"{FOLDS} --jobs 2").code == 0
    for k in (1, 2, 3):
        files = (path / f"fold_{k}" / "model.safetensors" for path in (folder, here / "cv"))
        assert next(files).read_bytes() == next(files).read_bytes()


@pytest.mark.slow
def test_an_error_in_another_process_comes_back_in_one_line(here, capsys):
    answer = call(capsys, f"{FOLDS} --jobs 2".replace("0.003", "1e30"))
    assert answer.code == 3
    assert answer.err.startswith("handgrad: error: ")
    assert answer.err.count("\n") == 1


def test_folds_of_the_test_set(here, capsys):
    answer = call(capsys, f"{FOLDS} --of test")
    assert answer.code == 0
    assert "folds of the test set, all on one model, after its last epoch: no cross-validation" in answer.out
    assert {path.name for path in (here / "cv").iterdir()} == {"crossval.json", "model"}
    run, digits = open_run(here / "cv" / "model"), load("digits")
    assert (run.config.fold, run.config.keep) == ("test/3", "last")
    predictions = predictions_of(run, "test")
    rows = table_rows(answer.out, "fold")
    for k, fold in enumerate(folds_of_test(digits, 3, 0), 1):
        accuracy = (predictions.scores[fold].argmax(axis=1) == digits.y_test[fold]).mean()
        assert rows[str(k)][:2] == [str(len(fold)), f"{100 * accuracy:.2f}"]
    watched = np.concatenate(folds_of_test(digits, 3, 0)[:2])
    expected = (predictions.scores[watched].argmax(axis=1) == digits.y_test[watched]).mean()
    assert run.metrics["epochs"][-1]["validation_accuracy"] == pytest.approx(expected)
    # All training images were trained on: 45 steps of 32 are 1,438 images in two epochs of 45.
    assert run.metrics["steps"] == 2 * 45
    again = call(capsys, f"{FOLDS} --of test")
    assert "3 of 3 folds were finished before and are not run again" in again.out


def test_a_class_that_is_never_predicted(here, capsys):
    """HOG features into a network with one hidden layer, hardly trained: undefined is 0, said so, and no crash."""
    words = "crossval -d digits --model hog-mlp -nhl 1 -sz 32 -e 1 -o sgd -lr 1e-4 --folds 2 --runs_dir . --name cv"
    answer = call(capsys, words)
    assert answer.code == 0
    notes = re.findall(r"^in \d of 2 folds: precision of class (\d): never predicted; given as 0", answer.out, re.M)
    assert notes
    predicted = [predictions_of(open_run(here / "cv" / f"fold_{k}")).scores.argmax(axis=1) for k in (1, 2)]
    missing = {label for label in range(10) if any(label not in each for each in predicted)}
    assert set(map(int, notes)) == missing
    nowhere = [label for label in missing if all(label not in each for each in predicted)]
    classes = table_rows(answer.out, "class")
    assert nowhere
    assert all(classes[str(label)] == ["0.00 ± 0.00"] * 3 for label in nowhere)


def test_classical_models(here, capsys):
    answer = call(capsys, "crossval -d digits --model hog-svm --folds 2 --runs_dir .")
    assert answer.code == 0
    folder = here / "digits_hog_svm_s_0_cv_2"
    rows = table_rows(answer.out, "fold")
    for k in (1, 2):
        accuracy = open_run(folder / f"fold_{k}").metrics["test"]["accuracy"]
        assert rows[str(k)][1] == f"{100 * accuracy:.2f}"
        assert rows[str(k)][-1] == "–"
    assert rows["mean"][-1] == "–"


REFUSED = {
    "--folds 1": "folds must be 2 to 1000, got 1 (--folds)",
    "--folds 200": "folds must be 2 to 146, the members of the largest class, got 200",
    "--of validation": "of must be one of train, test, got 'validation' (--of)",
    "--jobs 0": "jobs must be 1 to 1000, got 0 (--jobs)",
    "--fold 1/3": "crossval holds out each fold once: leave out fold, got 1/3 (--fold)",
    "--of test --validation_fraction 0.3": "fold test/3 validates on test images: leave out validation_fraction",
    "--of test --keep best": "fold test/3 validates on test images, by which nothing may be chosen: keep must be last",
    "--of test --patience 2": "by which nothing may be chosen: leave out patience, got 2 (--patience)",
    "--of test --monitor validation_loss": "by which nothing may be chosen: leave out monitor, got validation_loss",
    "--model svm --epochs 4": "model svm is fitted by scikit-learn",
}


@pytest.mark.parametrize(("words", "expected"), REFUSED.items())
def test_refusals(here, capsys, words, expected):
    folds = "" if "--folds" in words else "--folds 3"
    answer = call(capsys, f"crossval -d digits {folds} --name cv --runs_dir . {words}")
    assert answer.code == 2
    assert expected in answer.err
    assert answer.err.count("\n") == 1
    assert list(here.iterdir()) == []


def test_a_folder_of_something_else(crossed, here, capsys):
    call(capsys, FOLDS)
    for words in (
        FOLDS.replace("--epochs 2", "--epochs 3"),
        FOLDS.replace("--folds 3", "--folds 4"),
        f"{FOLDS} --of test",
    ):
        answer = call(capsys, words)
        assert answer.code == 2
        assert answer.err == "handgrad: error: cv holds folds of other settings or data: choose another --name\n"
    (here / "other").mkdir()
    answer = call(capsys, FOLDS.replace("--name cv", "--name other"))
    assert "other exists and holds no crossval.json: choose another --name" in answer.err
    (here / "cv" / "crossval.json").write_text("{")
    answer = call(capsys, FOLDS)
    assert answer.code == 5
    assert "cannot read cv/crossval.json" in answer.err


def test_the_folder_of_another_seed_is_another():
    config = RunConfig(dataset="digits")
    from handgrad.runs.crossval import folder_of

    names = {
        folder_of(config.replaced(seed=seed), folds, of)
        for seed in (0, 1)
        for folds in (3, 5)
        for of in ("train", "test")
    }
    assert len(names) == 8
