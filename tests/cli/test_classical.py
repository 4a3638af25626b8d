"""Classical models and features on the command line: the same run folder, the same commands, clear refusals."""

import json
import os
import re
import signal
import subprocess

import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.svm import SVC
from tests.commands import TINY, arguments, call, environment
from tests.processes import LIMIT

from handgrad.classical import CLASSICAL
from handgrad.data import load
from handgrad.data.features import Hog
from handgrad.runs import open_run
from handgrad.runs.predictions import predictions_of, read_predictions

FILES = {".lock", "config.yaml", "log.txt", "metrics.json", "predictions.safetensors", "run.json"}


@pytest.fixture(scope="module", params=CLASSICAL)
def fitted(request, tmp_path_factory):
    """A run of each model on the digits, by the command line."""
    from handgrad.cli.main import main

    folder = tmp_path_factory.mktemp("classical")
    assert (
        main(
            [
                "train",
                "-d",
                "digits",
                "--model",
                request.param,
                "--no_report",
                "--runs_dir",
                str(folder),
                "--name",
                "run",
            ]
        )
        == 0
    )
    return open_run(folder / "run")


def test_the_run_folder(fitted, finished_run):
    assert {path.name for path in fitted.path.iterdir()} == FILES
    assert fitted.complete
    assert fitted.metrics.keys() == open_run(finished_run).metrics.keys()
    assert fitted.metrics["stopped"] == "finished"
    assert fitted.metrics["epochs"] == []
    assert fitted.metrics["test"]["accuracy"] > 0.95
    assert fitted.facts.keys() == open_run(finished_run).facts.keys()
    log = fitted.log_file.read_text()
    assert "on 1294 images of 64 numbers, 144 for validation" in log
    assert "fit: " in log


@pytest.mark.slow
def test_its_report_has_what_a_model_without_iterations_has(fitted, capsys, tmp_path):
    answer = call(capsys, "report", fitted.path, "-o", tmp_path / "page.md")
    assert (answer.code, answer.err) == (0, "")
    page = (tmp_path / "page.md").read_text()
    assert re.findall("^## (.*)", page, re.MULTILINE) == [
        "Summary", "Right and wrong", "What was trained", "How to reproduce it"
    ]  # fmt: skip
    assert f"{100 * fitted.metrics['test']['accuracy']:.2f} %" in page


def test_metrics_are_those_of_the_predictions(fitted):
    digits = load("digits")
    predictions = predictions_of(fitted, "test")
    np.testing.assert_array_equal(predictions.labels, digits.y_test)
    numbers = fitted.metrics["test"]
    assert numbers["accuracy"] == (predictions.scores.argmax(axis=1) == digits.y_test).mean()
    if not CLASSICAL[fitted.config.model].probabilistic or predictions.scores[range(359), digits.y_test].min() == 0:
        assert numbers["loss"] is None
    else:
        assert numbers["loss"] == pytest.approx(log_loss(digits.y_test, predictions.scores), rel=1e-6)
    assert len(predictions_of(fitted, "validation").labels) == 144


@pytest.mark.slow
def test_fitting_again_gives_the_same(fitted, capsys, tmp_path):
    """As a resume does, of a run that was killed before its end."""
    fitted_again = open_run(fitted.path)
    before = fitted.predictions_file.read_bytes(), {**fitted.metrics, "seconds": 0}
    fitted.metrics_file.unlink()
    assert not fitted_again.complete
    assert call(capsys, "resume", fitted.path).code == 0
    assert (fitted.predictions_file.read_bytes(), {**fitted.metrics, "seconds": 0}) == before
    assert "nothing to do" in call(capsys, "resume", fitted.path).out


def test_other_commands(fitted, capsys):
    runs = call(capsys, "runs --runs_dir", fitted.path.parent).out
    assert re.search(r"^ *1 +\d\d\.\d\d +\d\d\.\d\d +0 +\d+\.\d +finished +run *$", runs, re.MULTILINE)
    evaluated = call(capsys, "evaluate", fitted.path)
    assert f"accuracy {100 * fitted.metrics['test']['accuracy']:.2f} %" in evaluated.out
    for words, expected in {
        "predict {} x.png": "holds no network: the model",
        "evaluate {} --on train": "keeps predictions of its test and validation images: choose these (--on)",
        "evaluate {} --dataset mnist": "it cannot predict mnist",
    }.items():
        if "mnist" in words and "HANDGRAD_DATA_DIR" not in os.environ:
            continue
        answer = call(capsys, words.format(fitted.path))
        assert answer.code == 2
        assert expected in answer.err
        assert answer.err.count("\n") == 1


