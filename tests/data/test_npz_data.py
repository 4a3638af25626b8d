"""An .npz file as a data set: what users save, and what is refused."""

import contextlib
import io
import os
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from handgrad.data import in_grey, load
from handgrad.errors import CorruptDataError, FileSystemError

X = np.random.default_rng(0).integers(0, 256, (20, 3, 4)).astype(np.uint8)
X[0, 0, :2] = 0, 255
Y = np.arange(20) % 4


@pytest.fixture
def saved(tmp_path):
    """Save arrays and load them as a data set."""

    def save_and_load(**arrays):
        np.savez_compressed(tmp_path / "set.npz", **arrays)
        return load(tmp_path / "set.npz")

    return save_and_load


@pytest.fixture
def refused(saved, tmp_path):
    """Save arrays, load them, and check the one line of the refusal."""

    def check(*fragments, **arrays):
        with pytest.raises(CorruptDataError) as caught:
            saved(**arrays)
        message = str(caught.value)
        assert "\n" not in message
        for fragment in (str(tmp_path / "set.npz"), *fragments):
            assert fragment in message, message

    return check


def whole(dataset):
    """All images again, in the order of their labels and first pixels."""
    images = np.concatenate([dataset.x_train, dataset.x_test])
    labels = np.concatenate([dataset.y_train, dataset.y_test])
    return images[np.lexsort((images.sum(axis=(1, 2)), labels))]


def test_four_arrays(saved, caplog):
    dataset = saved(x_train=X, y_train=Y, x_test=X[:5], y_test=Y[:5])
    np.testing.assert_array_equal(dataset.x_train, X)
    np.testing.assert_array_equal(dataset.x_test, X[:5])
    assert dataset.y_train.tolist() == Y.tolist()
    assert (dataset.name, dataset.class_names) == ("set.npz", ("0", "1", "2", "3"))
    assert caplog.text == ""


@pytest.mark.parametrize("names", [("x", "y"), ("x_train", "y_train")])
def test_without_a_test_part_a_fifth_is_held_out(saved, names, caplog):
    dataset = saved(**dict(zip(names, (X, Y), strict=True)))
    assert (len(dataset.x_train), len(dataset.x_test)) == (16, 4)
    assert sorted(dataset.y_test.tolist()) == [0, 1, 2, 3]
    assert "held out" in caplog.text


def test_class_names(saved):
    assert saved(x=X, y=Y, class_names=np.array(["a", "b", "c", "d"])).class_names == ("a", "b", "c", "d")


def test_class_names_that_do_not_fit(refused):
    refused("class_names", x=X, y=Y, class_names=np.array(["a", "b"]))
    refused("class_names", x=X, y=Y, class_names=np.arange(4))


@pytest.mark.parametrize(
    "pixels",
    [X.astype(np.float32), X.astype(np.int64), X.astype(np.uint16), X[..., None], X[:, None]],
    ids=["float", "int64", "uint16", "N,H,W,1", "N,1,H,W"],
)
def test_the_same_images_in_other_clothes(saved, pixels, caplog):
    np.testing.assert_array_equal(whole(saved(x=pixels, y=Y)), whole(saved(x=X, y=Y)))
    assert "scaled" not in caplog.text


def test_floats_of_0_to_1_are_scaled(saved, caplog):
    np.testing.assert_array_equal(whole(saved(x=(X / 255).astype(np.float32), y=Y)), whole(saved(x=X, y=Y)))
    assert "float32 pixels up to 1 were scaled by 255" in caplog.text


def test_16_bits_are_scaled(saved, caplog):
    np.testing.assert_array_equal(whole(saved(x=X.astype(np.uint16) * 257, y=Y)), whole(saved(x=X, y=Y)))
    assert "uint16 pixels up to 65535 were scaled" in caplog.text


def test_a_dark_test_part_is_not_taken_for_0_to_1(saved):
    dark = np.zeros((4, 3, 4)) + (X[:4] > 128)
    dataset = saved(x_train=X.astype(float), y_train=Y, x_test=dark, y_test=Y[:4])
    np.testing.assert_array_equal(dataset.x_test, dark)


def test_black_and_white(saved):
    np.testing.assert_array_equal(whole(saved(x=X > 128, y=Y)), whole(saved(x=(X > 128) * np.uint8(255), y=Y)))


def test_flat_rows(saved):
    assert saved(x=X[:, :, :3].reshape(20, 9), y=Y).image_shape == (3, 3)
    assert saved(x=X.reshape(20, 12), y=Y).image_shape == (1, 12)


