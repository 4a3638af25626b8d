"""The door of the data room: names, paths, and what every row of the registry can do."""

import gzip
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from handgrad.data import ALIASES, DATASETS, canonical_name, fetch, load, statuses, verify
from handgrad.errors import CorruptDataError, FileSystemError, UsageError


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("mnist", "mnist"),
        ("MNIST", "mnist"),
        ("Fashion-MNIST", "fashion_mnist"),
        ("fashion_mnist", "fashion_mnist"),
        ("Fashion MNIST", "fashion_mnist"),
        ("fmnist", "fashion_mnist"),
        ("FASHION", "fashion_mnist"),
        ("EMNIST-letters", "emnist_letters"),
        ("emnist/letters", "emnist_letters"),
        ("Kuzushiji-MNIST", "kmnist"),
        ("PathMNIST", "pathmnist"),
        ("medmnist/BreastMNIST", "breastmnist"),
        ("./mnist", "./mnist"),
        ("My-Pictures", "My-Pictures"),
    ],
)
def test_spellings(given, name):
    assert canonical_name(given) == name


@pytest.mark.parametrize("name", [*DATASETS, *ALIASES])
def test_canonical_names_are_their_own(name):
    assert canonical_name(name) in DATASETS
    assert canonical_name(canonical_name(name)) == canonical_name(name)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("mnst", "Did you mean mnist?"),
        ("fashion_minst", "Did you mean fashion_mnist?"),
        ("digit", "Did you mean digits?"),
        ("fashon", "Did you mean fashion_mnist?"),
        ("imagenet-21k-full", None),
        ("", None),
        ("a\0b", None),
        ("x" * 300, None),
        pytest.param("x" * 5000, None, marks=pytest.mark.slow),
        ("~nobody-of-this-name/x.npz", "There is no such file or folder."),
        ("digts.npz", "There is no such file or folder."),
        ("pictures/of/cats", "There is no such file or folder."),
    ],
)
def test_unknown_names(given, hint):
    for function in (load, fetch, verify):
        with pytest.raises(UsageError) as caught:
            function(given)
        message = str(caught.value)
        assert "digits, mnist, fashion_mnist" in message
        assert hint is None or hint in message


def test_refuses_other_files(tmp_path, file_of):
    with pytest.raises(UsageError, match=r"table.txt: no file of arrays .* and no folder"):
        load(file_of(tmp_path / "table.txt", b"1,2"))


def test_statuses_have_a_row_for_every_set():
    rows = statuses()
    assert [row.name for row in rows] == list(DATASETS)
    for row in rows:
        assert row.title
        assert row.images > 0
        assert row.classes > 1


def test_digits_are_those_of_scikit_learn():
    """The copy is read without scikit-learn's own reader; this is the reader's view of it."""
    dataset = load("digits")
    original = load_digits()
    images = np.concatenate([dataset.x_train, dataset.x_test])
    assert (len(dataset.x_train), len(dataset.x_test), dataset.image_shape) == (1438, 359, (8, 8))
    np.testing.assert_array_equal(
        np.sort(images.reshape(-1, 64), axis=0), np.sort(np.rint(original.data * 255 / 16), axis=0)
    )
    counts = np.bincount(np.concatenate([dataset.y_train, dataset.y_test]))
    np.testing.assert_array_equal(counts, np.bincount(original.target))
    assert np.abs(np.bincount(dataset.y_test) / counts - 0.2).max() < 0.01


def test_digits_keep_each_image_with_its_label():
    dataset = load("digits")
    original = load_digits()
    labels = {
        np.rint(image * 255 / 16).tobytes(): label
        for image, label in zip(original.images, original.target, strict=True)
    }
    for image, label in zip(dataset.x_test, dataset.y_test, strict=True):
        assert labels[image.astype(float).tobytes()] == label


def test_digits_are_always_split_alike():
    assert load("digits").fingerprint == "c4c1afd63db01231bc24b5c6cc06cf89ed685a52ea73feb41f1eb43c540cfe00"


def test_digits_need_no_download():
    status = fetch("digits")
    assert status.files_ok == status.files == 1
    assert status.place.is_dir()
    assert [verdict.ok for verdict in verify("digits")] == [True]


def scikit_learn_in(folder, monkeypatch):
    spec = SimpleNamespace(origin=str(folder / "sklearn" / "__init__.py"))
    monkeypatch.setattr("handgrad.data.digits.find_spec", lambda name: spec)
    return folder / "sklearn" / "datasets" / "data" / "digits.csv.gz"


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        (gzip.compress(b"1,2,3\n", mtime=0), "SHA-256 of the table"),
        (gzip.compress(b"1,x,3\n", mtime=0), "cannot be read as a table"),
        (gzip.compress(b"1,2,3\n", mtime=0)[:-3], "cannot be read as a table"),
        (b"no gzip", "cannot be read as a table"),
    ],
)
def test_damaged_digits_are_refused(tmp_path, monkeypatch, file_of, content, fragment):
    path = file_of(scikit_learn_in(tmp_path, monkeypatch), content)
    with pytest.raises(CorruptDataError) as caught:
        load("digits")
    assert str(path) in str(caught.value)
    assert fragment in str(caught.value)
    assert fragment in fetch("digits").problem


def test_missing_digits(tmp_path, monkeypatch):
    path = scikit_learn_in(tmp_path, monkeypatch)
    with pytest.raises(FileSystemError, match=r"digits.csv.gz: No such file"):
        load("digits")
    assert verify("digits")[0].path == path
    monkeypatch.setattr("handgrad.data.digits.find_spec", lambda name: None)
    with pytest.raises(FileSystemError, match="Install scikit-learn"):
        load("digits")
    assert fetch("digits").place is None


def test_digits_resized():
    assert load("digits", resize=(4, 4)).image_shape == (4, 4)
