"""A folder of images as a data set, and every kind of image that turns up in one."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from handgrad.data import load, luma, read_picture
from handgrad.errors import CorruptDataError, FileSystemError, UsageError

GREY = np.arange(6 * 5, dtype=np.uint8).reshape(6, 5) * 8


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture
def folder(tmp_path, file_of):
    """Three classes of five grey images; the first pixel of each tells which it is."""
    for label, name in enumerate(("cat", "dog", "eel")):
        for number in range(5):
            file_of(tmp_path / "pets" / name / f"{number}.png", encoded(GREY + 10 * label + number))
    return tmp_path / "pets"


def refused(folder, *fragments, error=CorruptDataError):
    with pytest.raises(error) as caught:
        load(folder)
    message = str(caught.value)
    assert "\n" not in message
    for fragment in fragments:
        assert str(fragment) in message, message


def test_classes_are_sub_folders_and_a_fifth_is_held_out(folder, caplog):
    dataset = load(folder)
    assert (dataset.name, dataset.class_names, dataset.image_shape) == ("pets", ("cat", "dog", "eel"), (6, 5))
    assert (len(dataset.x_train), len(dataset.x_test)) == (12, 3)
    assert dataset.y_test.tolist() == [0, 1, 2]
    assert sorted(dataset.x_train[:, 0, 0].tolist() + dataset.x_test[:, 0, 0].tolist()) == [
        *range(5),
        *range(10, 15),
        *range(20, 25),
    ]
    assert (dataset.x_train[:, 0, 0] // 10 == dataset.y_train).all()
    assert "3 of its 15 images are held out" in caplog.text


def test_loading_again_gives_the_same(folder):
    assert load(folder).fingerprint == load(str(folder)).fingerprint


def test_train_and_test_folders(folder, tmp_path, file_of, caplog):
    (tmp_path / "split").mkdir()
    folder.rename(tmp_path / "split" / "train")
    test = tmp_path / "split" / "test" / "dog"
    test.mkdir(parents=True)
    (test / "x.png").write_bytes(encoded(GREY))
    dataset = load(tmp_path / "split")
    assert (len(dataset.x_train), dataset.y_test.tolist()) == (15, [1])
    assert caplog.text == ""
    file_of(test.parent / "fox" / "x.png", encoded(GREY))
    refused(tmp_path / "split", test.parent / "fox", "a class that train/ has not", "cat, dog, eel")


def test_classes_named_by_numbers_are_in_their_order(tmp_path, file_of):
    for name in ("10", "9", "1"):
        for number in range(2):
            file_of(tmp_path / "n" / name / f"{number}.png", encoded(GREY))
    assert load(tmp_path / "n").class_names == ("1", "9", "10")


def test_hidden_files_and_litter_are_passed_over(folder, file_of):
    for name in (".DS_Store", "Thumbs.db", "cat/.hidden", "cat/desktop.ini", ".git/config", "README.md"):
        file_of(folder / name, b"not an image")
    assert len(load(folder).y_train) == 12


def test_refuses_other_layouts(folder, file_of, tmp_path):
    (tmp_path / "void").mkdir()
    refused(tmp_path / "void", tmp_path / "void", "0 sub-folders, expected one sub-folder of images per")
    refused(folder / "cat", folder / "cat" / "0.png", "an image outside of any class")
    (folder / "fox").mkdir()
    refused(folder, folder / "fox", "no images in this class")
    file_of(folder / "fox" / "notes.txt", b"hello")
    refused(folder, folder / "fox" / "notes.txt", "expected only images in a class")


def test_refuses_what_hangs(folder):
    os.mkfifo(folder / "cat" / "pipe.png")
    refused(folder, folder / "cat" / "pipe.png", "a pipe or device", error=FileSystemError)


def test_refuses_one_image_per_class(folder):
    for path in folder.glob("*/[1-4].png"):
        path.unlink()
    refused(folder, "no class has two images", error=UsageError)


def test_other_sizes_are_brought_to_that_of_most(folder, file_of, caplog):
    """Two equal columns of four in place of five: an image of one grey stays of that grey."""
    file_of(folder / "dog" / "z.png", encoded(np.full((12, 4), 99, np.uint8)))
    dataset = load(folder)
    assert dataset.image_shape == (6, 5)
    every = np.concatenate([dataset.x_train, dataset.x_test])
    assert sum((image == 99).all() for image in every) == 1
    assert "1 of 16 images have another size and were brought to that of most, 6 x 5 (--resize sets" in caplog.text
    caplog.clear()
    assert load(folder, resize=(3, 2)).image_shape == (3, 2)
    assert "another size" not in caplog.text


@pytest.mark.parametrize("resize", [(0, 5), (5, -1), (5000, 5), (5,), (2.5, 3)])
def test_refuses_sizes(folder, resize):
    with pytest.raises(UsageError, match=r"resize must be .* \(--resize\)"):
        load(folder, resize=resize)


def test_refuses_more_than_memory_before_taking_it(folder, monkeypatch):
    monkeypatch.setattr("handgrad.data.images.MAX_DATASET_BYTES", 100)
    refused(folder, "15 images need 120 bytes, expected at most 100", error=UsageError)


def coloured(number):
    colour = np.zeros((6, 5, 3), np.uint8)
    colour[..., number] = 255
    return colour


def test_colour_is_kept_and_grey_beside_it_has_equal_channels(folder, file_of, caplog):
    for number in range(2):
        file_of(folder / "cat" / f"c{number}.png", encoded(coloured(number)))
    dataset = load(folder)
    assert dataset.image_shape == (3, 6, 5)
    pictures = np.concatenate([dataset.x_train, dataset.x_test])
    red = pictures[(pictures[:, 0] == 255).all(axis=(1, 2))]
    assert red.tolist() == [np.moveaxis(coloured(0), 2, 0).tolist()]
    assert sum((each == each[0]).all() for each in pictures) == 15
    assert "15 of 17 images are grey: in colour they have equal channels" in caplog.text


def test_colour_is_turned_grey_where_that_is_asked_for(folder, file_of, caplog):
    """Red is 0.299 * 255 = 76."""
    file_of(folder / "cat" / "red.png", encoded(coloured(0)))
    dataset = load(folder, grey=True)
    assert dataset.image_shape == (6, 5)
    assert sum((each == 76).all() for each in [*dataset.x_train, *dataset.x_test]) == 1
    assert caplog.text.count("16 images in colour are turned grey") == 1
    caplog.clear()
    (folder / "cat" / "red.png").unlink()
    assert load(folder, grey=True).image_shape == (6, 5)
    assert "turned grey" not in caplog.text


def test_a_folder_of_grey_images_in_files_for_colour_stays_grey(folder, file_of, caplog):
    plain = load(folder)
    for path in folder.rglob("*.png"):
        path.write_bytes(encoded(Image.open(path).convert("RGB")))
    dataset = load(folder)
    assert dataset.fingerprint == plain.fingerprint
    assert caplog.text.count("files for colour are all grey") == 1


def test_colour_and_16_bits(folder, file_of):
    file_of(folder / "cat" / "deep.png", encoded(np.full((6, 5), 65535, np.uint16)))
    file_of(folder / "dog" / "red.png", encoded(coloured(0)))
    dataset = load(folder)
    assert sum((each == 255).all() for each in [*dataset.x_train, *dataset.x_test]) == 1


def picture_of(tmp_path, content, name="image.png"):
    path = tmp_path / name
    path.write_bytes(content)
    return read_picture(path).pixels


def test_luma_is_itu_601():
    """0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 59.8 + 58.7 + 5.7 = 124.2."""
    assert luma(np.array([200, 100, 50], np.uint8).reshape(3, 1, 1)).tolist() == [[124]]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_grey_stored_as_colour_is_not_coloured(tmp_path, kind):
    pixels = picture_of(tmp_path, encoded(np.repeat(GREY[..., None], 3, axis=2), kind, quality=100))
    np.testing.assert_allclose(pixels, GREY, atol=0 if kind == "PNG" else 4)


def test_black_and_white(tmp_path):
    grey = picture_of(tmp_path, encoded(Image.fromarray(GREY > 100)))
    np.testing.assert_array_equal(grey, 255 * (GREY > 100))


def test_palette(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), "L").convert("P")
    image.putpalette([0, 0, 0, 200, 100, 50])
    assert picture_of(tmp_path, encoded(image)).tolist() == [[[0, c], [c, 0]] for c in (200, 100, 50)]


def test_16_bits_are_scaled(tmp_path):
    """257 steps of 16 bits make one of 8: 0 -> 0, 257 -> 1, 65535 -> 255, 32896 = 128 * 257 -> 128."""
    levels = np.array([[0, 257], [65535, 32896]], np.uint16)
    assert picture_of(tmp_path, encoded(levels)).tolist() == [[0, 1], [255, 128]]


def test_a_folder_of_transparent_images_says_so(folder, caplog):
    for path in folder.rglob("*.png"):
        image = Image.open(path).convert("RGBA")
        image.putalpha(Image.fromarray(np.full((6, 5), 200, np.uint8)))
        path.write_bytes(encoded(image))
    load(folder)
    assert caplog.text.count("15 of 15 images are partly transparent and were laid on white") == 1


def test_transparency_lies_on_white(tmp_path):
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = (0, 255, 128)
    assert picture_of(tmp_path, encoded(rgba)).tolist() == [[255, 0, 127]]
    assert picture_of(tmp_path, encoded(np.array([[7, 9]], np.uint8), transparency=7)).tolist() == [[255, 9]]


def test_cmyk_jpeg(tmp_path):
    white = Image.new("CMYK", (8, 8), (0, 0, 0, 0))
    grey = picture_of(tmp_path, encoded(white, "JPEG", quality=100))
    assert (grey >= 254).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_photograph_is_turned_upright(tmp_path, kind, deep):
    """Orientation 6: the camera's left edge is the top. Only PNG and TIFF hold 16 bits."""
    stored = np.zeros((8, 16), np.uint16 if deep and kind in ("PNG", "TIFF") else np.uint8)
    stored[:, :4] = np.iinfo(stored.dtype).max
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = picture_of(tmp_path, encoded(stored, kind, exif=exif))
    assert pixels.shape == (16, 8)
    assert pixels[:3].min() > 200 > 50 > pixels[5:].max()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM"])