def test_what_a_fit_prints(here, capsys):
    answer = call(capsys, "train -d digits --model hog-svm --model_options C=5 --runs_dir . --name mine --no_report")
    assert (answer.code, answer.err) == (0, "")
    echo, *stages, result, after = answer.out.splitlines()
    assert echo.startswith("$ handgrad train --dataset digits --features hog --model svm --model_options C=5.0")
    assert [re.sub(r" +\d+\.\d\d s$", "", line) for line in stages] == [
        "fit", "score test", "score validation", "score train"
    ]  # fmt: skip
    assert re.match(r"accuracy: test 9\d\.\d\d %, validation 9\d\.\d\d %, train 1?\d\d\.\d\d %  \(", result)
    assert after == "next: handgrad evaluate mine"


def test_hog_and_svm_are_scikit_learns(here, capsys):
    """The whole way on the command line equals four lines with scikit-learn."""
    call(capsys, "train -d digits --model hog-svm --validation_fraction 0 --runs_dir . --name mine --no_report")
    digits = load("digits")
    machine = SVC(C=5, gamma=0.05, break_ties=True).fit(Hog()(digits.x_train), digits.y_train)
    expected = machine.decision_function(Hog()(digits.x_test))
    kept = read_predictions(here / "mine" / "predictions.safetensors")
    np.testing.assert_allclose(kept["test"].scores, expected, atol=1e-6)
    assert not kept["test"].probabilistic
    assert len(kept["validation"].labels) == 0
    answer = call(capsys, "evaluate mine --on validation")
    assert "keeps predictions of its test images" in answer.err


def test_dry_run_of_a_fit(here, capsys):
    answer = call(capsys, "train -d digits --model hog-knn --dry_run")
    assert answer.code == 0
    assert list(here.iterdir()) == []
    _, parts, model, images, seconds, trial, *settings = answer.out.splitlines()
    assert parts == "images: 1,294 training, 144 validation, 359 test, each of 64 numbers"
    assert settings[0] == "settings that differ from preset best: 3"
    assert model == "model: nearest neighbours (neighbors 3)"
    assert images == "fitted to: 1,294 images of 64 numbers each, then 1,797 are scored"
    assert re.fullmatch(r"time: about [\d.]+ s to fit, [\d.]+ s to score", seconds)
    assert re.fullmatch(r"      \(a fit to 1,000 took 0\.\d\d s; time grows as images\^1\)", trial)


def test_seeds_of_a_fit(here, capsys):
    answer = call(
        capsys, "train -d digits --model rf --model_options trees=5 --seeds 2 --runs_dir . --name many --no_report"
    )
    assert answer.code == 0
    assert "over 2 seeds" in answer.out
    one, two = (open_run(here / f"many_s_{seed}").predictions_file.read_bytes() for seed in (0, 1))
    assert one != two


def test_what_is_said_of_a_fit_that_has_not_converged(here, capsys):
    answer = call(
        capsys, "train -d digits --model logreg --model_options iterations=2 --runs_dir . --name mine --no_report"
    )
    assert answer.code == 0
    assert "warning: model logistic: lbfgs failed to converge" in answer.err
    assert "lbfgs failed to converge" in (here / "mine" / "log.txt").read_text()


def test_trackers_have_nothing_to_follow(here, capsys):
    answer = call(capsys, "train -d digits --model knn --track tensorboard --runs_dir . --name mine --no_report")
    assert answer.code == 0
    assert "model knn has no steps to follow: nothing is sent to tensorboard" in answer.err
    assert not (here / "mine" / "tensorboard").exists()


