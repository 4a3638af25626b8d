"""Data and results are looked at: what a person reads before a training and after it."""

import json

import numpy as np
import pytest
from PIL import Image
from tests.commands import TINY, call
from tests.malformed import png, saved
from tests.slow import quick

from handgrad.config import RunConfig
from handgrad.data import load
from handgrad.runs import execute, open_run

DIGITS = load("digits")
LEVELS = np.rint(DIGITS.x_train / 255 * 16).astype(np.uint8)


def test_batch_norm_of_one_image_is_refused_before_anything_is_written(here, capsys):
    answer = call(capsys, TINY.replace("--no_batch_norm", "--batch_norm").replace("--batch_size 32", "--batch_size 1"))
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert "batch_norm needs several images in each batch, got one in every batch. Choose batch_size 16" in answer.err
    assert not (here / "runs").exists()


def test_warnings_once_for_several_seeds(here, capsys):
    answer = call(capsys, TINY.replace("--epochs 2", "--epochs 1") + " --seeds 2")
    assert answer.code == 0
    assert answer.err.count("41 steps in all (epochs 1, 41 steps each) are few to learn from") == 1


@pytest.mark.parametrize("command", ["--dry_run", "crossval"])
def test_other_commands_tell_it_too(here, capsys, command):
    words = TINY.replace("--epochs 2", "--epochs 1")
    words = words.replace("train", "crossval --folds 2").replace("--no_report", "") if command == "crossval" else words
    answer = call(capsys, words if command == "crossval" else f"{words} --dry_run")
    assert answer.code == 0, answer.err
    assert answer.err.count("are few to learn from") == 1


@pytest.fixture
def half_blank(here):
    """The digits, every other one a blank image."""
    images = np.where(np.arange(len(DIGITS.x_train))[:, None, None] % 2, DIGITS.x_train, np.uint8(3))
    np.savez(here / "blank.npz", x_train=images, y_train=DIGITS.y_train, x_test=DIGITS.x_test, y_test=DIGITS.y_test)
    (here / "recipe.yaml").write_text(
        "title: Two\nsettings: {dataset: blank.npz, hidden_size: [4], batch_size: 64, epochs: 3}\n"
        "train: {batch_norm: false, optimizer: adam, learning_rate: 0.001}\nseeds: 2\n"
        "experiments: {one: {}, other: {settings: {epochs: 1}}}\nclaims: {}\n"
        "questions: [{id: 1, title: Both, experiments: [one, other]}]\n"
    )
    (here / "s.yaml").write_text("method: grid\nparameters:\n  learning_rate: {values: [0.001]}\n")


SMALL = "-d blank.npz -nhl 1 -sz 4 --no_batch_norm --dropout 0 -e 2"
READING = [
    "data blank.npz",
    "data show blank.npz",
    f"train {SMALL} --dry_run",
    "train -d blank.npz --model knn --no_report",
    f"crossval {SMALL} --folds 2",
    f"gradcheck {SMALL}",
    f"derive {SMALL}",
    f"sweep s.yaml {SMALL} --no_report --jobs 1",
    "reproduce recipe.yaml --estimate",
]


@pytest.mark.parametrize("words", quick(READING, lambda words: not words.startswith("sweep")))
def test_every_command_that_reads_a_data_set_tells_what_is_wrong_with_it(half_blank, capsys, words):
    answer = call(capsys, words)
    assert answer.code == 0, answer.err
    assert len([line for line in answer.err.splitlines() if "training images are blank" in line]) == 1, answer.err


def test_lockstep_tells_it_too(half_blank, torch, capsys):
    assert "training images are blank" in call(capsys, f"lockstep {SMALL} --steps 1").err


def test_a_reproduction_tells_how_many_experiments_it_is_true_of(half_blank, here, capsys):
    answer = call(capsys, "reproduce recipe.yaml --estimate")
    assert answer.err.count("warning: 1 of 2 experiments: 21 steps in all (epochs 1, 21 steps each)") == 1, answer.err


def test_what_a_data_set_holds(here, capsys):
    np.savez(
        here / "one.npz", x_train=DIGITS.x_train[:90], y_train=[0] * 90, x_test=DIGITS.x_test, y_test=DIGITS.y_test
    )
    answer = call(capsys, "data one.npz")
    assert answer.code == 2
    assert "training images are of one class, 0, but a classifier needs two or more" in answer.err
    assert answer.out.startswith("one.npz: 90 training and 359 test images of 8 x 8 pixels\n")
    counts = {words[0]: words[1:] for words in map(str.split, answer.out.splitlines()) if len(words) == 3}
    assert counts["0"] == ["90", str((DIGITS.y_test == 0).sum())]
    assert counts["3"] == ["0", str((DIGITS.y_test == 3).sum())]


