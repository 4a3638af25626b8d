"""A picture's file as one grey image, and images brought to another size."""

import hashlib
import io
import logging
import warnings
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from handgrad.data.dataset import Dataset, Images
from handgrad.data.pixels import Array, PixelRange, invisible, over
from handgrad.data.places import read_file
from handgrad.errors import CorruptDataError, HandgradError, UsageError

log = logging.getLogger("handgrad")

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp"),
    *(".pgm", ".ppm", ".pbm", ".pnm"),
)
KNOWN = "PNG, JPEG, BMP, GIF, TIFF, WebP or PGM"
MAX_PIXELS = 64_000_000
MAX_FILE_BYTES = 1 << 28
MAX_SIDE = 4096
MAX_DATASET_BYTES = 4 << 30


class Grey(NamedTuple):
    """One image, `pixels` (H, W) uint8 or uint16.

    Whether colour was lost on the way, whether it lies on black, and whether it is the first of several in its file.
    """

    pixels: Array
    had_colour: bool
    light_ink: bool = False
    first: bool = False


def read_grey(path: Path, resize: tuple[int, int] | None = None, known: PixelRange | None = None) -> Grey:
    """The image in a file of one of FORMATS in 8-bit grey, brought to (height, width) `resize` when that is given.

    Its pixels are of the range `known` where they can be, or else of all that 8 or 16 bits hold.
    """
    grey = read_levels(path, resize)
    deep = grey.pixels.dtype == np.uint16
    fits = known is not None and known.low == 0 and grey.pixels.max() <= known.high and (deep or known.high <= 255)
    found = known if known and fits else PixelRange(0, 65535 if deep else 255)
    return grey._replace(pixels=found.to_bytes(grey.pixels))


def read_levels(path: Path, resize: tuple[int, int] | None = None) -> Grey:
    """The image in a file of one of FORMATS in grey, of 8 or 16 bits as in the file.

    Colour becomes ITU-R 601 luma, a photograph is turned upright; transparency lies on white, light ink on black.
    """
    grey = _decode(read_file(path, MAX_FILE_BYTES), path)
    return grey._replace(pixels=bring_to(grey.pixels, resize))


def check_resize(resize: tuple[int, int] | None) -> None:
    """Refuse a size that no image can have.

    Raises  UsageError
    """
    if resize is not None and not (len(resize) == 2 and all(isinstance(s, int) and 1 <= s <= MAX_SIDE for s in resize)):
        raise UsageError(f"resize must be a height and a width of 1 to {MAX_SIDE} pixels, got {resize} (--resize)")


def check_total(name: str, images: int, total: int) -> None:
    """Refuse more bytes of pixels than a data set may have, before memory is asked for.

    Raises  UsageError
    """
    if total > MAX_DATASET_BYTES:
        raise UsageError(
            f"data set {name}: {images} images need {total} bytes, expected at most {MAX_DATASET_BYTES}. "
            "Choose a smaller --resize"
        )


def resized(dataset: Dataset, resize: tuple[int, int] | None) -> Dataset:
    """The data set with every image brought to (height, width) `resize`; None leaves it alone.

    Raises  UsageError when a side of `resize` is not 1 to 4096, or the whole gets too big.
    """
    check_resize(resize)
    if resize is None or tuple(resize) == dataset.image_shape:
        return dataset
    images = len(dataset.x_train) + len(dataset.x_test)
    check_total(dataset.name, images, images * resize[0] * resize[1])
    fingerprint = hashlib.sha256(f"{dataset.fingerprint} {resize[0]}x{resize[1]}".encode()).hexdigest()
    return replace(
        dataset,
        x_train=_resize_all(dataset.x_train, resize),
        x_test=_resize_all(dataset.x_test, resize),
        fingerprint=fingerprint,
    )


def notice_colour(name: str, coloured: int, images: int) -> None:
    """Say once that colour was dropped."""
    if coloured:
        log.warning("data set %s: %d of %d images are in colour and were turned grey", name, coloured, images)


def _decode(content: bytes, path: Path) -> Grey:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                _check_header(image, path)
                several = image.format in ("GIF", "TIFF", "WEBP") and getattr(image, "is_animated", False)
                return _to_grey(image)._replace(first=several)
    except HandgradError:
        raise
    except UnidentifiedImageError as error:
        raise CorruptDataError(f"{path}: content is no {KNOWN} image. Convert or remove it") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise CorruptDataError(f"{path}: image has over {MAX_PIXELS} pixels. Make it smaller") from error
    except Exception as error:
        # Pillow's decoders meet damage with OSError, SyntaxError, ValueError, struct.error, zlib.error and others.
        raise CorruptDataError(f"{path}: image is damaged ({error}). Replace or remove it") from error


def _check_header(image: Image.Image, path: Path) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise CorruptDataError(
            f"{path}: image has {height} x {width} pixels, expected at most {MAX_PIXELS}. Make it smaller"
        )
    # A JPEG of several pictures is how phones keep a preview, and its first is the photograph.
    if image.format == "PNG" and getattr(image, "is_animated", False):
        raise CorruptDataError(f"{path}: image is animated, expected a single picture. Save one frame of it")


def _to_grey(image: Image.Image) -> Grey:
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "F":
        raise ValueError("its pixels are fractions, expected whole numbers")
    if image.mode == "I" or image.mode.startswith("I;16"):
        return Grey(np.asarray(image).clip(0, 65535).astype(np.uint16), False)
    if image.mode in ("1", "L") and "transparency" not in image.info:
        return Grey(np.asarray(image.convert("L")), False)
    seen = image.convert("RGB" if "transparency" not in image.info and "A" not in image.getbands() else "RGBA")
    white = Image.new("RGBA", seen.size, "white")
    colours = Image.alpha_composite(white, seen).convert("RGB") if seen.mode == "RGBA" else seen
    red, green, blue = np.asarray(colours).transpose(2, 0, 1)
    had_colour = not (np.array_equal(red, green) and np.array_equal(green, blue))
    grey = np.asarray(colours.convert("L"))
    if seen.mode == "RGBA":
        on_black = over(np.asarray(seen.convert("RGB").convert("L")), np.asarray(seen.getchannel("A")), 0)
        if invisible(grey[None], on_black[None])[0]:
            return Grey(on_black, had_colour, light_ink=True)
    return Grey(grey, had_colour)


def bring_to(grey: Array, resize: tuple[int, int] | None) -> Array:
    """The image, interpolated to (height, width) `resize` when that is given.

    Shapes  (H, W) -> (height, width), uint8 or uint16
    """
    if resize is None or grey.shape == resize:
        return grey
    height, width = resize
    image = Image.fromarray(grey if grey.dtype == np.uint8 else grey.astype(np.float32))
    smaller = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    return smaller if grey.dtype == np.uint8 else np.rint(smaller).astype(np.uint16)


def _resize_all(images: Images, resize: tuple[int, int]) -> Images:
    return np.array([bring_to(image, resize) for image in images], np.uint8).reshape(len(images), *resize)
