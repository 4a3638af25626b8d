"""Arrays and tables as people save them: other names and labels, CSV, IDX files under any name, a validation part."""

import gzip

import numpy as np
import pytest
from PIL import Image

from handgrad.data import load, split
from handgrad.data.array_files import read_csv
from handgrad.data.arrays import Found, read_name
from handgrad.errors import CorruptDataError, UsageError

X = np.random.default_rng(0).integers(0, 256, (20, 3, 4)).astype(np.uint8)
X[0, 0, :2] = 0, 255
Y = np.arange(20) % 4

SAME = [
    ("x_train", "y_train", "x_test", "y_test"),
    ("X_train", "Y_train", "X_test", "Y_test"),
    ("trainX", "trainY", "testX", "testY"),
    ("xtrain", "ytrain", "xtest", "ytest"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("training_data", "training_targets", "testing_data", "testing_targets"),
    ("images_train", "labels_train", "images_test", "labels_test"),
    ("TrainImages", "TrainLabels", "TestImages", "TestLabels"),
    ("train_imgs", "train_lbls", "test_imgs", "test_lbls"),
    ("arr_0", "arr_1", "arr_2", "arr_3"),
]


def saved(folder, **arrays):
    np.savez_compressed(folder / "set.npz", **arrays)
    return load(folder / "set.npz")


@pytest.mark.parametrize("names", SAME, ids=[names[0] for names in SAME])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 1, 3)])
def test_names_of_arrays_are_read_by_their_words(tmp_path, names, order):
    arrays = (X, Y, X[:8], Y[:8])
    dataset = saved(tmp_path, **{names[place]: arrays[place] for place in order})
    np.testing.assert_array_equal(dataset.x_train, X)
    np.testing.assert_array_equal(dataset.x_test, X[:8])
    assert (dataset.y_train.tolist(), dataset.y_test.tolist()) == (Y.tolist(), Y[:8].tolist())


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("train-images-idx3-ubyte", Found("images", "train")),
        ("t10k-labels-idx1-ubyte", Found("labels", "test")),
        ("emnist-letters-test-images-idx3-ubyte", Found("images", "test")),
        ("val_y", Found("labels", "validation")),
        ("class_names", Found("class names", "train")),
        ("weights", Found(None, "train")),
    ],
)
def test_what_a_name_says(name, found):
    assert read_name(name) == found


@pytest.mark.parametrize(
    ("images", "labels"), [("X", "y"), ("data", "target"), ("images", "labels"), ("features", "class")]
)
def test_one_part_under_other_names(tmp_path, images, labels, caplog):
    dataset = saved(tmp_path, **{images: X, labels: Y})
    assert (len(dataset.x_train), len(dataset.x_test)) == (16, 4)
    assert "held out" in caplog.text


def test_a_validation_part_validates(tmp_path, caplog):
    dataset = saved(
        tmp_path,
        train_images=X,
        train_labels=Y[:, None],
        val_images=X[:6],
        val_labels=Y[:6],
        test_images=X,
        test_labels=Y,
    )
    parts = split(dataset, 0.1, seed=3)
    np.testing.assert_array_equal(parts.x[parts.validation_rows], X[:6])
    np.testing.assert_array_equal(parts.x[parts.train_rows], X)
    assert len(split(dataset, 0.1, 3, fraction=0.5).validation_rows) == 6
    assert "its 6 validation images validate; validation_fraction is not used" in caplog.text
    assert dataset.fingerprint != saved(tmp_path, x_train=X, y_train=Y, x_test=X, y_test=Y).fingerprint


LABELS = {
    "texts": (np.array(["cat", "dog"])[Y % 2], ("cat", "dog"), Y % 2),
    "bytes": (np.array([b"cat", b"dog"])[Y % 2], ("cat", "dog"), Y % 2),
    "from 1": (Y + 1, ("1", "2", "3", "4"), Y),
    "3 and 7": (np.where(Y % 2, 7, 3), ("3", "7"), Y % 2),
    "negative": (np.where(Y % 2, 1, -1), ("-1", "1"), Y % 2),
    "thousands": (1000 * Y, ("0", "1000", "2000", "3000"), Y),
    "a column": (Y[:, None], ("0", "1", "2", "3"), Y),
    "one-hot": (np.eye(4)[Y], ("0", "1", "2", "3"), Y),
}


