"""Brings a picture from the world into the form of the training images."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handgrad.errors import UsageError

Array = NDArray[np.uint8]
MNIST_BOX = 20 / 28  # LeCun's digits fill a box of 20 of the 28 pixels, and their centre of mass is the centre
INK = 32  # a pixel so much above the background belongs to the drawing


def fit_picture(grey: Array, shape: tuple[int, ...], centred: bool) -> tuple[Array, bool]:
    """(picture of `shape`, whether it was inverted): light on dark, the drawing alone, its proportions kept.

    A picture that already has `shape` is not moved. `centred` places the drawing as MNIST did; otherwise it fills
    the frame as Fashion-MNIST's do.

    Shapes  grey (any height, any width) uint8 -> shape uint8
    Ref     LeCun, Cortes & Burges, The MNIST database, section on preprocessing
    """
    if len(shape) != 2:
        raise UsageError(f"this network takes inputs of shape {shape}, not pictures")
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    inverted = bool(np.median(edge) > 127)
    light = 255 - grey if inverted else grey
    if light.shape == shape:
        return light, inverted
    drawing = _cropped(light, int(np.median(255 - edge if inverted else edge)))
    scaled = _scaled(drawing, shape, MNIST_BOX if centred else 1.0)
    return _placed(scaled, shape, centred), inverted


def _cropped(light: Array, background: int) -> Array:
    """The smallest box around everything that stands out; the whole picture when nothing does."""
    ink = light.astype(int) > background + INK
    if not ink.any():
        return light
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return light[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _scaled(drawing: Array, shape: tuple[int, ...], share: float) -> Array:
    factor = min(share * shape[0] / drawing.shape[0], share * shape[1] / drawing.shape[1])
    height, width = (max(1, round(size * factor)) for size in drawing.shape)
    return np.asarray(
        Image.fromarray(drawing).resize(
            (width, height), Image.Resampling.BOX if factor < 1 else Image.Resampling.BILINEAR
        )
    )


def _placed(drawing: Array, shape: tuple[int, ...], by_mass: bool) -> Array:
    corner = []
    for axis in (0, 1):
        middle, centre = (shape[axis] - 1) / 2, (drawing.shape[axis] - 1) / 2
        if by_mass and drawing.any():
            # MNIST's images have their centre of mass at 14.0 on average, counting pixels from 0: not at 13.5.
            middle = shape[axis] / 2
            centre = float(np.average(np.arange(drawing.shape[axis]), weights=drawing.sum(axis=1 - axis, dtype=float)))
        corner.append(int(np.clip(round(middle - centre), 0, shape[axis] - drawing.shape[axis])))
    canvas: Any = np.zeros(shape, np.uint8)
    canvas[corner[0] : corner[0] + drawing.shape[0], corner[1] : corner[1] + drawing.shape[1]] = drawing
    return canvas
