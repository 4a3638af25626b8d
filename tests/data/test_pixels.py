"""The same pixels, whatever type and range they come in."""

import io

import numpy as np
import pytest
from PIL import Image

from handgrad.data import load, read_picture
from handgrad.data.pixels import PixelRange
from handgrad.errors import CorruptDataError

LEVELS = np.random.default_rng(0).integers(0, 17, (24, 5, 6))
LEVELS[0, 0, :2] = 0, 16
Y = np.arange(24) % 3
BLACK_AND_WHITE = LEVELS > 8


@pytest.fixture
def saved(tmp_path):
    """Save arrays and load them as a data set."""

    def save_and_load(**arrays):
        np.savez(tmp_path / "set.npz", **arrays)
        return load(tmp_path / "set.npz")

    return save_and_load


@pytest.mark.parametrize(
    "pixels",
    [
        (LEVELS / 16).astype(np.float32),
        LEVELS.astype(np.uint8),
        LEVELS,
        LEVELS.astype(float),
        LEVELS / 8 - 1,
        (LEVELS - 8) / 16,
        (LEVELS / 16 - 0.13) / 0.31,
        LEVELS / 16 * 255,
    ],
    ids=["float32", "uint8", "int64", "0.-16.", "-1-1", "-.5-.5", "standardised", "0.-255."],
)
def test_sixteen_grey_levels_give_the_same_bytes(saved, caplog, pixels):
    assert saved(x_train=pixels, y_train=Y).x_train.tolist() == saved(x_train=LEVELS / 16, y_train=Y).x_train.tolist()
    assert "pixels" in caplog.text


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float64])
def test_more_bits_are_told_from_the_largest_pixel(saved, bits, kind):
    """Every level is within half a byte's step of its share of white: x (2^b - 1) / 16 rounded, brought to 0..255."""
    pixels = np.rint(LEVELS * (2**bits - 1) / 16).astype(kind)
    dataset = saved(x_train=pixels, y_train=Y, x_test=pixels, y_test=Y)
    assert np.abs(dataset.x_train - LEVELS * (255 / 16)).max() <= 0.63
    assert dataset.pixel_range == (0, 2**bits - 1)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int8, np.int64, np.uint16, np.float32])
def test_two_levels_are_black_and_white(saved, kind):
    dataset = saved(x_train=BLACK_AND_WHITE.astype(kind), y_train=Y, x_test=BLACK_AND_WHITE[:3] * kind(0), y_test=Y[:3])
    assert dataset.x_train.tolist() == (255 * BLACK_AND_WHITE).tolist()
    assert not dataset.x_test.any()


def test_ordinary_bytes_stay_as_they_are(saved, caplog):
    pixels = (LEVELS * 10).astype(np.uint8)
    assert saved(x_train=pixels, y_train=Y, x_test=pixels, y_test=Y).x_train.tolist() == pixels.tolist()
    assert caplog.text == ""


def test_one_range_for_both_parts(saved):
    dataset = saved(x_train=LEVELS, y_train=Y, x_test=np.minimum(LEVELS, 1), y_test=Y)
    assert dataset.x_test.max() == round(255 / 16)


def test_all_that_is_wrong_is_said(saved):
    spoilt = LEVELS / 16
    spoilt[[4, 7], 0, 0] = np.inf, np.nan
    labels = Y.astype(float)
    labels[[2, 3, 5]] = -1, 0.5, np.nan
    with pytest.raises(CorruptDataError) as caught:
        saved(x_train=spoilt, y_train=labels, x_test=LEVELS.astype(str), y_test=Y)
    for part in (
        "x_train: pixels are not all finite: 2 of 24 images with NaN or infinity, the first is image 4 (infinity)",
        "x_test: pixels of type <U",
        "y_train: label 0.5 in row 3 and in 1 other rows, expected a whole number",
    ):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "pixels", [LEVELS * 0 - 1, LEVELS - 16, LEVELS * 15 - 1, LEVELS * 16, LEVELS * 5000, LEVELS / 8]
)
def test_ranges_that_nobody_means_are_refused(saved, pixels):
    with pytest.raises(CorruptDataError, match=r"x_train: (smallest|largest|fractional) pixel"):
        saved(x_train=pixels, y_train=Y)


