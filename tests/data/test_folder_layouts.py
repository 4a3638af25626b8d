"""Folders as people have them: named parts, wrappers of archives, litter, a test folder without labels, damage."""

import io

import numpy as np
import pytest
from PIL import Image

from handgrad.data import load
from handgrad.errors import CorruptDataError


def picture(level):
    stream = io.BytesIO()
    Image.fromarray(np.full((4, 4), 200 + level, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def make(root, *paths):
    """A file for each path; images tell by their grey how many were made before."""
    for level, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(picture(level) if path.endswith(".png") else b"no image")
    return root


def levels(images):
    return (images[:, 0, 0] - 200).tolist()


TRAINED = ("{}/a/0.png", "{}/a/1.png", "{}/b/2.png", "{}/b/3.png")


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("Training", "Validation", "Testing"),
        ("TRAIN", "valid", "TEST"),
        ("seg_train/seg_train", "seg_dev", "seg_test/seg_test"),
        ("training_set/training_set", "val_set", "test_set/test_set"),
        ("archive/pets/train", "archive/pets/val", "archive/pets/test"),
    ],
)
def test_parts_by_their_names(tmp_path, train, validation, test):
    make(tmp_path, *(path.format(train) for path in TRAINED), f"{validation}/b/4.png", f"{test}/a/5.png")
    dataset = load(tmp_path)
    assert dataset.class_names == ("a", "b")
    assert levels(dataset.x_train) == [0, 1, 2, 3, 4]
    assert (dataset.validation_images, levels(dataset.x_test), dataset.y_test.tolist()) == (1, [5], [0])
    assert dataset.y_train.tolist() == [0, 0, 1, 1, 1]


def test_validation_without_test(tmp_path, caplog):
    make(tmp_path, *(f"train/{c}/{n}.png" for c in "ab" for n in range(5)), "val/a/9.png")
    dataset = load(tmp_path)
    assert (len(dataset.x_train), dataset.validation_images, len(dataset.x_test)) == (9, 1, 2)
    assert "has no test part: 2 of its 10 images are held out" in caplog.text
    assert "its 1 validation images validate" in caplog.text


@pytest.mark.parametrize("test", ["test/4.png", "test1/4.png", "Testing/unknown/4.png"])
def test_unlabelled_test_folder(tmp_path, test, caplog):
    root = make(tmp_path / "data", *(f"train/{c}/{n}.png" for c in "ab" for n in range(2)), test)
    dataset = load(root)
    assert sorted(levels(dataset.x_train) + levels(dataset.x_test)) == [0, 1, 2, 3]
    assert "1 images without labels, which test nothing" in caplog.text


def test_classes_beside_an_unlabelled_test_folder(tmp_path, caplog):
    root = make(tmp_path / "data", *(f"{c}/{n}.png" for c in "ab" for n in range(2)), "test/4.png", "test/5.png")
    dataset = load(root)
    assert (dataset.class_names, sorted(levels(dataset.x_train) + levels(dataset.x_test))) == (("a", "b"), [0, 1, 2, 3])
    assert f"{root / 'test'}: 2 images without labels" in caplog.text


def test_classes_beside_a_labelled_test_folder(tmp_path):
    root = make(tmp_path / "data", "a/0.png", "b/1.png", "test/a/2.png", "test/b/3.png")
    dataset = load(root)
    assert (levels(dataset.x_train), levels(dataset.x_test)) == ([0, 1], [2, 3])


def test_a_class_may_be_called_train(tmp_path):
    root = make(tmp_path / "data", *(f"{c}/{n}.png" for c in ("bus", "plane", "train") for n in range(2)))
    assert load(root).class_names == ("bus", "plane", "train")


def test_litter_is_passed_over_everywhere(tmp_path, caplog):
    root = make(tmp_path / "data", *(path.format("pets/train") for path in TRAINED), "pets/test/a/4.png")
    litter = ("__MACOSX/pets/._train", "pets/train/a/Thumbs.db", "pets/test/@eaDir/x", "pets/.DS_Store", "pets/a.txt")
    make(root, *litter, "pets/train/b/.ipynb_checkpoints/1.png")
    dataset = load(root)
    assert (len(dataset.x_train), len(dataset.x_test), caplog.text) == (4, 1, "")


def test_what_else_lies_beside_the_parts_is_said(tmp_path, caplog):
    make(tmp_path, *(path.format("train") for path in TRAINED), "test/a/4.png", "sample/a/5.png")
    assert len(load(tmp_path).x_train) == 4
    assert "not used beside train: sample" in caplog.text


def test_skip_damaged(tmp_path, caplog):
    root = make(tmp_path / "data", *(f"{c}/{n}.png" for c in "ab" for n in range(5)), "a/notes.txt", "b/torn.webp")
    with pytest.raises(
        CorruptDataError,
        match=r"notes\.txt: expected only images in a class .*--skip_damaged.*torn\.webp: content is no",
    ):
        load(root)
    dataset = load(root, skip_damaged=True)
    assert (len(dataset.x_train), len(dataset.x_test)) == (8, 2)
    assert "data set data: 2 of 12 files are no whole images and are left out: " in caplog.text
    assert dataset.y_train.tolist() == [level // 5 for level in levels(dataset.x_train)]


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        (("train/a/0.png", "training/a/1.png"), "train and training are both the train part"),
        (("train/0.png", "test/1.png"), "0.png: an image outside of any class"),
        (("train/a/0.png", "test/b/1.png", "test/c/1.png"), "b: a class that train/ has not"),
        (("train/a/0.txt", "train/b/1.png"), "expected only images in a class"),
    ],
)
def test_refused(tmp_path, paths, says):
    with pytest.raises(CorruptDataError, match=says):
        load(make(tmp_path, *paths))


def test_nothing_whole(tmp_path):
    with pytest.raises(CorruptDataError, match="x_train holds no images"):
        load(make(tmp_path, "a/0.txt", "b/1.txt"), skip_damaged=True)