def test_damaged_files_are_left_out_of_what_is_shown_as_in_training(here, capsys):
    for label in ("cat", "dog"):
        folder = here / "mine" / label
        folder.mkdir(parents=True)
        for number in range(6):
            shade = 20 * number + 90 * (label == "dog")
            picture = Image.fromarray(np.full((8, 8, 3), (shade, 0, 255 - shade), np.uint8))
            (folder / f"{number}.png").write_bytes(saved(picture))
    (here / "mine" / "cat" / "5.png").write_bytes(b"<html>")
    refused = call(capsys, "data show mine")
    assert (refused.code, refused.out) == (5, "")
    assert "--skip_damaged leaves such files out" in refused.err
    shown = call(capsys, "data mine --skip_damaged")
    assert shown.code == 0, shown.err
    head, pixels, _ = shown.out.partition(" images of 8 x 8 pixels in colour\n")
    assert pixels
    assert sum(int(word) for word in head.split() if word.isdigit()) == 11
    grey = call(capsys, "data show mine --skip_damaged --grey --resize 4 5")
    assert "images of 4 x 5 pixels\n" in grey.out


@pytest.mark.parametrize("model", quick(["knn", "svm"], ["knn"]))
def test_a_classical_model_at_the_chance_level(here, capsys, model):
    labels = np.random.default_rng(0).permutation(DIGITS.y_train)
    np.savez(here / "mixed.npz", x_train=DIGITS.x_train, y_train=labels, x_test=DIGITS.x_test, y_test=DIGITS.y_test)
    answer = call(capsys, f"train -d mixed.npz --model {model} --name a --no_report")
    assert answer.err.count("is at the chance level: always naming the largest class is right for") == 1
    assert "labels may not belong to their images" in answer.err
    assert "the training images are learned" in answer.err
    assert json.loads((here / "runs" / "a" / "metrics.json").read_text())["warning"] in answer.err


@pytest.mark.slow
def test_a_sweep_tells_it_once(here, capsys):
    (here / "s.yaml").write_text(
        "method: random\nmetric: {name: val_accuracy, goal: maximize}\nparameters:\n"
        "  dataset: {value: digits}\n  epochs: {value: 1}\n  batch_norm: {value: true}\n"
        "  hidden_size: {value: 8}\n  num_layers: {value: 1}\n  batch_size: {values: [1, 60, 62, 64]}\n"
    )
    answer = call(capsys, "sweep s.yaml --trials 3 --jobs 1 --no_report")
    assert answer.err.count("some trials will fail: batch_norm needs several images in each batch") == 1
    assert answer.err.count("are few to learn from") <= 1


@pytest.mark.slow
def test_what_only_some_trials_are_warned_of_is_said_whichever_comes_first(here, capsys):
    (here / "s.yaml").write_text(
        "method: grid\nmetric: {name: val_accuracy, goal: maximize}\nparameters:\n"
        "  dataset: {value: digits}\n  hidden_size: {value: 8}\n  num_layers: {value: 1}\n  epochs: {values: [6, 1]}\n"
    )
    answer = call(capsys, "sweep s.yaml --jobs 1 --no_report")
    assert answer.err.count("some trials: 11 steps in all (epochs 1, 11 steps each) are few to learn from") == 1


@pytest.mark.slow
def test_a_result_at_the_chance_level_is_told_everywhere(here, capsys):
    answer = call(capsys, TINY.replace("0.003", "1e-9").replace("--no_report", "--report") + " --name a")
    assert answer.code == 0
    assert answer.err.count("is at the chance level") == 1
    assert "Likeliest causes: 1. the loss stayed at" in answer.err
    warning = json.loads((here / "runs" / "a" / "metrics.json").read_text())["warning"]
    assert warning in answer.err
    assert "is at the chance level" in (here / "runs" / "a" / "report.html").read_text()
    assert "is at the chance level" in (here / "runs" / "a" / "log.txt").read_text()


def test_a_result_above_it_is_not(here, capsys):
    answer = call(capsys, TINY + " --name b")
    assert "chance" not in answer.err + answer.out
    assert "warning" not in json.loads((here / "runs" / "b" / "metrics.json").read_text())


def test_pictures_are_predicted_in_the_range_of_the_training_images(here, capsys):
    """A folder of 0 to 16, as PNG: the same picture with 0 to 255 gets the same answer, as far as rounding goes."""
    for number in range(300):
        folder = here / "levels" / str(DIGITS.y_train[number])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(png(LEVELS[number]))
    assert call(capsys, TINY.replace("digits", "levels").replace("--epochs 2", "--epochs 6") + " --name c").code == 0
    assert open_run(here / "runs" / "c").facts["pixel_range"] == [0, 16]
    (here / "dark.png").write_bytes(png(LEVELS[0]))
    (here / "light.png").write_bytes(png(DIGITS.x_train[0]))
    dark, light = (
        line for line in call(capsys, "predict runs/c dark.png light.png").out.splitlines() if line[0] != " "
    )
    assert dark.split()[1:] == light.split()[1:]


def test_python_is_told_as_well(here, caplog):
    small = {"num_layers": 1, "hidden_size": 16, "batch_norm": False, "dropout": 0, "epochs": 2, "learning_rate": 1e-9}
    execute(RunConfig.from_mapping({"dataset": "digits", "name": "d", "runs_dir": str(here)} | small))
    assert "is at the chance level" in caplog.text
    assert "--" not in caplog.text