@pytest.mark.parametrize("kind", LABELS)
def test_classes_are_the_labels_that_occur(tmp_path, kind):
    labels, names, expected = LABELS[kind]
    dataset = saved(tmp_path, x_train=X, y_train=labels, x_test=X[:2], y_test=labels[:2])
    assert dataset.class_names == names
    assert dataset.y_train.tolist() == expected.tolist()


def test_class_names_beside_texts_give_the_order(tmp_path):
    names = np.array(["dog", "cat"])
    dataset = saved(tmp_path, x=X, y=names[Y % 2], class_names=names)
    assert dataset.class_names == ("dog", "cat")
    assert sorted(dataset.y_train.tolist() + dataset.y_test.tolist()) == sorted((Y % 2).tolist())


@pytest.mark.parametrize(
    ("arrays", "fragment"),
    [
        ({"x_train": X, "y_train": Y, "x_test": X}, "x_test holds images, but there are no labels for it"),
        ({"x": X}, "x holds images, but there are no labels for it"),
        ({"weights": X}, "arrays are weights (20, 3, 4), expected images and labels, such as x_train and y_train"),
        ({"x": X, "y": Y, "class_names": np.array(["a", "b"])}, "label 2 in row 2, expected one of a, b"),
        ({"x": X, "y": np.where(Y, 0.5, Y)}, "label 0.5 in row 1 and in 14 other rows, expected a whole number"),
    ],
)
def test_refusals(tmp_path, arrays, fragment):
    with pytest.raises(CorruptDataError) as caught:
        saved(tmp_path, **arrays)
    assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_of_npy_files(tmp_path):
    for name, array in {"x_train": X, "y_train": Y, "x_test": X[:4], "y_test": Y[:4]}.items():
        np.save(tmp_path / f"{name}.npy", array)
    np.testing.assert_array_equal(load(tmp_path).x_test, X[:4])
    with pytest.raises(UsageError, match="holds one array, expected images and labels"):
        load(tmp_path / "x_train.npy")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "form", ["{}-images-idx3-ubyte {}-labels-idx1-ubyte", "{}.images.idx3 {}.labels.idx1", "{}-x {}-y"]
)
def test_any_four_idx_files(tmp_path, idx_bytes, packed, form):
    images, labels = form.split()
    files = {
        images.format("train"): X,
        labels.format("train"): Y.astype(np.uint8) + 1,
        images.format("test"): X[:5],
        labels.format("test"): Y[:5].astype(np.uint8) + 1,
    }
    for name, array in files.items():
        content = idx_bytes(array)
        (tmp_path / f"{name}.gz" if packed else tmp_path / name).write_bytes(
            gzip.compress(content) if packed else content
        )
    dataset = load(tmp_path)
    np.testing.assert_array_equal(dataset.x_test, X[:5])
    assert (dataset.class_names, dataset.y_train.tolist()) == (("1", "2", "3", "4"), Y.tolist())


SQUARE = np.random.default_rng(1).integers(0, 256, (12, 4)).astype(int)
DIGITS = np.arange(12) % 3


def table(rows, header="", separator=","):
    return header + "".join(separator.join(map(str, row)) + "\n" for row in rows)


