"""Arrays of pixels as users have them, brought to (N, H, W) uint8."""

import logging
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.data.dataset import Images
from handgrad.errors import CorruptDataError

log = logging.getLogger("handgrad")

Array = NDArray[Any]

LAYOUTS = "(N, H, W), (N, H, W, 1), (N, 1, H, W), (N, H, W, 3), (N, 3, H, W) or (N, D)"


def to_images(arrays: dict[str, Array]) -> list[Images]:
    """Grey 8-bit images from arrays that belong together, such as a training and a test part, by field name.

    One scale is found for all of them: a test part that happens to be dark is not taken for one of 0 to 1.

    Raises  CorruptDataError naming the field, for shapes, types or values that cannot be pixels.
    """
    peak = max(_peak(array, field) for field, array in arrays.items())
    images = []
    for field, array in arrays.items():
        bytes_ = _to_bytes(array, field, peak)
        images.append(_to_grey(_arrange(bytes_, field), field))
    return images


def _peak(array: Array, field: str) -> float:
    """The largest pixel, after refusing values that no pixel can have."""
    if array.dtype.kind not in "buif":
        raise CorruptDataError(f"{field}: pixels of type {array.dtype}, expected numbers. Save them as uint8")
    if array.size == 0:
        raise CorruptDataError(f"{field}: shape {array.shape} holds no pixels, expected {LAYOUTS}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise CorruptDataError(f"{field}: pixels are not all finite, expected no NaN or infinity. Mend them first")
    if array.min() < 0:
        raise CorruptDataError(f"{field}: smallest pixel is {array.min()}, expected 0 to 1 or 0 to 255. Rescale them")
    return float(array.max())


def _to_bytes(array: Array, field: str, peak: float) -> Images:
    if array.dtype == np.uint8:
        return array.astype(np.uint8, copy=False)
    scale = _scale(array, field, peak)
    if scale == 1:
        return array.astype(np.uint8)
    log.warning("%s: %s pixels up to %g were scaled by %g to 0..255", field, array.dtype, peak, scale)
    scaled: Images = np.rint(array * np.float64(scale)).astype(np.uint8)
    return scaled


def _scale(array: Array, field: str, peak: float) -> float:
    if array.dtype.kind == "b" or (array.dtype.kind == "f" and peak <= 1):
        return 255
    if array.dtype == np.uint16 and peak > 255:
        return 255 / 65535
    if peak > 255:
        raise CorruptDataError(f"{field}: largest pixel is {peak:g}, expected at most 255. Rescale to 0 to 255")
    if array.dtype.kind == "f" and not np.array_equal(array, np.rint(array)):
        raise CorruptDataError(f"{field}: fractional pixels up to {peak:g}, expected 0 to 1 or whole 0 to 255. Rescale")
    return 1


def _arrange(array: Images, field: str) -> Images:
    """The channel axis, if any, last; flat rows as squares where they are, else as one line."""
    shape = array.shape
    if array.ndim == 2:
        side = math.isqrt(shape[1])
        return array.reshape((-1, side, side) if side * side == shape[1] else (-1, 1, shape[1]))
    if array.ndim == 4 and shape[3] not in (1, 3) and shape[1] in (1, 3):
        return np.moveaxis(array, 1, 3)
    if array.ndim == 3 or (array.ndim == 4 and shape[3] in (1, 3)):
        return array
    raise CorruptDataError(f"{field}: shape {shape}, expected {LAYOUTS}. Reshape it")


def _to_grey(array: Images, field: str) -> Images:
    if array.ndim == 3:
        return array
    if array.shape[3] == 1:
        return array[..., 0]
    log.warning("%s: %d images in colour were turned grey", field, len(array))
    # ITU-R 601 in 16-bit fixed point, the same to the bit as Pillow's.
    red, green, blue = (array[..., channel].astype(np.uint32) for channel in range(3))
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(np.uint8)