def test_images_along_the_last_axis_are_told(saved):
    with pytest.raises(CorruptDataError, match=r"24 labels for 5 images .*np.moveaxis\(x_train, -1, 0\)"):
        saved(x_train=np.moveaxis(LEVELS, 0, -1), y_train=Y)


@pytest.mark.parametrize("axis", [1, 3])
def test_light_ink_on_transparency_is_seen(saved, caplog, axis):
    ink = np.full((24, 5, 6, 4), 255, np.uint8)
    ink[..., 3] = LEVELS * 15
    dataset = saved(x_train=np.moveaxis(ink, 3, axis), y_train=Y, x_test=ink, y_test=Y)
    assert dataset.x_train.tolist() == dataset.x_test.tolist() == (LEVELS * 15).tolist()
    assert "24 of 24 images are light ink on transparency and were laid on black" in caplog.text


def png(pixels, mode=None):
    stream = io.BytesIO()
    (Image.fromarray(pixels) if mode is None else Image.fromarray(pixels, mode)).save(stream, "PNG")
    return stream.getvalue()


def folder_of(tmp_path, file_of, images):
    for number, image in enumerate(images):
        file_of(tmp_path / "set" / "ab"[number % 2] / f"{number:02}.png", png(image))
    return tmp_path / "set"


@pytest.mark.parametrize(("white", "kind"), [(1, np.uint8), (16, np.uint8), (4095, np.uint16), (65535, np.uint16)])
def test_a_folder_has_one_range(tmp_path, file_of, white, kind):
    """And a picture to be predicted is read with it; one of all 8 bits as it stands."""
    levels = (np.arange(30).reshape(5, 6) % 2 * np.arange(1, 31).reshape(5, 6) * white // 30).astype(kind)
    dataset = load(folder_of(tmp_path, file_of, [levels] * 8))
    assert dataset.pixel_range == (0, white) if white != 65535 else (0, 65535)
    assert dataset.x_train[0].tolist() == np.rint(levels * (255 / white)).astype(int).tolist()
    known = PixelRange(*dataset.pixel_range)
    assert read_picture(tmp_path / "set" / "a" / "00.png", None, known).pixels.tolist() == dataset.x_train[0].tolist()
    full = file_of(tmp_path / "full.png", png(np.full((5, 6), 200, np.uint8)))
    assert (read_picture(full, None, known).pixels == 200).all()


def test_light_ink_in_a_folder(tmp_path, file_of, caplog):
    ink = np.full((5, 6, 4), 255, np.uint8)
    ink[..., 3] = LEVELS[0] * 15
    dataset = load(folder_of(tmp_path, file_of, [ink] * 8))
    assert dataset.x_train[0].tolist() == (LEVELS[0] * 15).tolist()
    assert caplog.text.count("8 of 8 images are light ink") == 1
    dark = ink.copy()
    dark[..., :3] = 0
    assert read_picture(file_of(tmp_path / "dark.png", png(dark))).pixels.tolist() == (255 - LEVELS[0] * 15).tolist()


def test_every_damaged_file_of_a_folder_is_named(tmp_path, file_of):
    folder = folder_of(tmp_path, file_of, [np.full((5, 6), 9 * n, np.uint8) for n in range(28)])
    damaged = sorted(folder.glob("*/*.png"))[::2]
    for path in damaged:
        path.write_bytes(b"no image")
    file_of(folder / "a" / "notes.txt", b"")
    (folder / "void").mkdir()
    with pytest.raises(CorruptDataError) as caught:
        load(folder)
    message = str(caught.value)
    assert all(str(path) in message for path in [folder / "a" / "notes.txt", folder / "void", *damaged[:8]])
    assert message.endswith("; and 6 more")
    assert str(damaged[8]) not in message
