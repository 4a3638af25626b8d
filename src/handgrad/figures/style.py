"""The house style: sizes, fonts, colours. Whatever is drawn looks as this file says, on paper, in grey, to every eye."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
WIDTH = 7.2  # inches: a text column of A4
SMALL, NORMAL = 7, 8.5  # points
INK, FAINT, FRAME = "#222222", "#d9d9d9", "#9a9a9a"

# Okabe & Ito's colours, which the colour-blind tell apart, ordered so that neighbours differ in brightness too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
MARKERS = "osD^vPX*<>"
ERRORS = "YlOrBr"  # brightness falls all the way, so it can be read in grey
SIGNED = "cividis"  # blue below, grey at, yellow above zero; brightness rises all the way
INKED = "Greys"  # pixels as ink on paper
RIGHT, WRONG = COLOURS[0], COLOURS[1]

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with Matplotlib, so that every machine lays out alike
    "font.size": NORMAL,
    "axes.titlesize": NORMAL,
    "axes.titlelocation": "left",
    "axes.labelsize": NORMAL,
    "axes.edgecolor": FRAME,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": SMALL + 0.5,
    "ytick.labelsize": SMALL + 0.5,
    "figure.titlesize": NORMAL + 1,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "legend.fontsize": SMALL + 0.5,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
    "figure.constrained_layout.h_pad": 0.06,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "path.simplify": True,
}


class Look(NamedTuple):
    """Colour, dash and marker of one line among several: each alone tells it apart."""

    color: str
    linestyle: Any
    marker: str

    @property
    def line(self) -> dict[str, Any]:
        """For a line without markers."""
        return {"color": self.color, "linestyle": self.linestyle}

    @property
    def dots(self) -> dict[str, Any]:
        """For a line with a marker at every point."""
        return self.line | {"marker": self.marker}


ROLES = {
    "training": Look(COLOURS[0], DASHES[0], "o"),
    "validation": Look(COLOURS[1], DASHES[1], "s"),
    "test": Look(COLOURS[6], DASHES[2], "*"),
}


def look(place: int) -> Look:
    """The look of the line number `place`; 28 of them are different."""
    again, colour = divmod(place, len(COLOURS))
    return Look(COLOURS[colour], DASHES[(colour + again) % len(DASHES)], MARKERS[place % len(MARKERS)])


@contextmanager
def house_style() -> Iterator[None]:
    """While the block runs, figures are made and saved in the house style, whatever else is set."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def new(title: str, height: float, width: float = WIDTH) -> tuple[Any, Any]:
    """A figure with its title, and one axes in it."""
    figure, axes = grid(title, height, 1, 1, width)
    return figure, axes[0, 0]


def grid(title: str, height: float, rows: int, columns: int, width: float = WIDTH, **more: Any) -> tuple[Any, Any]:
    """A figure with its title, and several axes in it.  Shapes  -> Figure, (rows, columns) of Axes"""
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", weight="bold")
    return figure, figure.subplots(rows, columns, squeeze=False, **more)


def on_colour(shade: Any) -> str:
    """Black or white, whichever has the higher contrast on an RGB colour with parts from 0 to 1.

    Ref     WCAG 2.2, relative luminance
    """
    linear = ((np.array(shade[:3]) + 0.055) / 1.055) ** 2.4
    return "#ffffff" if linear @ (0.2126, 0.7152, 0.0722) < 0.179 else INK


def cut(text: str, longest: int) -> str:
    """At most `longest` letters, the end of what was left out shown by an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def legend_below(figure: Any, axes: Any, columns: int = 3) -> None:
    """A legend of what `axes` shows below the whole figure, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(columns, max(1, len(labels))))


class Sheet(NamedTuple):
    """Small pictures in rows of `columns`, each `inches` wide, with up to `lines` lines of text below it."""

    columns: int
    inches: float
    lines: int = 0
    cmap: str = INKED
    gap: float = 0.12  # of a picture's width, between two

    def height(self, count: int, shape: tuple[int, ...]) -> float:
        """Inches that `count` pictures need."""
        return -(-count // self.columns) * self._cell(shape)[0] * self.inches / shape[1]

    def draw(self, axes: Any, pictures: Array, limits: tuple[float, float], texts: Sequence[str] = ()) -> None:
        """Put the pictures into `axes` as one image.  Shapes  pictures (N, H, W)"""
        height, width = self._cell(pictures.shape[1:])
        rows = -(-len(pictures) // self.columns)
        canvas = np.full((round(rows * height), round(self.columns * width)), np.nan)
        corners = [(round(n // self.columns * height), round(n % self.columns * width)) for n in range(len(pictures))]
        tall, wide = pictures.shape[1:]
        for (top, left), picture in zip(corners, pictures, strict=True):
            canvas[top : top + tall, left : left + wide] = picture
        axes.imshow(canvas, cmap=self.cmap, vmin=limits[0], vmax=limits[1], interpolation="none")
        axes.set_axis_off()
        first = tall - 0.5 + (SMALL - 1) * 1.2 / 72 / self.inches * wide  # the first line's foot
        for (top, left), text in zip(corners, texts, strict=False):
            centre = left + wide / 2 - 0.5
            axes.text(centre, top + first, text, size=SMALL - 1, ha="center", va="baseline", linespacing=1.05)
        self._frame(axes, corners, pictures.shape[1:])

    def _cell(self, shape: tuple[int, ...]) -> tuple[float, float]:
        """Height and width of a picture with its text and its gap, in pixels of the pictures."""
        pixel = self.inches / shape[1]
        text = self.lines * (SMALL - 1) * 1.25 / 72 / pixel
        gap = self.gap * shape[1]
        return shape[0] + text + gap, shape[1] + gap

    def _frame(self, axes: Any, corners: Sequence[tuple[int, int]], shape: tuple[int, ...]) -> None:
        from matplotlib.collections import PatchCollection
        from matplotlib.patches import Rectangle

        boxes = [Rectangle((left - 0.5, top - 0.5), shape[1], shape[0]) for top, left in corners]
        axes.add_collection(PatchCollection(boxes, facecolor="none", edgecolor=FRAME, linewidth=0.5), autolim=False)
