"""Figures by name: drawn, made into text or files, the same bytes for the same numbers, written into folders."""

import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.errors import FileSystemError, HandgradError, UsageError
from handgrad.figures import COMPARISONS, FIGURES
from handgrad.figures.base import Drawn, FigureSpec
from handgrad.figures.run_data import RunData
from handgrad.figures.style import house_style
from handgrad.files import atomic_write
from handgrad.text import nearest

Array = NDArray[Any]

# What would put a date or a version into a file.
FORMATS: dict[str, dict[str, Any]] = {
    "svg": {"metadata": {"Date": None, "Creator": None}, "dpi": 150},
    "png": {"metadata": {"Software": None}, "dpi": 200},
    "pdf": {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}, "dpi": 200},
}
# The first font that a reader has.
STYLE = (
    "stroke-linejoin:round;stroke-linecap:butt;font-family:'DejaVu Sans', Verdana, 'Liberation Sans', Arial, sans-serif"
)
MANY = 20  # points of a line of which each is said by its distance from the one before
INVISIBLE = 0.4  # points, a seventh of a millimetre: a third of the width of a line


class Outcome(NamedTuple):
    """What became of one figure: the files written, or why it was left out. `of` is the run's name, or "comparison"."""

    name: str
    of: str
    paths: tuple[Path, ...] = ()
    reason: str = ""


def figure(name: str, data: RunData) -> Drawn:
    """One of FIGURES of one run.  Raises  UsageError for another name; DoesNotApplyError; HandgradError."""
    return FIGURES[known(name, FIGURES)].drawn(name, data)


def comparison(name: str, runs: Sequence[RunData]) -> Drawn:
    """One of COMPARISONS of any number of runs.  Raises  as `figure`."""
    return COMPARISONS[known(name, COMPARISONS)].drawn(name, runs)


def write_figures(
    runs: Sequence[RunData], folder: Path | None = None, suffix: str = "svg", names: Sequence[str] = ()
) -> Iterator[Outcome]:
    """Draw and write figures one by one, with their numbers as CSV; what makes no sense for a run is left out.

    Without `names`: of a single run all FIGURES, of several all COMPARISONS. A run's figures go into its own folder
    `figures`, or into `folder` (by runs' names when there are several); comparisons into `folder`, or into ./figures.

    Raises  UsageError for an unknown name or format; FileSystemError when a file cannot be written.
    """
    if suffix not in FORMATS:
        raise UsageError(f"format must be one of {', '.join(FORMATS)}, got {suffix!r} (--format)")
    wanted = [known(name, FIGURES | COMPARISONS) for name in names] or list(COMPARISONS if len(runs) > 1 else FIGURES)
    for data in runs:
        home = data.run.path / "figures" if folder is None else folder / data.name if len(runs) > 1 else folder
        for name in wanted:
            if name in FIGURES:
                yield _written(name, data.name, partial(figure, name, data), home, suffix)
    for name in wanted:
        if name in COMPARISONS:
            home = folder or Path("figures")
            yield _written(name, "comparison", partial(comparison, name, runs), home, suffix)


def known(name: str, registry: dict[str, FigureSpec]) -> str:
    """`name`, with dashes taken for underscores.

    Raises  UsageError when there is no such figure.
    """
    spelled = name.strip().lower().replace("-", "_")
    if spelled not in registry:
        near = nearest(spelled, registry)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(registry)}"
        raise UsageError(f"there is no figure {name!r}: {hint} (--only)")
    return spelled


def _written(name: str, of: str, draw: Callable[[], Drawn], folder: Path, suffix: str) -> Outcome:
    try:
        drawn = draw()
    except HandgradError as error:
        return Outcome(name, of, reason=str(error))
    return Outcome(name, of, tuple(save(drawn, folder, suffix)))


def to_bytes(drawn: Drawn, suffix: str) -> bytes:
    """The content of a file in one of FORMATS.

    Raises  UsageError for another one.
    """
    if suffix not in FORMATS:
        raise UsageError(f"format must be one of {', '.join(FORMATS)}, got {suffix!r} (--format)")
    if suffix == "svg":
        return ('<?xml version="1.0" encoding="utf-8"?>\n' + to_svg(drawn) + "\n").encode()
    return _saved(drawn, suffix)


