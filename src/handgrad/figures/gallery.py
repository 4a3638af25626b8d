"""Figures by name: drawn, made into text or files, the same bytes for the same numbers, written into folders."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.errors import FileSystemError, HandgradError, UsageError
from handgrad.figures import COMPARISONS, FIGURES
from handgrad.figures.base import Drawn, FigureSpec
from handgrad.figures.run_data import RunData
from handgrad.figures.style import house_style
from handgrad.figures.svg import small_svg
from handgrad.files import atomic_write
from handgrad.plugins import require_matplotlib
from handgrad.text import nearest

# What would put a date or a version into a file.
FORMATS: dict[str, dict[str, Any]] = {
    "svg": {"metadata": {"Date": None, "Creator": None}, "dpi": 150},
    "png": {"metadata": {"Software": None}, "dpi": 200},
    "pdf": {"metadata": {"CreationDate": None, "Creator": None, "Producer": None}, "dpi": 200},
}


class Outcome(NamedTuple):
    """What became of one figure: the files written, or why it was left out. `of` is the run's name, or "comparison"."""

    name: str
    of: str
    paths: tuple[Path, ...] = ()
    reason: str = ""


def figure(name: str, subject: RunData | Sequence[RunData]) -> Drawn:
    """One of FIGURES of one run, or of COMPARISONS of any number of them.

    Raises  UsageError for another name; DoesNotApplyError; HandgradError.
    """
    registry = FIGURES if isinstance(subject, RunData) else COMPARISONS
    return registry[known(name, registry)].drawn(name, subject)


def write_figures(
    runs: Sequence[RunData], folder: Path | None = None, suffix: str = "svg", names: Sequence[str] = ()
) -> Iterator[Outcome]:
    """Draw and write figures one by one, with their numbers as CSV; what makes no sense for a run is left out.

    Without `names`: of a single run all FIGURES, of several all COMPARISONS. A run's figures go into its own folder
    `figures`, or into `folder` (by runs' names when there are several); comparisons into `folder`, or into ./figures.

    Raises  UsageError for an unknown name or format, and without Matplotlib; FileSystemError.
    """
    if suffix not in FORMATS:
        raise UsageError(f"format must be one of {', '.join(FORMATS)}, got {suffix!r} (--format)")
    require_matplotlib()
    wanted = [known(name, FIGURES | COMPARISONS) for name in names] or list(COMPARISONS if len(runs) > 1 else FIGURES)
    for data in runs:
        home = data.run.path / "figures" if folder is None else folder / data.name if len(runs) > 1 else folder
        for name in wanted:
            if name in FIGURES:
                yield _written(name, data.name, data, home, suffix)
    for name in wanted:
        if name in COMPARISONS:
            yield _written(name, "comparison", runs, folder or Path("figures"), suffix)


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


def _written(name: str, of: str, subject: RunData | Sequence[RunData], folder: Path, suffix: str) -> Outcome:
    try:
        drawn = figure(name, subject)
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
    return small_svg(_saved(drawn, "svg").decode(), drawn.caption)


def save(drawn: Drawn, folder: Path, suffix: str) -> list[Path]:
    """Write the figure, and its numbers as CSV beside it; without Matplotlib, the numbers alone.

    Raises  FileSystemError, UsageError.
    """
    contents: dict[str, bytes | str] = {} if drawn.figure is None else {suffix: to_bytes(drawn, suffix)}
    contents["csv"] = drawn.table.csv()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileSystemError(f"cannot make {folder}: {error.strerror}. Choose another folder (-o)") from error
    paths = {folder / f"{drawn.name}.{ending}": content for ending, content in contents.items()}
    for path, content in paths.items():
        atomic_write(path, content)
    return list(paths)


def _saved(drawn: Drawn, suffix: str) -> bytes:
    import matplotlib as mpl

    buffer = io.BytesIO()
    with house_style():
        mpl.rcParams["svg.hashsalt"] = "handgrad"  # identifiers are digests of what they name, and of this
        if engine := drawn.figure.get_layout_engine():  # once: Matplotlib would draw all for it, and then once more
            engine.execute(drawn.figure)
            drawn.figure.set_layout_engine(None)
        drawn.figure.savefig(buffer, format=suffix, **FORMATS[suffix])
    return buffer.getvalue()
