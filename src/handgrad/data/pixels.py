"""Arrays of pixels as users have them, brought to (N, H, W) or, in colour, (N, 3, H, W) uint8.

What is black and what is white, their values tell; where the channels are, their shape.

The same pixels mean the same whatever their type: 0 and 1 as uint8, 0 to 16, 12 bits in 16, -1 to 1.
"""

import logging
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.data.dataset import Images
from handgrad.errors import CorruptDataError, raise_together

log = logging.getLogger("handgrad")

Array = NDArray[Any]

LAYOUTS = "(N, H, W), (N, H, W, 1), (N, 1, H, W), (N, H, W, 3), (N, 3, H, W), the same with 4, or (N, D)"
LEAST_SIDE = 8  # rows of 3 * side * side numbers are images in colour from this side on
CLEARLY = 0.8  # of the differences between neighbours in one order beside those in the other
DEPTHS = (255, 1023, 4095, 16383, 65535)  # the white of 8, 10, 12, 14 and 16 bits
FEW_LEVELS, LEVELS = 16, (31, 63, 100, 127)  # white beyond doubt where it is the largest whole pixel
NO_DEPTH = 511  # of 9 bits nobody makes images: one value too many for 8 bits is a mistake
SLACK = 1e-3  # interpolation and rounding go so far beyond 0 and 1
TRANSPARENT = "are partly transparent and were laid on white"
LIGHT_INK = "are light ink on transparency and were laid on black"
ROUNDING = 2  # levels
FIRST = "are the first of several in their file"
FAINT = 16  # an image laid on white that spans fewer levels shows nothing


class PixelRange(NamedTuple):
    """The values that stand for black and white."""

    low: float = 0.0
    high: float = 255.0

    def to_bytes(self, array: Array) -> Images:
        """Black as 0, white as 255."""
        if array.dtype == np.uint8 and self == PixelRange():
            return array
        scaled = (array - np.float64(self.low)) * np.float64(255 / (self.high - self.low))
        return np.rint(scaled).clip(0, 255).astype(np.uint8)


def to_images(name: str, arrays: dict[str, Array], known: PixelRange | None = None) -> tuple[list[Images], PixelRange]:
    """8-bit images from arrays that belong together, such as a training and a test part, by field; their range.

    One range is found for all of them: a test part that happens to be dark is not taken for one of 0 to 1. It is
    `known` where all their values are in it. They are in colour where an image of any of them is.

    Raises  CorruptDataError naming every field whose shape, type or values cannot be of pixels.
    """
    raise_together([fault for field, array in arrays.items() for fault in _faults(array, field)])
    low, high = min(map(np.min, arrays.values())), max(map(np.max, arrays.values()))
    fits = known is not None and known.low <= low and known.high >= high > min(1, known.high / 2)
    found = known if known and fits else range_of(name, arrays)
    images = [_laid(_arrange(found.to_bytes(array), field), field) for field, array in arrays.items()]
    if not any(each.ndim == 4 for each in images):
        return images, found
    if any(each.ndim == 4 and has_colour(each) for each in images):
        return [each if each.ndim == 4 else np.repeat(each[:, None], 3, axis=1) for each in images], found
    log.warning("%s: the three channels of every image are equal: they are kept as one, in grey", name)
    return [luma(each) if each.ndim == 4 else each for each in images], found