def to_svg(drawn: Drawn) -> str:
    """An <svg> element that stands in a page beside others: no identifier of its own leaks, the caption is read out."""
    text = _saved(drawn, "svg").decode()
    text = text[text.index("<svg ") :].strip()
    text = re.sub(r'<g id="[\w.]+"', "<g", text)  # of groups, which nothing refers to
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r' d="[^"]*"', _brief, text)
    text = re.sub(r' transform="rotate\(-?0 [^"]*"', "", text)
    text = re.sub(r'(?<= [xy]=")-?[\d.]+', lambda place: f"{float(place[0]):.2f}", text)
    text = re.sub(r"font-family: 'DejaVu Sans'(?:; )?", "", text)  # all of the figure has one
    longer, text = "", re.sub(r"<g */>", "", text)
    while len(longer) != len(text):  # of groups without a style of their own, the innermost first
        longer, text = text, re.sub(r"<g>((?:(?!</?g\b).)*)</g>", r"\1", text, flags=re.DOTALL)
    text = re.sub(r"\n\s*", "\n", text)
    # The rule for all elements of the page becomes one for this figure.
    text = re.sub(r"<style[^>]*>\*\{([^}]*)\}</style>", "", text)
    # Marks of one shape are called alike in every figure, and would be defined twice in a page.
    own = "f" + hashlib.sha256(text.encode()).hexdigest()[:8]
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{own}-", text)
    head = f'<svg role="img" aria-label="{_escaped(drawn.caption)}" style="{STYLE}" '
    return text.replace("<svg ", head, 1)


def save(drawn: Drawn, folder: Path, suffix: str) -> list[Path]:
    """Write the figure, and its numbers as CSV beside it.

    Raises  FileSystemError, UsageError.
    """
    content = to_bytes(drawn, suffix)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileSystemError(f"cannot make {folder}: {error.strerror}. Choose another folder (-o)") from error
    paths = [folder / f"{drawn.name}.{suffix}", folder / f"{drawn.name}.csv"]
    atomic_write(paths[0], content)
    atomic_write(paths[1], drawn.table.csv())
    return paths


def _saved(drawn: Drawn, suffix: str) -> bytes:
    import matplotlib as mpl

    buffer = io.BytesIO()
    with house_style():
        mpl.rcParams["svg.hashsalt"] = "handgrad"  # identifiers are digests of what they name, and of this
        drawn.figure.savefig(buffer, format=suffix, **FORMATS[suffix])
    return buffer.getvalue()


def _brief(path: re.Match[str]) -> str:
    """A path in hundredths of a point, which nobody sees, that says once for all lines in a row that they are lines."""
    short = re.sub(r"(\.\d\d)\d+", r"\1", path[0])
    return re.sub(r"(?:L [-\d. \n]+){2,}", _line, short)


def _line(lines: re.Match[str]) -> str:
    """A long one in tenths of a point from each corner to the next."""
    places = np.array(re.findall(r"[-\d.]+", lines[0]), float).reshape(-1, 2)
    if len(places) < MANY:
        return lines[0].replace(" \nL ", "\n")
    corners = np.rint(10 * simplified(places)).astype(int).tolist()
    steps = [(x - before[0], y - before[1]) for before, (x, y) in pairwise(corners)]
    written = " ".join(f"{dx / 10:g} {dy / 10:g}" for dx, dy in steps)
    return f"L {corners[0][0] / 10:g} {corners[0][1] / 10:g}\nl " + re.sub(r"(?<!\d)0\.", ".", written) + "\n"


def simplified(places: Array) -> Array:
    """Those corners of a line without which it would move by more than INVISIBLE.  Shapes  (N, 2) -> (M, 2)

    Ref  Douglas & Peucker, Algorithms for the reduction of the number of points required to represent a digitized line
         or its caricature (1973)
    """
    kept, waiting = {0, len(places) - 1}, [(0, len(places) - 1)]
    while waiting:
        first, last = waiting.pop()
        between, whole = places[first + 1 : last] - places[first], places[last] - places[first]
        length = max(float(np.hypot(*whole)), 1e-9)
        along = np.clip(between @ whole / length**2, 0, 1)
        away = np.hypot(*(between - along[:, None] * whole).T)
        if len(away) and away.max() > INVISIBLE:
            middle = first + 1 + int(away.argmax())
            kept.add(middle)
            waiting += [(first, middle), (middle, last)]
    return places[sorted(kept)]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
