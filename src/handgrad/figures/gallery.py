"""Figures by name: drawn, or written into folders."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.errors import HandgradError, UsageError
from handgrad.figures import COMPARISONS, FIGURES
from handgrad.figures.kind import Drawn, FigureKind
from handgrad.figures.run_data import RunData
from handgrad.figures.saving import FORMATS, save
from handgrad.figures.style import house_style
from handgrad.nearest import nearest


class Outcome(NamedTuple):
    """What became of one figure: the files written, or why it was left out. `of` is the run's name, or "comparison"."""

    name: str
    of: str
    paths: tuple[Path, ...] = ()
    reason: str = ""


def figure(name: str, data: RunData) -> Drawn:
    """One of FIGURES of one run.  Raises  UsageError for another name; DoesNotApplyError; HandgradError."""
    return _drawn(name, FIGURES[known(name, FIGURES)], data)


def comparison(name: str, runs: Sequence[RunData]) -> Drawn:
    """One of COMPARISONS of any number of runs.  Raises  as `figure`."""
    return _drawn(name, COMPARISONS[known(name, COMPARISONS)], runs)


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


def known(name: str, kinds: dict[str, FigureKind]) -> str:
    """`name`, with dashes taken for underscores.

    Raises  UsageError when there is no such figure.
    """
    spelled = name.strip().lower().replace("-", "_")
    if spelled not in kinds:
        near = nearest(spelled, kinds)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(kinds)}"
        raise UsageError(f"there is no figure {name!r}: {hint} (--only)")
    return spelled


def _drawn(name: str, kind: FigureKind, data: Any) -> Drawn:
    numbers = kind.compute(data)
    with house_style():
        return Drawn(name, kind.draw(numbers), numbers.caption, numbers.table)


def _written(name: str, of: str, draw: Callable[[], Drawn], folder: Path, suffix: str) -> Outcome:
    try:
        drawn = draw()
    except HandgradError as error:
        return Outcome(name, of, reason=str(error))
    return Outcome(name, of, tuple(save(drawn, folder, suffix)))