TABLES = {
    "label first": (table(np.c_[DIGITS, SQUARE], "label,p0,p1,p2,p3\n"), "012"),
    "label last": (table(np.c_[SQUARE, DIGITS], "p0,p1,p2,p3,target\n"), "012"),
    "in the middle": (table(np.c_[SQUARE[:, :2], DIGITS, SQUARE[:, 2:]], "p0,p1,Class,p2,p3\n"), "012"),
    "no header, first": (table(np.c_[DIGITS, SQUARE]), "012"),
    "no header, last": (table(np.c_[SQUARE, DIGITS]), "012"),
    "semicolons": (table(np.c_[DIGITS, SQUARE], "label;p0;p1;p2;p3\n", ";"), "012"),
    "tabs and a BOM": ("\ufeff" + table(np.c_[DIGITS, SQUARE], "label\tp0\tp1\tp2\tp3\n", "\t"), "012"),
    "texts": (table([("abc"[k], *row) for k, row in zip(DIGITS, SQUARE, strict=True)], "label,p0,p1,p2,p3\n"), "abc"),
    "texts, no header": (table([(*row, "abc"[k]) for k, row in zip(DIGITS, SQUARE, strict=True)]), "abc"),
    "quoted": (
        table([(f'"{k}"', *row) for k, row in zip(DIGITS, SQUARE, strict=True)], '"label","p0",p1,p2,p3\n'),
        "012",
    ),
}


COLUMNS = ",".join(f"p{k}" for k in range(4))
NUMBERED = {
    "columns from 0": (table(np.c_[DIGITS, SQUARE], "0,1,2,3,4\n"), "its first row numbers the columns"),
    "columns from 1": (table(np.c_[DIGITS, SQUARE], "1,2,3,4,5\n"), "its first row numbers the columns"),
    "a row that pandas took for names": (table(np.c_[DIGITS, SQUARE], "5,0,0.1,18,0.2\n"), "its first row numbers"),
    "rows, as pandas": (table(np.c_[range(12), DIGITS, SQUARE], f",label,{COLUMNS}\n"), "column 1 names the rows"),
    "rows from 1": (table(np.c_[range(1, 13), DIGITS, SQUARE], f"id,label,{COLUMNS}\n"), "column 1 names the rows"),
}


@pytest.mark.parametrize("kind", NUMBERED)
def test_numbers_of_columns_and_rows_are_no_pixels(tmp_path, kind, caplog):
    text, said = NUMBERED[kind]
    (tmp_path / "my.csv").write_text(text)
    found = read_csv(tmp_path / "my.csv")
    np.testing.assert_array_equal(found.pixels, SQUARE)
    assert found.labels.astype(int).tolist() == DIGITS.tolist()
    assert said in caplog.text


def test_a_first_row_of_pixels_is_an_image(tmp_path):
    (tmp_path / "my.csv").write_text(table(np.c_[DIGITS, SQUARE]))
    assert len(read_csv(tmp_path / "my.csv").pixels) == 12
    (tmp_path / "my.csv").write_text(table(np.c_[DIGITS, SQUARE / 255]))
    assert len(read_csv(tmp_path / "my.csv").pixels) == 12


def test_two_tables_for_one_part_are_refused(tmp_path):
    for name in ("mnist_train.csv", "mnist_train_small.csv"):
        (tmp_path / name).write_text(table(np.c_[DIGITS, SQUARE], f"label,{COLUMNS}\n"))
    with pytest.raises(CorruptDataError, match=r"mnist_train.csv and mnist_train_small.csv both have train images"):
        load(tmp_path)


def test_a_table_beside_folders_of_classes_is_left_out_and_said(tmp_path, caplog):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(4):
            Image.fromarray(X[0]).save(tmp_path / name / f"{number}.png")
    (tmp_path / "labels.csv").write_text("file,label\n0.png,cat\n1.png,dog\n")
    assert load(tmp_path).class_names == ("cat", "dog")
    assert "not used beside its sub-folders: labels.csv" in caplog.text


def test_arrays_in_the_only_sub_folder(tmp_path, idx_bytes):
    (tmp_path / "raw").mkdir()
    for name, array in {"train-images": X, "train-labels": Y.astype(np.uint8)}.items():
        (tmp_path / "raw" / name).write_bytes(idx_bytes(array))
    assert load(tmp_path).classes == 4


