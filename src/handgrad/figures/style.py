"""The house style: sizes, fonts, colours; to be read on paper, in grey, and by every eye."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from handgrad.plugins import require_matplotlib

Array = NDArray[Any]
T = TypeVar("T")
WIDTH = 7.2  # inches: a text column of A4
SMALL, NORMAL = 7, 8.5  # points
INK, GREY, MUTED, EDGE, FRAME = "#222222", "#707070", "#555555", "#666666", "#9a9a9a"
GRID = "#e6e6e6"
PAPER, FILL, FILL_PALE, FILL_DARK, FILL_BLUISH = "white", "#dddddd", "#f4f4f4", "#8c8c8c", "#e4e8ee"  # of areas
FILL_INPUT, FILL_DROPOUT = "#eeeeee", "#f2f2f2"
BLUE, BLUE_PALE, BLUE_BAR, GREEN, ORANGE = "#9ecae1", "#dbe6ee", "#a9cbe3", "#c7e3c0", "#fbd9a6"  # of areas, pale
OTHER, UNSELECTED = "#c9c9c9", "#888888"  # what is not meant
HALO: dict[str, Any] = {"facecolor": PAPER, "alpha": 0.75, "edgecolor": "none", "pad": 0.6}  # behind a text

# Okabe & Ito's colours, which the colour-blind tell apart, ordered so that neighbours differ in brightness too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
MARKERS = "osD^vPX*<>"
ERRORS = "YlOrBr"  # brightness falls all the way, so it can be read in grey
SIGNED = "cividis"  # blue below, grey at, yellow above zero; brightness rises all the way
ORDERED = "cividis"  # reversed where more is better: dark is good, also in grey
INKED = "Greys"  # pixels as ink on paper
MOST_POINTS = 1000  # more are not distinguished on paper
WIDE_RANGE = 5.0  # from this ratio of largest to smallest on, a logarithmic axis shows more

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
    "grid.color": GRID,
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
    "legend.title_fontsize": SMALL + 0.5,
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
    rounds, colour = divmod(place, len(COLOURS))
    return Look(COLOURS[colour], DASHES[(colour + rounds) % len(DASHES)], MARKERS[place % len(MARKERS)])


@contextmanager
def house_style() -> Iterator[None]:
    """While the block runs, figures are made and saved in the house style, whatever else is set.

    Raises  UsageError without Matplotlib.
    """
    require_matplotlib()
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
    figure.suptitle(wrapped(title, width), x=0.01, ha="left", weight="bold")
    return figure, figure.subplots(rows, columns, squeeze=False, **more)


def on_colour(shade: Any) -> str:
    """Black or white, whichever has the higher contrast on an RGB colour with parts from 0 to 1.

    Ref     WCAG 2.2, relative luminance
    """
    linear = ((np.array(shade[:3]) + 0.055) / 1.055) ** 2.4
    return "#ffffff" if linear @ (0.2126, 0.7152, 0.0722) < 0.21 else INK


def wrapped(title: str, width: float, per_inch: float = 12.5) -> str:
    """A title whose lines fit into a figure of so many inches, or another text of so many letters an inch."""
    letters = max(8, int(per_inch * width))
    return "\n".join(part for line in title.splitlines() for part in textwrap.wrap(line, letters) or [""])


def log_scale(axes: Any, *values: Array) -> None:
    """Give y a log scale, and say so, where all `values` are positive and far enough apart to gain by it."""
    from matplotlib.ticker import LogLocator, NullLocator

    every = np.concatenate(values)
    finite = every[np.isfinite(every)]
    if not len(finite) or finite.min() <= 0 or finite.max() / finite.min() < WIDE_RANGE:
        return
    axes.set_yscale("log")
    decades = np.log10(finite.max() / finite.min())
    axes.yaxis.set_major_locator(LogLocator(subs=(1,) if decades > 3 else (1, 2, 5), numticks=12))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, place: f"{value:g}")
    label = axes.get_ylabel()
    axes.set_ylabel(f"{label}{chr(10) if chr(10) in label else ', '}log scale")


def cut(text: str, longest: int) -> str:
    """At most `longest` letters, the end of what was left out shown by an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def legend_below(figure: Any, axes: Any, columns: int = 3, title: str = "") -> None:
    """A legend of what `axes` shows below the whole figure, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    place = {"loc": "outside lower center", "ncols": min(columns, max(1, len(labels)))}
    figure.legend(handles, labels, title=title, markerscale=2.0 if axes.collections else 1.0, **place)


def end_at_all(axes: Any) -> None:
    """No per cent above 100 on the y axis."""
    axes.set_ylim(top=min(axes.get_ylim()[1], 100.0))


def over_iterations(axes: Any, count: int, steps_per_epoch: int, narrow: bool = False) -> None:
    """Name the x axis, with epochs along the top; a `narrow` panel has short names and few numbers."""
    axes.set_xlabel("iteration" if narrow else "iteration (training step)")
    axes.set_xlim(0, count * 1.01)
    axes.xaxis.set_major_formatter(lambda value, place: f"{value:,.0f}")
    top = axes.secondary_xaxis(
        "top", functions=(lambda step: step / steps_per_epoch, lambda epoch: epoch * steps_per_epoch)
    )
    top.set_xlabel("epoch" if narrow else "epoch (pass over the training images)")
    top.spines["top"].set_visible(False)
    top.patch.set_visible(False)
    top.grid(visible=False)
    top.tick_params(length=2)
    top.xaxis.get_major_locator().set_params(integer=count >= 2 * steps_per_epoch)
    if narrow:
        axes.locator_params(axis="x", nbins=4)
        top.xaxis.get_major_locator().set_params(nbins=5)


def thinned(steps: Array, values: Array, most: int = MOST_POINTS) -> tuple[Array, Array]:
    """At most `most` of them, evenly spread, the last one among them."""
    kept = spread(len(steps), most)
    return steps[kept], values[kept]


def evenly_spread(items: Sequence[T], most: int) -> list[T]:
    """All of them, or `most` evenly spread from the first to the last."""
    return [items[place] for place in spread(len(items), most)]


def spread(count: int, most: int) -> Array:
    """The places of all of so many things, or of `most` evenly spread ones."""
    return np.linspace(0, count - 1, min(most, count)).round().astype(int)