def test_colours_with_channels_first_or_last(saved):
    colour = np.random.default_rng(1).integers(0, 256, (20, 8, 7, 3)).astype(np.uint8)
    dataset = saved(x_train=colour, y_train=Y, x_test=np.moveaxis(colour, 3, 1), y_test=Y)
    assert dataset.image_shape == (3, 8, 7)
    np.testing.assert_array_equal(dataset.x_train, np.moveaxis(colour, 3, 1))
    np.testing.assert_array_equal(dataset.x_test, dataset.x_train)
    turned = in_grey(dataset)
    expected = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in colour])
    np.testing.assert_array_equal(turned.x_train, expected)


def test_equal_channels_of_all_parts_become_one(saved, caplog):
    grey = np.random.default_rng(1).integers(0, 256, (20, 8, 7)).astype(np.uint8)
    threefold = np.repeat(grey[..., None], 3, axis=3)
    np.testing.assert_array_equal(saved(x_train=threefold, y_train=Y, x_test=threefold, y_test=Y).x_test, grey)
    assert "kept as one, in grey" in caplog.text
    threefold[7, 0, 0] = 1, 2, 9
    mixed = saved(x_train=grey, y_train=Y, x_test=threefold, y_test=Y)
    assert mixed.image_shape == (3, 8, 7)
    assert (mixed.x_train == grey[:, None]).all()


def smooth(side):
    """Colours that change slowly, as those of photographs."""
    down, across = np.indices((side, side))
    shades = [
        [np.sin(across / 5 + n) + np.cos(down / 7), np.sin(down / 6 - n), np.cos(across / 9 + n)] for n in range(20)
    ]
    return (np.array(shades) * 60 + 127).astype(np.uint8)


@pytest.mark.parametrize("by_pixel", [False, True])
def test_flat_rows_in_colour(saved, caplog, by_pixel):
    colour = smooth(32)
    rows = np.moveaxis(colour, 1, 3) if by_pixel else colour
    np.testing.assert_array_equal(
        saved(x_train=rows.reshape(20, -1), y_train=Y, x_test=colour, y_test=Y).x_train, colour
    )
    assert ("pixel by pixel" if by_pixel else "as in CIFAR-10") in caplog.text


def test_a_fourth_channel_is_laid_on_white(saved, caplog):
    """Half of 200 on white: 200 * 128 / 255 + 255 * 127 / 255 = 227.4."""
    layers = np.full((20, 8, 7, 4), 200, np.uint8)
    layers[..., 1], layers[..., 3] = 0, 128
    assert saved(x=layers, y=Y).x_train[0, 0, 0, 0] == 227
    assert "20 of 20 images are partly transparent and were laid on white" in caplog.text


@pytest.mark.parametrize("labels", [Y.astype(np.uint8), Y.astype(np.float32), Y[:, None], np.eye(4)[Y]])
def test_the_same_labels_in_other_clothes(saved, labels):
    dataset = saved(x_train=X, y_train=labels, x_test=X, y_test=labels)
    assert dataset.y_train.tolist() == Y.tolist()
    assert dataset.y_train.dtype == np.int64


def test_one_hot_keeps_the_classes_that_do_not_occur(saved, caplog):
    assert saved(x=X, y=np.eye(6)[Y]).classes == 6
    assert "one-hot" in caplog.text


def with_value(array, value):
    changed = array.astype(np.result_type(array, np.asarray(value)))
    changed[3] = value
    return changed


@pytest.mark.parametrize(
    ("labels", "fragment"),
    [
        (with_value(Y, 3.5), "label 3.5 in row 3, expected a whole number"),
        (with_value(Y, np.nan), "label nan in row 3"),
        (with_value(Y, np.inf), "label inf in row 3"),
        (np.eye(4)[Y] + np.eye(4)[3], "is not one-hot"),
        (np.eye(4)[Y] * 0.5, "row 0 of shape (20, 4) is not one-hot"),
        (Y[:0], "shape (0,)"),
        (Y.reshape(5, 2, 2), "shape (5, 2, 2)"),
        (Y.astype(complex), "complex128"),
        (np.array(5), "shape ()"),
    ],
    ids=["3.5", "nan", "inf", "two-hot", "half", "none", "cube", "complex", "scalar"],
)
def test_refuses_labels(refused, labels, fragment):
    refused("y_train", fragment, x_train=X, y_train=labels)


