"""Weights and feature maps as pictures."""

from typing import Any

import numpy as np

from handgrad.figures import style
from handgrad.figures.drawings.pictures import PIXELS
from handgrad.figures.numbers.filters import FeatureMaps, Filters, Pictures
from handgrad.figures.sheets import GAP, MARGIN, Sheet, stack

ACROSS = 12
ROOM = style.WIDTH - 2 * MARGIN - 0.75  # a colour bar takes the rest


def draw_filters(filters: Filters) -> Any:
    """A sheet for each layer, with one scale for all of it."""
    title = f"{filters.what}: what the units of a layer look for\n{style.cut(filters.run, 90)}"
    return stack(title, [_sheet(layer, 0.6, "weight (no unit)") for layer in filters.layers])


def draw_feature_maps(maps: FeatureMaps) -> Any:
    """The image, and below it what each convolution makes of it."""
    title = f"Feature maps of one test image: what each convolution makes of it\n{style.cut(maps.run, 90)}"
    image = Sheet(f"test image {maps.row}: {maps.name}", maps.image[None], 1, 0.95, PIXELS)
    return stack(title, [image, *(_sheet(layer, 0.95, "output (no unit)") for layer in maps.layers)])


def _sheet(layer: Pictures, largest: float, scale: str) -> Sheet:
    """A column for each unit, a row for each channel; units of one channel in several rows where they need them."""
    units, channels = layer.pictures.shape[:2]
    columns = units if channels > 1 else min(units, ACROSS)
    flat = layer.pictures.swapaxes(0, 1).reshape(-1, *layer.pictures.shape[2:])
    limit = float(np.abs(flat).max()) or 1.0
    inches = min(largest, ROOM / columns / (1 + GAP))
    named = channels == 1 and not layer.names[0].isdigit()
    texts = [style.cut(name, 11) for name in layer.names] if named else []
    heading = layer.title + (", a column for each unit, a row for each channel" if channels > 1 else "")
    return Sheet(heading, flat, columns, inches, (-limit, limit), texts, int(named), style.SIGNED, scale)
