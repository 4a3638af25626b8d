"""What a Dataset promises to everything above it."""

import dataclasses

import numpy as np
import pytest

from handgrad.data import Dataset
from handgrad.data.images import resized
from handgrad.errors import CorruptDataError

X = np.arange(6 * 2 * 3, dtype=np.uint8).reshape(6, 2, 3)
Y = np.array([0, 1, 2, 0, 1, 2])
GIVEN = {"name": "d", "x_train": X, "y_train": Y, "x_test": X[:2], "y_test": Y[:2], "class_names": ("a", "b", "c")}


def test_shape_and_classes():
    dataset = Dataset(**GIVEN)
    assert (dataset.image_shape, dataset.classes) == ((2, 3), 3)


def test_arrays_are_read_only_and_the_callers_are_not():
    mine = X.copy()
    dataset = Dataset(**GIVEN | {"x_train": mine})
    with pytest.raises(ValueError, match="read-only"):
        dataset.x_train[0, 0, 0] = 1
    mine[0, 0, 0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.name = "other"


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        ({"x_train": X.astype(float)}, "x_train is float64"),
        ({"x_train": X[0]}, "x_train is uint8 (2, 3), expected uint8 (N, H, W)"),
        ({"x_train": X[:0], "y_train": Y[:0]}, "holds no images"),
        ({"x_train": X[:, :, :0]}, "x_train is uint8 (6, 2, 0)"),
        ({"x_test": X[:2, :1]}, "x_test has images of (1, 3), expected (2, 3)"),
        ({"y_train": Y[:5]}, "y_train has 5 labels for 6 images"),
        ({"y_test": Y[:3]}, "y_test has 3 labels for 2 images"),
        ({"y_train": Y.astype(np.int32)}, "y_train is int32"),
        ({"y_train": Y - 1}, "label -1 in row 0, expected 0 to 2"),
        ({"class_names": ("a", "b")}, "label 2 in row 2, expected 0 to 1"),
        ({"class_names": ("a", "b", "a")}, "a name twice"),
        ({"class_names": ()}, "0 classes"),
        ({"class_names": tuple(map(str, range(1001)))}, "1001 classes, expected 1 to 1000"),
    ],
)
def test_refuses_arrays_that_do_not_fit(change, fragment):
    with pytest.raises(CorruptDataError) as caught:
        Dataset(**GIVEN | change)
    assert "data set d: " in str(caught.value)
    assert fragment in str(caught.value)


def test_the_test_part_may_be_empty():
    assert len(Dataset(**GIVEN | {"x_test": X[:0], "y_test": Y[:0]}).x_test) == 0


def changed(array):
    array = array.copy()
    array.flat[0] = (array.flat[0] + 1) % 3
    return array


@pytest.mark.parametrize("field", ["x_train", "y_train", "x_test", "y_test"])
def test_the_fingerprint_tells_contents_apart(field):
    first = Dataset(**GIVEN)
    assert len(bytes.fromhex(first.fingerprint)) == 32
    assert Dataset(**GIVEN | {"name": "other"}).fingerprint == first.fingerprint
    assert Dataset(**GIVEN | {field: changed(GIVEN[field])}).fingerprint != first.fingerprint


def test_resized_images_are_of_the_size_and_brightness():
    dataset = Dataset(**GIVEN | {"x_train": np.full((6, 8, 8), 77, np.uint8), "x_test": np.zeros((2, 8, 8), np.uint8)})
    smaller = resized(dataset, (4, 5))
    assert (smaller.x_train.shape, smaller.x_test.shape) == ((6, 4, 5), (2, 4, 5))
    assert (smaller.x_train == 77).all()
    assert smaller.fingerprint != dataset.fingerprint
    assert resized(dataset, (8, 8)) is dataset
    assert resized(dataset, None) is dataset
