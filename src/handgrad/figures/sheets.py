"""Sheets of small pictures, one below the other, every one exactly as large as it was asked for."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.figures import style

Array = NDArray[Any]
PIXELS = (0.0, 255.0)  # from black to white
FINE = 48  # a picture is drawn with about so many pixels across, so that gaps are even
GAP = 0.14  # of a picture's width
MARGIN, LINE = 0.08, 0.16  # inches
BAR = 0.1  # inches, the width of a colour bar


class Sheet(NamedTuple):
    """Pictures in rows of `columns`, each `inches` wide, with up to `lines` lines of text below it.

    `scale` names the colours' unit; where it is empty, they are pixels that need no explanation.

    Shapes  pictures (N, H, W), or (N, 3, H, W) of colours from 0 to 255
    """

    heading: str
    pictures: Array
    columns: int
    inches: float
    limits: tuple[float, float]
    texts: Sequence[str] = ()
    lines: int = 0
    cmap: str = style.INKED
    scale: str = ""

    @property
    def fine(self) -> int:
        """Drawn pixels for each pixel, across and down."""
        return max(1, round(FINE / self.pictures.shape[-1]))

    @property
    def pixel(self) -> float:
        """Inches of a drawn one."""
        return self.inches / (self.fine * self.pictures.shape[-1])

    @property
    def cell(self) -> tuple[int, int]:
        """Height and width of a picture with its text and its gap, in drawn pixels."""
        pixel_height, pixel_width = (self.fine * size for size in self.pictures.shape[-2:])
        text = self.lines * (style.SMALL - 1) * 1.25 / 72 / self.pixel
        return pixel_height + round(text + GAP * pixel_width), pixel_width + round(GAP * pixel_width)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        rows = -(-len(self.pictures) // self.columns)
        least = 0.95 if self.scale else 0.2  # for the colour bar's name, or the word "none"
        return self.columns * self.cell[1] * self.pixel, max(rows * self.cell[0] * self.pixel, least)


def stack(title: str, sheets: Sequence[Sheet]) -> Any:
    """A figure of the sheets, each with its heading, and a colour bar where it has a scale."""
    heads = [MARGIN + LINE * bool(sheet.heading) + 0.06 for sheet in sheets[:1]]
    heads += [MARGIN + LINE + 0.06 if sheet.heading else 0.0 for sheet in sheets[1:]]  # without one, it goes on
    figure, top, height = titled(title, sum(heads) + sum(sheet.size[1] for sheet in sheets) + MARGIN)
    for sheet, head in zip(sheets, heads, strict=True):
        top += head
        place(figure, sheet, top, height)
        top += sheet.size[1]
    return figure


def titled(title: str, room: float) -> tuple[Any, float, float]:
    """A figure with `room` inches below its title; where that begins, in inches from the upper edge, and its height."""
    from matplotlib.figure import Figure

    lines = style.wrapped(title, style.WIDTH)
    top = MARGIN + 0.17 * (lines.count("\n") + 1)
    figure: Any = Figure(figsize=(style.WIDTH, top + room))
    figure.text(0.01, 1 - MARGIN / (top + room), lines, va="top", weight="bold", size=style.NORMAL + 1)
    return figure, top, top + room


def place(figure: Any, sheet: Sheet, top: float, height: float) -> None:
    """Draw a sheet `top` inches below the upper edge of a figure of that height."""
    pixel_width, pixel_height = sheet.size
    box = (MARGIN / style.WIDTH, 1 - (top + pixel_height) / height, pixel_width / style.WIDTH, pixel_height / height)
    axes = figure.add_axes(box)
    axes.set_axis_off()
    axes.set_title(sheet.heading, pad=5)
    if not len(sheet.pictures):
        axes.text(0, 0.5, "none", va="center")
        return
    image = _draw(axes, sheet)
    axes.set_ylim(pixel_height / sheet.pixel - 0.5, -0.5)  # a short sheet leaves room for its colour bar
    if sheet.scale:
        long = min(pixel_height - GAP * sheet.inches, 2.2)
        left, low = (MARGIN + pixel_width + 0.05) / style.WIDTH, 1 - (top + long) / height
        bar = figure.colorbar(image, cax=figure.add_axes((left, low, BAR / style.WIDTH, long / height)))
        bar.set_label(sheet.scale.replace(" (", "\n(") if long < 1.2 else sheet.scale, size=style.SMALL)
        bar.ax.locator_params(nbins=4 if long < 1.2 else 7)
        bar.outline.set_visible(False)


def _draw(axes: Any, sheet: Sheet) -> Any:
    """One image that holds all pictures, with their frames and texts."""
    (down, across), (pixel_height, pixel_width) = sheet.cell, (sheet.fine * size for size in sheet.pictures.shape[-2:])
    rows = -(-len(sheet.pictures) // sheet.columns)
    canvas = np.full((rows * down, sheet.columns * across, *sheet.pictures.shape[1:-2]), np.nan)
    places = [divmod(n, sheet.columns) for n in range(len(sheet.pictures))]
    for (row, column), picture in zip(places, sheet.pictures, strict=True):
        finer = picture.repeat(sheet.fine, axis=-2).repeat(sheet.fine, axis=-1)
        place = slice(row * down, row * down + pixel_height), slice(column * across, column * across + pixel_width)
        canvas[place] = np.moveaxis(finer, 0, 2) if finer.ndim == 3 else finer
    image = show(axes, canvas, sheet.limits, cmap=sheet.cmap, aspect="auto")
    _frame(axes, [(column * across, row * down) for row, column in places], pixel_width, pixel_height)
    line = (style.SMALL - 1) * 1.2 / 72 / sheet.pixel
    for (row, column), text in zip(places, sheet.texts, strict=False):
        foot = row * down + pixel_height + line * (text.count("\n") + 1)  # the baseline of the last line
        place = column * across + pixel_width / 2, foot
        axes.text(*place, text, size=style.SMALL - 1, ha="center", va="baseline", linespacing=1.05)
    return image


def show(axes: Any, picture: Array, limits: tuple[float, float] = PIXELS, **look: Any) -> Any:
    """One picture, the paper where it is NaN.  Shapes  picture (H, W), or (H, W, 3) of colours from 0 to 255"""
    if picture.ndim == 3:
        picture = np.dstack([np.nan_to_num(picture) / 255, ~np.isnan(picture[..., :1])])
    return axes.imshow(picture, vmin=limits[0], vmax=limits[1], interpolation="none", **look)


def _frame(axes: Any, corners: Sequence[tuple[int, int]], pixel_width: int, pixel_height: int) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    boxes = [Rectangle((left - 0.5, top - 0.5), pixel_width, pixel_height) for left, top in corners]
    frames = PatchCollection(boxes, facecolor="none", edgecolor=style.FRAME, linewidth=0.5, clip_on=False)
    axes.add_collection(frames, autolim=False)