def range_of(name: str, arrays: dict[str, Array]) -> PixelRange:
    """What is black and white in all of them together, reported in one line where it is not 0 to 255.

    Raises  CorruptDataError naming the field whose values leave it open.
    """
    lows, highs = ({field: float(pick(each)) for field, each in arrays.items()} for pick in (np.min, np.max))
    dark, light = min(lows, key=lows.__getitem__), max(highs, key=highs.__getitem__)
    low, high = lows[dark], highs[light]
    whole = all(each.dtype.kind != "f" or np.array_equal(each, np.rint(each)) for each in arrays.values())
    found = _unsigned(high, whole) if low >= 0 or (low > -SLACK and not whole) else _signed(low, high, whole)
    if found is None:
        ranges = "expected 0 to 1, 0 to 16, 0 to 255, 0 to 65535 or -1 to 1. Rescale them"
        if low < 0:
            raise CorruptDataError(f"{dark}: smallest pixel is {low} and the largest {high:g}, {ranges}")
        fault = "largest pixel is" if whole or high > 255 else "fractional pixels up to"
        raise CorruptDataError(f"{light}: {fault} {high:g}, {ranges}")
    types = " and ".join(sorted({each.dtype.name for each in arrays.values()}))
    ends = f"up to {high:g}" if low >= 0 else f"from {low:g} to {high:g}"
    if found != PixelRange():
        scale = f"scaled by {255 / (found.high - found.low):g} to 0..255"
        meaning = f"{found.low:g} is taken for black, {found.high:g} for white"
        log.warning("%s: %s pixels %s were %s: %s", name, types, ends, scale, meaning)
    elif found == PixelRange() and 0 < high < 128:
        log.warning("%s: %s pixels %s are dark: 255 is taken for white", name, types, ends)
    elif found == PixelRange() and not whole:
        log.warning("%s: %s pixels %s were rounded to whole ones", name, types, ends)
    return found


def _unsigned(high: float, whole: bool) -> PixelRange | None:
    """Whole numbers up to 16 have their largest as white; others that of the least depth that holds them."""
    if high == 0:
        return PixelRange()
    if high <= 1 + SLACK:
        return PixelRange(0, 1)
    if whole and (high <= FEW_LEVELS or high in LEVELS):
        return PixelRange(0, high)
    if not whole and not any(white / 2 < high <= white for white in (FEW_LEVELS, *DEPTHS)):
        return None
    if not whole and high <= FEW_LEVELS:
        return PixelRange(0, FEW_LEVELS)
    white = next((white for white in DEPTHS if high <= white), None)
    return PixelRange(0, white) if white and not 255 < high <= NO_DEPTH else None


def _signed(low: float, high: float, whole: bool) -> PixelRange | None:
    """Around zero; numbers that were brought to mean 0 have no black and white but their own ends."""
    if high <= 0:
        return None
    for end in (0.5, 1.0):
        if low >= -end - SLACK and high <= end + SLACK:
            return PixelRange(-end, end)
    if whole:
        return PixelRange(-128, 127) if -128 <= low <= -64 and high <= 127 else None
    standardised = low >= -10 and high <= 10
    centred = 128 < high - low <= 256
    return PixelRange(low, high) if standardised or centred else None


def _faults(array: Array, field: str) -> Iterator[CorruptDataError]:
    """What keeps an array from being images, whatever the range of its values."""
    if array.dtype.kind not in "buif":
        yield CorruptDataError(f"{field}: pixels of type {array.dtype}, expected numbers. Save them as uint8")
    elif array.size == 0:
        yield CorruptDataError(f"{field}: shape {array.shape} holds no pixels, expected {LAYOUTS}")
    elif array.ndim not in (2, 3) and _channels(array.shape) is None:
        yield CorruptDataError(f"{field}: shape {array.shape}, expected {LAYOUTS}. Reshape it")
    elif broken := not_finite(array):
        yield CorruptDataError(f"{field}: pixels are not all finite: {broken}. Mend or remove them")


def not_finite(images: Array) -> str:
    """How many images hold NaN or infinity, and which is the first; nothing when none does."""
    if images.dtype.kind != "f" or math.isfinite(np.vdot(images, images)):  # which may overflow for finite ones
        return ""
    broken = np.flatnonzero(~np.isfinite(images).reshape(len(images), -1).all(axis=1))
    value = "NaN" if len(broken) and np.isnan(images[broken[0]]).any() else "infinity"
    count = f"{len(broken)} of {len(images)} images" if len(images) > 1 else "the image"
    return f"{count} with NaN or infinity, the first is image {broken[0]} ({value})" if len(broken) else ""