def test_still_formats_hold_the_same_pixels(tmp_path, kind):
    lossless = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(picture_of(tmp_path, encoded(GREY, kind, **lossless)), GREY)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP"])
def test_the_first_of_several_images_is_used_and_said(folder, kind, caplog):
    frames = [Image.fromarray(GREY), Image.fromarray(GREY[::-1].copy())]
    suffix = {"GIF": ".gif", "TIFF": ".TIF", "WEBP": ".webp"}[kind]
    lossless = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **lossless)
    (folder / "cat" / f"several{suffix}").write_bytes(content)
    dataset = load(folder)
    assert sum((image == GREY).all() for image in (*dataset.x_train, *dataset.x_test)) == 2
    assert "1 of 16 images are the first of several in their file" in caplog.text


def png_with_size(width, height):
    """A PNG whose header promises width x height, with next to no pixels behind it."""
    chunks = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")):
        chunks += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return chunks


def animation():
    frames = [Image.fromarray(GREY), Image.fromarray(GREY[::-1].copy())]
    return encoded(frames[0], save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        (b"", "has 0 bytes"),
        (encoded(GREY)[:50], "damaged"),
        (encoded(np.zeros((64, 64), np.uint8), "JPEG")[:-30], "damaged"),
        (animation(), "animated"),
        (encoded(GREY.astype(np.float32), "TIFF"), "its pixels are fractions"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "content is no PNG, JPEG,"),
        (png_with_size(8001, 8000), "8000 x 8001 pixels"),
        (png_with_size(10_000, 10_000), "over 64000000 pixels"),
        (png_with_size(20_000, 20_000), "over 64000000 pixels"),
        (png_with_size(2**31 - 1, 2**31 - 1), "pixels"),
    ],
    ids=["empty", "png", "jpeg", "animated", "fractions", "svg", "64M", "100M", "400M", "2**62"],
)
def test_refuses_images(folder, content, fragment):
    path = folder / "cat" / "0.png"
    path.write_bytes(content)
    refused(folder, path, fragment)


def test_a_png_cut_anywhere_in_its_pixels_is_refused(tmp_path):
    whole = encoded(np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8))
    for size in range(1, len(whole) - 20):
        with pytest.raises(CorruptDataError):
            picture_of(tmp_path, whole[:size])


def test_a_flipped_bit_in_the_pixels_of_a_png_is_refused(tmp_path):
    whole = encoded(np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8))
    start = whole.index(b"IDAT") + 4
    for at in range(start, len(whole) - 16):
        damaged = bytearray(whole)
        damaged[at] ^= 4
        with pytest.raises(CorruptDataError):
            picture_of(tmp_path, bytes(damaged))
