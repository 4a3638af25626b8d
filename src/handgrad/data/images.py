"""A picture's file as one image, grey or in colour, and images brought to another size or to grey."""

import hashlib
import io
import logging
import warnings
from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from handgrad.data.dataset import Dataset, Images
from handgrad.data.pixels import FIRST, LIGHT_INK, TRANSPARENT, Array, PixelRange, has_colour, invisible, luma, over
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

Size = tuple[int, int]
IN_RGB = "are grey, kept in a file for colour"


class Picture(NamedTuple):
    """One image, `pixels` (H, W) or in colour (3, H, W), uint8 or uint16, and what is to be said of it."""

    pixels: Array
    notes: tuple[str, ...] = ()


def read_picture(path: Path, resize: Size | None = None, known: PixelRange | None = None) -> Picture:
    """The image in a file of one of FORMATS in 8 bits, brought to (height, width) `resize` when that is given.

    Its pixels are of the range `known` where they can be, or else of all that 8 or 16 bits hold.
    """
    picture = read_levels(path, resize)
    deep = picture.pixels.dtype == np.uint16
    fits = known is not None and known.low == 0 and picture.pixels.max() <= known.high and (deep or known.high <= 255)
    found = known if known and fits else PixelRange(0, 65535 if deep else 255)
    return picture._replace(pixels=found.to_bytes(picture.pixels))


def read_levels(path: Path, resize: Size | None = None, content: bytes | None = None) -> Picture:
    """The image in a file of one of FORMATS, or in its `content`, of 8 or 16 bits as in the file.

    A photograph is turned upright; transparency lies on white, light ink on black; equal channels become one.
    """
    picture = _decode(read_file(path, MAX_FILE_BYTES) if content is None else content, path)
    return picture._replace(pixels=bring_to(picture.pixels, resize))


def check_resize(resize: Size | None) -> None:
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


def resized(dataset: Dataset, resize: Size | None) -> Dataset:
    """The data set with every image brought to (height, width) `resize`; None leaves it alone.

    Raises  UsageError when a side of `resize` is not 1 to 4096, or the whole gets too big.
    """
    check_resize(resize)
    if resize is None or tuple(resize) == dataset.image_shape[-2:]:
        return dataset
    images = len(dataset.x_train) + len(dataset.x_test)
    check_total(dataset.name, images, images * prod((*dataset.image_shape[:-2], *resize)))
    fingerprint = hashlib.sha256(f"{dataset.fingerprint} {resize[0]}x{resize[1]}".encode()).hexdigest()
    return replace(
        dataset,
        x_train=_resize_all(dataset.x_train, resize),
        x_test=_resize_all(dataset.x_test, resize),
        fingerprint=fingerprint,
    )


def in_grey(dataset: Dataset) -> Dataset:
    """The data set with the brightness of every image in place of its colours."""
    if dataset.channels == 1:
        return dataset
    images = len(dataset.x_train) + len(dataset.x_test)
    log.warning("data set %s: %d images in colour are turned grey", dataset.name, images)
    return replace(dataset, x_train=luma(dataset.x_train), x_test=luma(dataset.x_test), fingerprint="")


def check_picture(path: Path) -> None:
    """Look at the header of an image file alone.  Raises  CorruptDataError when it is none, or has too many pixels."""
    _decode(read_file(path, MAX_FILE_BYTES), path, lambda image: Picture(np.empty(0)))


def to_pillow(pixels: Array) -> Image.Image:
    """An 8-bit image, grey or in colour, as Pillow has it, to be saved."""
    return Image.fromarray(pixels if pixels.ndim == 2 else np.ascontiguousarray(np.moveaxis(pixels, 0, 2)))


def _decode(content: bytes, path: Path, read: Callable[[Image.Image], Picture] | None = None) -> Picture:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                _check_header(image, path)
                several = image.format in ("GIF", "TIFF", "WEBP") and getattr(image, "is_animated", False)
                picture = (read or _pixels)(image)
                return picture._replace(notes=(*picture.notes, FIRST)) if several else picture
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


def _pixels(image: Image.Image) -> Picture:
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "F":
        raise ValueError("its pixels are fractions, expected whole numbers")
    if image.mode == "I" or image.mode.startswith("I;16"):
        return Picture(np.asarray(image).clip(0, 65535).astype(np.uint16))
    if image.mode in ("1", "L") and "transparency" not in image.info:
        return Picture(np.asarray(image.convert("L")))
    notes: tuple[str, ...] = ()
    if "transparency" in image.info or "A" in image.getbands():
        seen = image.convert("RGBA")
        white = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
        pixels, alpha = np.asarray(white).transpose(2, 0, 1)[:3], np.asarray(seen.getchannel("A"))
        on_black = over(np.asarray(seen).transpose(2, 0, 1)[:3], alpha, 0)
        hidden = invisible(luma(pixels)[None], luma(on_black)[None])[0]
        pixels = on_black if hidden else pixels
        notes = (LIGHT_INK,) if hidden else (TRANSPARENT,) if alpha.min() < 255 else ()
    else:
        pixels = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    return Picture(pixels, notes) if has_colour(pixels) else Picture(luma(pixels), (*notes, IN_RGB))


def bring_to(pixels: Array, size: Size | None, how: Image.Resampling = Image.Resampling.BILINEAR) -> Array:
    """An image brought to (height, width) `size`; `how` BOX, each pixel is the mean of what it covers."""
    if size is None or pixels.shape[-2:] == tuple(size):
        return pixels
    if pixels.ndim == 3:
        return np.stack([bring_to(plane, size, how) for plane in pixels])
    height, width = size
    image = Image.fromarray(pixels if pixels.dtype == np.uint8 else pixels.astype(np.float32))
    smaller = np.asarray(image.resize((width, height), how))
    return smaller if pixels.dtype == np.uint8 else np.rint(smaller).astype(np.uint16)


def _resize_all(images: Images, resize: Size) -> Images:
    small = [bring_to(image, resize) for image in images]
    return np.array(small, np.uint8).reshape(len(images), *images.shape[1:-2], *resize)
