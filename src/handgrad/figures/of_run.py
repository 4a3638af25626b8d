"""Figures for Python: those of one run by name, `run.figures["roc"]`, and those of results, `found.plot()`."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from handgrad.errors import UsageError
from handgrad.figures import FIGURES, RESULTS
from handgrad.figures.run_data import RunData
from handgrad.previews import show_figures
from handgrad.runs import Run
from handgrad.text import suggestion


def figure_of(name: str, found: Any) -> Any:
    """A Matplotlib figure of what a function found, one of RESULTS."""
    show_figures()
    return RESULTS[name].drawn(name, ("the network", found)).figure


class Figures(Mapping[str, Any]):
    """Matplotlib figures, each drawn when it is asked for; not all of them make sense for every run.

    Raises  UsageError for an unknown name; DoesNotApplyError, which says why, where one makes no sense.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    @cached_property
    def _data(self) -> RunData:
        return RunData(self.run)

    def __getitem__(self, name: str) -> Any:
        if name not in FIGURES:
            known = ", ".join(FIGURES)
            raise UsageError(f"there is no figure {name!r}{suggestion(name, FIGURES)} There are {known}")
        show_figures()
        return FIGURES[name].drawn(name, self._data).figure

    def __iter__(self) -> Iterator[str]:
        return iter(FIGURES)

    def __len__(self) -> int:
        return len(FIGURES)

    def __repr__(self) -> str:
        return f"Figures({', '.join(self)})"
