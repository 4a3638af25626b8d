"""Weights and feature maps as pictures."""

from typing import Any

import numpy as np

from handgrad.figures import style
from handgrad.figures.numbers.filters import FeatureMaps, Filters, Pictures

HEAD = 0.45  # inches above each layer's pictures
ACROSS = 12


def draw_filters(filters: Filters) -> Any:
    """A block of pictures for each layer, with one scale for all of them."""
    title = f"{filters.what}: units compared in each layer\n{style.cut(filters.run, 90)}"
    sheets = [_sheet(layer) for layer in filters.layers]
    heights = [_height(sheet, layer) for sheet, layer in zip(sheets, filters.layers, strict=True)]
    figure, axes = _stack(title, heights)
    for each, sheet, layer in zip(axes, sheets, filters.layers, strict=True):
        _block(figure, each, sheet, layer, "weight (no unit)")
    return figure


def draw_feature_maps(maps: FeatureMaps) -> Any:
    """The image, and below it what each convolution makes of it."""
    title = f"Feature maps of one test image ({maps.name}): convolutions compared\n{style.cut(maps.run, 90)}"
    sheets = [_sheet(layer, 0.95) for layer in maps.layers]
    whole = style.Sheet(ACROSS, 0.95)
    heights = [whole.height(1, maps.image.shape), *map(_height, sheets, maps.layers)]
    figure, axes = _stack(title, heights)
    whole.draw(axes[0], maps.image[None], (0, 255))
    axes[0].set_title(f"test image {maps.row}: {maps.name}")
    _left(axes[0], whole, 1, maps.image.shape)
    for each, sheet, layer in zip(axes[1:], sheets, maps.layers, strict=True):
        _block(figure, each, sheet, layer, "output (no unit)")
    return figure


def _sheet(layer: Pictures, largest: float = 0.72) -> style.Sheet:
    """A unit's channels side by side in a row; units of one channel side by side."""
    units, channels = layer.pictures.shape[:2]
    columns = channels if channels > 1 else min(units, ACROSS)
    room = (style.WIDTH - 1.1) / 1.14
    named = layer.names[0].isdigit()
    return style.Sheet(columns, min(largest, room / columns), 0 if named else 1, style.SIGNED, 0.14)


def _height(sheet: style.Sheet, layer: Pictures) -> float:
    units, channels = layer.pictures.shape[:2]
    return sheet.height(units * channels, layer.pictures.shape[2:])


def _stack(title: str, heights: list[float]) -> tuple[Any, Any]:
    more = {"gridspec_kw": {"height_ratios": [height + 0.1 for height in heights]}}
    figure, axes = style.grid(title, sum(heights) + HEAD * len(heights) + 0.6, len(heights), 1, **more)
    return figure, axes[:, 0]


def _block(figure: Any, axes: Any, sheet: style.Sheet, layer: Pictures, label: str) -> None:
    flat = layer.pictures.reshape(-1, *layer.pictures.shape[2:])
    largest = float(np.abs(flat).max()) or 1.0
    several = layer.pictures.shape[1] > 1
    names = [] if several or layer.names[0].isdigit() else [style.cut(name, 12) for name in layer.names]
    sheet.draw(axes, flat, (-largest, largest), names)
    axes.set_title(layer.title + (": a row for each unit, a column for each channel" if several else ""))
    _left(axes, sheet, len(flat), flat.shape[1:])
    bar = figure.colorbar(axes.images[0], ax=axes, shrink=0.9, aspect=12, pad=0.01, fraction=0.03)
    bar.set_label(label, size=style.SMALL)
    bar.outline.set_visible(False)


def _left(axes: Any, sheet: style.Sheet, count: int, shape: tuple[int, ...]) -> None:
    """Start at the left edge, with every picture as large as it was asked for."""
    room = (style.WIDTH - 1.0) / sheet.inches * shape[1]
    axes.set_xlim(-1, max(room, axes.get_xlim()[1]))
    axes.set_anchor("NW")