def _channels(shape: tuple[int, ...]) -> int | None:
    """The axis of the channels; of a last axis of 4 it is not sure."""
    if len(shape) != 4:
        return None
    return next((axis for axis, counts in ((3, (1, 3)), (1, (1, 3, 4)), (3, (4,))) if shape[axis] in counts), None)


def _arrange(array: Images, field: str) -> Images:
    """(N, H, W), or (N, channels, H, W) with 3 or 4 channels; flat rows as one line where they are no square."""
    if array.ndim == 2:
        size = array.shape[1]
        side, third = math.isqrt(size), math.isqrt(size // 3)
        if 3 * third * third == size and third >= LEAST_SIDE and side * side != size:
            return _in_colour(array, third, field)
        return array.reshape((-1, side, side) if side * side == size else (-1, 1, size))
    axis = _channels(array.shape)
    if axis is None:
        return array
    array = np.moveaxis(array, axis, 1)
    return array[:, 0] if array.shape[1] == 1 else array


def _in_colour(rows: Images, side: int, field: str) -> Images:
    """Rows of 3 * side * side numbers as planes of red, green, blue, or pixel by pixel where neighbours tell so."""
    planes = rows.reshape(-1, 3, side, side)
    pixels = np.moveaxis(rows.reshape(-1, side, side, 3), 3, 1)
    first, second = (np.abs(np.diff(each[:1000].astype(float), axis=3)).mean() for each in (planes, pixels))
    by_pixel = second < CLEARLY * first
    how = "pixel by pixel" if by_pixel else "a plane of red, one of green, one of blue, as in CIFAR-10"
    what = f"rows of {3 * side * side} are taken for colours of {side} x {side} pixels"
    log.warning("%s: %s, %s", field, what, how)
    return pixels if by_pixel else planes


def _laid(images: Images, field: str) -> Images:
    """Without the fourth channel: laid on white, or on black where white would hide them."""
    if images.ndim == 3 or images.shape[1] == 3:
        return images
    alpha = images[:, 3:]
    white, black = over(images[:, :3], alpha, 255), over(images[:, :3], alpha, 0)
    hidden = invisible(luma(white), luma(black))
    partly = (alpha.min(axis=(1, 2, 3)) < 255) & ~hidden
    notice(field, {TRANSPARENT: int(partly.sum()), LIGHT_INK: int(hidden.sum())}, len(images))
    return np.where(hidden[:, None, None, None], black, white)


def has_colour(images: Images) -> bool:
    """Whether the channels, the third axis from behind, differ anywhere by more than a file's rounding."""
    return bool((images.max(axis=-3) - images.min(axis=-3)).max() > ROUNDING)


def luma(images: Images) -> Images:
    """The brightness of colours, by ITU-R 601 in 16-bit fixed point, the same to the bit as Pillow's.

    Shapes  images (..., 3, H, W) -> (..., H, W)
    """
    red, green, blue = (images[..., channel, :, :].astype(np.uint32) for channel in range(3))
    grey: Images = ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(np.uint8)
    return grey


def over(images: Images, alpha: Images, background: int) -> Images:
    """Partly transparent images laid on one level of all channels."""
    cover = alpha.astype(np.uint32)
    laid: Images = ((images * cover + background * (255 - cover) + 127) // 255).astype(np.uint8)
    return laid


def invisible(on_white: Images, on_black: Images) -> NDArray[np.bool_]:
    """Which images show nothing on white, and something on black: light ink on transparency."""
    white, black = (np.ptp(each, axis=(1, 2)) for each in (on_white, on_black))
    return (white < FAINT) & (black >= FAINT)


def notice(where: str, notes: Mapping[str, int], of: int) -> None:
    """Say once what is to be said of how many images."""
    for note in (TRANSPARENT, LIGHT_INK, FIRST):
        if notes.get(note):
            log.warning("%s: %d of %d images %s", where, notes[note], of, note)