def test_refuses_other_numbers_of_labels(saved):
    with pytest.raises(CorruptDataError, match=r"set.npz: y_train has 19 labels for 20 images"):
        saved(x_train=X, y_train=Y[:19])


@pytest.mark.parametrize(
    ("pixels", "fragment"),
    [
        (with_value(X / 255, np.nan), "not all finite"),
        (with_value(X / 255, np.inf), "not all finite"),
        (X.astype(int) - 1, "smallest pixel is -1"),
        (X / 127, "fractional pixels"),
        (X.astype(int) + 1, "largest pixel is 256"),
        (X.astype(float) + 1, "largest pixel is 256"),
        (X[:0], "holds no pixels"),
        (X[:, :0], "holds no pixels"),
        (X.astype(str), "pixels of type <U3"),
        (X.astype(complex), "pixels of type complex128"),
        (X.reshape(20, 3, 2, 2), None),
        (X.reshape(20, 2, 3, 2), "shape (20, 2, 3, 2)"),
        (X.reshape(-1), "shape (240,)"),
        (np.array(3), "shape ()"),
    ],
)
def test_refuses_pixels(refused, saved, pixels, fragment):
    if fragment is None:
        assert saved(x=pixels, y=Y).image_shape == (3, 2, 2)
    else:
        refused("x_train", fragment, x_train=pixels, y_train=Y)


def test_refuses_other_keys(refused):
    refused("arrays are none, expected images and labels")
    refused("x_test holds images, but there are no labels for it", x_train=X, y_train=Y, x_test=X)


def test_refuses_test_images_of_another_size(saved):
    with pytest.raises(CorruptDataError, match=r"x_test has images of \(3, 3\), expected \(3, 4\)"):
        saved(x_train=X, y_train=Y, x_test=X[:, :, :3], y_test=Y)


def test_never_unpickles(tmp_path):
    np.savez(tmp_path / "set.npz", x=np.array([{}] * 20, dtype=object), y=Y, allow_pickle=True)
    with pytest.raises(CorruptDataError, match=r"set.npz: x: holds Python objects, which are never opened here"):
        load(tmp_path / "set.npz")


def member(shape, body=b"", dtype="|u1"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue() + body


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        (member((10**14,)), "x: cannot be read"),
        (member((10**30,)), "x: cannot be read"),
        (member((-4,)), "x: cannot be read"),
        (member((4,), b"abc"), "x: cannot be read"),
        (member((4,), b"abcde"), "x: bytes after the end"),
        (b"no array", "x: cannot be read"),
        (b"", "x: cannot be read"),
    ],
)
def test_refuses_members_that_are_no_arrays(tmp_path, content, fragment):
    with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
        archive.writestr("x.npy", content)
        archive.writestr("y.npy", member((4,), bytes(4)))
    with pytest.raises(CorruptDataError, match=fragment):
        load(tmp_path / "set.npz")


def test_refuses_a_bomb_before_inflating_it(tmp_path, monkeypatch):
    monkeypatch.setattr("handgrad.data.npz.MAX_BYTES", 1_000_000)
    np.savez_compressed(tmp_path / "set.npz", x=np.zeros((2000, 32, 32), np.uint8), y=np.arange(2000) % 2)
    with pytest.raises(CorruptDataError, match=r"arrays take 20\d+ bytes, expected at most 1000000"):
        load(tmp_path / "set.npz")


@pytest.mark.parametrize("content", [b"", b"PK", b"<html>", b"\x93NUMPY"])
def test_refuses_what_is_no_npz(tmp_path, file_of, content):
    with pytest.raises(CorruptDataError, match="not a whole"):
        load(file_of(tmp_path / "set.npz", content))


def test_refuses_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "set.npz")
    with pytest.raises(FileSystemError, match="a pipe or device"):
        load(tmp_path / "set.npz")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_bit_in_the_members_never_changes_the_images(tmp_path, data):
    """Only the directory behind them has no checksum: there a bit can hide a member."""
    path = tmp_path / "set.npz"
    np.savez_compressed(path, x_train=X, y_train=Y, x_test=X, y_test=Y)
    content = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, 8 * content.index(b"PK\x01\x02") - 1))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    with contextlib.suppress(CorruptDataError):
        dataset = load(path)
        np.testing.assert_array_equal(dataset.x_train, X)
        assert dataset.y_test.tolist() == Y.tolist()
