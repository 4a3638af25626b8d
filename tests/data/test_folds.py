"""Folds: disjoint, complete, and nothing of a held-out fold among what is trained on."""

import numpy as np
import pytest

from handgrad.config import RunConfig, build_dataset, build_split
from handgrad.data import Dataset, Fold, folds_of_test, hold_fold, load, read_fold
from handgrad.errors import UsageError


@pytest.fixture
def numbered():
    """Images that are their own row numbers, of three classes of different sizes."""
    rows = np.arange(300, dtype=np.uint16)
    images = rows.view(np.uint8).reshape(300, 1, 2)
    labels = np.repeat([0, 1, 2], [200, 70, 30])
    return Dataset("numbered", images[:240], labels[:240], images[240:], labels[240:] % 3, ("a", "b", "c"))


def rows_of(images):
    return np.ascontiguousarray(images).view(np.uint16).ravel().tolist()


@pytest.mark.parametrize("folds", [2, 3, 5, 7])
def test_folds_are_disjoint_and_cover_the_training_set(numbered, folds):
    held = []
    for number in range(1, folds + 1):
        part = hold_fold(numbered, Fold(number, folds), seed=1)
        train, test = rows_of(part.x_train), rows_of(part.x_test)
        assert not set(train) & set(test)
        assert sorted(train + test) == list(range(240))
        np.testing.assert_array_equal(part.y_train, numbered.y_train[train])
        np.testing.assert_array_equal(part.y_test, numbered.y_train[test])
        held += test
    assert sorted(held) == list(range(240))


def test_each_fold_has_its_share_of_each_class(numbered):
    """200 and 40 of the 240 training images: 40 and 8 a fold."""
    counts = [np.bincount(hold_fold(numbered, Fold(k, 5), 0).y_test, minlength=3).tolist() for k in range(1, 6)]
    assert counts == [[40, 8, 0]] * 5


def test_nothing_of_the_original_test_set_is_seen(numbered):
    part = hold_fold(numbered, Fold(1, 2), 0)
    assert max(rows_of(part.x_train) + rows_of(part.x_test)) < 240


def test_folds_depend_on_the_seed_and_are_other_data(numbered):
    one, same, other = (hold_fold(numbered, Fold(2, 5), seed) for seed in (0, 0, 1))
    assert rows_of(one.x_test) == rows_of(same.x_test) != rows_of(other.x_test)
    assert one.fingerprint == same.fingerprint
    assert len({numbered.fingerprint, one.fingerprint, other.fingerprint}) == 3


def test_more_folds_than_images():
    digits = load("digits")
    with pytest.raises(UsageError, match="folds must be 2 to 146, the members of the largest class, got 148"):
        hold_fold(digits, Fold(1, 148), 0)


@pytest.mark.parametrize("fold", ["1/5", "5/5"])
def test_a_run_never_trains_on_its_fold(numbered, tmp_path, fold):
    """Training, validation and test images of the run itself, by their numbers."""
    np.savez(tmp_path / "numbered.npz", x_train=numbered.x_train, y_train=numbered.y_train, x_test=numbered.x_test,
             y_test=numbered.y_test)  # fmt: skip
    config = RunConfig(dataset=str(tmp_path / "numbered.npz"), fold=fold, validation_fraction=0.2)
    dataset = build_dataset(config)
    parts = build_split(config, dataset)
    train, validation = (rows_of(parts.x[rows]) for rows in (parts.train_rows, parts.validation_rows))
    test = rows_of(dataset.x_test)
    assert (len(train), len(validation), len(test)) == (154, 38, 48)
    assert sorted(train + validation + test) == list(range(240))


def test_folds_of_the_test_set_validate(numbered, tmp_path):
    np.savez(tmp_path / "numbered.npz", x_train=numbered.x_train, y_train=numbered.y_train, x_test=numbered.x_test,
             y_test=numbered.y_test)  # fmt: skip
    config = RunConfig(dataset=str(tmp_path / "numbered.npz"), fold="test/4", seed=3)
    dataset = build_dataset(config)
    parts = build_split(config, dataset)
    assert rows_of(parts.x[parts.train_rows]) == list(range(240))
    folds = folds_of_test(dataset, 4, 3)
    assert sorted(np.concatenate(folds).tolist()) == list(range(60))
    assert [len(fold) for fold in folds] == [15] * 4
    watched = rows_of(parts.x[parts.validation_rows])
    assert sorted(watched) == sorted((240 + np.concatenate(folds[:3])).tolist())
    np.testing.assert_array_equal(parts.y_validation, numbered.y_test[np.array(watched) - 240])


def test_another_data_set_has_no_fold_held_out():
    config = RunConfig(dataset="digits", fold="1/5")
    assert len(build_dataset(config).y_test) == 288
    assert len(build_dataset(config, "digits").y_test) == 359


def test_features_are_those_of_the_same_rows():
    config = RunConfig(dataset="digits", fold="2/5")
    pixels, hog = build_dataset(config), build_dataset(config.replaced(features="hog"))
    np.testing.assert_array_equal(pixels.y_train, hog.y_train)
    whole = build_dataset(RunConfig(dataset="digits", features="hog"))
    place = next(k for k, image in enumerate(load("digits").x_train) if np.array_equal(image, pixels.x_test[0]))
    np.testing.assert_array_equal(hog.x_test[0], whole.x_train[place])


@pytest.mark.parametrize("text", ["", "5", "2/", "/5", "6/5", "-1/5", "0/5", "1/1", "a/5", "2/5/5", "1/١", "9" * 20])
def test_what_is_no_fold(text):
    with pytest.raises(ValueError, match=r"^must be "):
        read_fold(text)