REFUSED = {
    "train -d digits --model svm --epochs 3": "fitted by scikit-learn: leave out epochs, got 3 (--epochs)",
    "train -d digits --model svm --lr 0.1": "leave out learning_rate, got 0.1 (--learning_rate)",
    "train -d digits --model svm --model_options kernel=linear": "kernel must be a number, got 'linear'",
    "train -d digits --model svm --model_options degree=3": "svm has no option degree, expected C or gamma",
    "train -d digits --model svm --model_path x.npz": "model svm does not start from weights: leave out --model_path",
    "train -d digits --model svm --model_save_path x.npz": "has no weights to save: leave out --model_save_path",
    "train -d digits --model knn --model_options neighbors=2000": "the 1294 training images are too few for KNN",
    "train -d digits --model hog-cnn": "takes images (height, width) or (channels, height, width), got inputs of",
    "train -d digits --model hog-mlp --noise 0.1": "features hog replace the pixels: leave out noise, got 0.1",
    "train -d digits --model hog-mlp --normalize standard": "replace the pixels: leave out normalize, got standard",
    "gradcheck -d digits --model svm": "model svm is fitted by scikit-learn",
}


@pytest.mark.parametrize(("words", "expected"), REFUSED.items())
def test_refusals(here, capsys, words, expected):
    answer = call(capsys, words)
    assert answer.code == 2
    assert expected in answer.err
    assert answer.err.count("\n") == 1
    assert list(here.iterdir()) == []


@pytest.mark.slow
def test_a_network_on_features_can_be_asked_about_pictures(here, capsys):
    """It was trained on 8 x 8 digits; a picture goes the same way as they did."""
    words = f"{TINY} --model hog-mlp --runs_dir . --name net".replace("--epochs 2", "--epochs 8")
    assert call(capsys, words).code == 0
    assert open_run(here / "net").metrics["test"]["accuracy"] > 0.85
    call(capsys, "data sample digits")
    answer = call(capsys, "predict net", *(f"samples/{label}.png" for label in range(10)))
    assert answer.code == 0, answer.err
    network, digits = open_run(here / "net").load_model(), load("digits")
    first = [int(np.argmax(digits.y_test == label)) for label in range(10)]
    expected = network.predict_proba(Hog()(digits.x_test[first])).argmax(axis=1)
    assert [
        int(re.search(r": (\d) ", line)[1]) for line in answer.out.splitlines() if line[0] != " "
    ] == expected.tolist()
    assert call(capsys, "evaluate net").code == 0
    assert call(capsys, "gradcheck -d digits --model hog-mlp -nhl 1 -sz 4 --no_batch_norm --dropout 0").code == 0


@pytest.mark.slow
def test_a_fit_that_is_interrupted(here, capsys):
    """Random labels keep the solver busy; Ctrl-C ends it at once, and a resume starts it again."""
    generator = np.random.default_rng(0)
    x = generator.integers(0, 256, (12000, 20, 20)).astype(np.uint8)
    y = generator.integers(0, 10, 12000)
    np.savez(here / "noise.npz", x_train=x, y_train=y, x_test=x[:10], y_test=y[:10])
    words = arguments("train -d noise.npz --model svm --runs_dir . --name noise --no_report")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()) as fit:
        while "fit: about" not in fit.stdout.readline():
            assert fit.poll() is None
        fit.send_signal(signal.SIGINT)
        _, err = fit.communicate(timeout=LIMIT)
    assert fit.returncode == 130
    assert "fit: " not in (here / "noise" / "log.txt").read_text()  # it was not waited for
    said = "handgrad: stopped; of a fit nothing can be kept. Start it again with: handgrad resume noise"
    assert [line for line in err.splitlines() if "warning: " not in line] == [said]
    assert not (here / "noise" / "metrics.json").exists()
    assert " to resume " in call(capsys, "runs --runs_dir .").out
    assert "has no predictions yet: finish it with `handgrad resume noise`" in call(capsys, "evaluate noise").err


def test_damaged_predictions(here, capsys):
    call(capsys, "train -d digits --model knn --runs_dir . --name mine --no_report")
    file = here / "mine" / "predictions.safetensors"
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)
    answer = call(capsys, "evaluate mine")
    assert answer.code == 5
    assert "was altered after it was written" in answer.err


@pytest.mark.slow
def test_hog_and_svm_on_mnist(real_data, here, capsys):
    """A fifth of MNIST; with all of it, README.md has 99.27 %."""
    real_data("mnist")
    answer = call(capsys, "train -d mnist --model hog-svm --train_fraction 0.2 --runs_dir . --name mnist --no_report")
    assert answer.code == 0
    metrics = json.loads((here / "mnist" / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] >= 0.985
    assert metrics["validation"]["accuracy"] >= 0.985