def test_arrays_in_folders_of_parts(tmp_path):
    for part, array in (("train", X), ("valid", X[:6]), ("Testing", X[:4])):
        (tmp_path / part).mkdir()
        np.save(tmp_path / part / "images.npy", array)
        np.save(tmp_path / part / "labels.npy", Y[: len(array)])
    dataset = load(tmp_path)
    assert (len(dataset.x_train), len(dataset.x_test)) == (len(X) + 6, 4)
    assert dataset.validation_images == 6
    for part in ("train", "valid", "Testing"):
        (tmp_path / part / "images.npy").unlink()
        (tmp_path / part / "labels.npy").unlink()
    for part, rows in (("train", 12), ("Testing", 6)):
        (tmp_path / part / "data.csv").write_text(table(np.c_[DIGITS, SQUARE][:rows], "label,p0,p1,p2,p3\n"))
    (tmp_path / "valid").rmdir()
    assert (len(load(tmp_path).x_train), len(load(tmp_path).x_test)) == (12, 6)


@pytest.mark.parametrize("kind", TABLES)
def test_tables(tmp_path, kind):
    text, names = TABLES[kind]
    (tmp_path / "train.csv").write_text(text, encoding="utf-8")
    found = read_csv(tmp_path / "train.csv")
    np.testing.assert_array_equal(found.pixels, SQUARE)
    assert [str(label).removesuffix(".0") for label in found.labels] == [names[k] for k in DIGITS]
    dataset = load(tmp_path / "train.csv")
    assert (dataset.class_names, dataset.image_shape) == (tuple(names), (2, 2))


def test_pixels_of_0_to_1_in_a_table(tmp_path):
    (tmp_path / "my.csv").write_text(table(np.c_[DIGITS, SQUARE / 255], "label,p0,p1,p2,p3\n"))
    (tmp_path / "same.csv").write_text(table(np.c_[DIGITS, SQUARE], "label,p0,p1,p2,p3\n"))
    np.testing.assert_array_equal(load(tmp_path / "my.csv").x_train, load(tmp_path / "same.csv").x_train)


def test_a_folder_of_a_training_and_a_test_table(tmp_path, caplog):
    (tmp_path / "mnist_train.csv").write_text(table(np.c_[DIGITS, SQUARE], "label,p0,p1,p2,p3\n"))
    (tmp_path / "mnist_test.csv").write_text(table(np.c_[DIGITS, SQUARE][:6], "label,p0,p1,p2,p3\n"))
    dataset = load(tmp_path)
    assert (len(dataset.x_train), len(dataset.x_test)) == (12, 6)
    (tmp_path / "mnist_test.csv").write_text(table(SQUARE, "p0,p1,p2,p3\n"))  # as Kaggle has it
    assert len(load(tmp_path).x_test) == 2  # held out of the training table: a fifth
    assert "has no labels: it is for `handgrad predict`" in caplog.text
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n2,0\n")
    assert len(load(tmp_path).x_test) == 2
    assert "left out, as they hold no pixels: sample_submission.csv" in caplog.text


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        (b"", "holds no row"),
        (b"label,p0\n", "holds a header and no row"),
        (b"a,b,1\nc,d,2\n", "texts in column 1 and 2"),
        (b"ImageId,Label\n1,0\n2,3\n", "rows have no pixels"),
        (b"label,p0,p1\n1,2,3\n1,2\n", "number of columns changed"),
        (b"label,p0,p1\n1,2,x\n", "texts in column 3"),
        (b"\xff\xfe\x00\x01", "is no text"),
        (b"1," * 200_000 + b"1\n", "has over 131,072 columns"),
        (b"1" * 3_000_000, "a row has over"),
    ],
)
def test_tables_that_are_refused(tmp_path, content, fragment):
    (tmp_path / "my.csv").write_bytes(content)
    with pytest.raises(CorruptDataError) as caught:
        load(tmp_path / "my.csv")
    assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)
