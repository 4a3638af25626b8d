"""What a figure is: plain data that is computed, a drawing made from it, and the table behind it."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np

from handgrad.errors import HandgradError
from handgrad.figures.style import house_style
from handgrad.plugins import can_draw
from handgrad.text import csv_text

NOT_DRAWN = "Matplotlib was not installed where this report was written"


class Table(NamedTuple):
    """Columns by name, and rows of numbers and texts; None and NaN are written as an empty cell."""

    columns: tuple[str, ...]
    rows: Iterable[tuple[Any, ...]]

    def csv(self) -> str:
        """RFC 4180 with a header, lines ended by a newline alone; numbers with all the digits that tell them apart."""
        return csv_text([self.columns, *([_cell(value) for value in row] for row in self.rows)])


def _cell(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value != value:
        return ""
    return repr(value) if isinstance(value, float) else value


class DoesNotApplyError(HandgradError):
    """A figure that makes no sense for a run, such as filters of a network without convolutions: it says why."""


class Numbers(Protocol):
    """What the plain data of every figure can say of themselves."""

    @property
    def caption(self) -> str:
        """One or two sentences that say what there is to see, also to who cannot see it."""

    @property
    def table(self) -> Table:
        """The numbers behind the figure."""


class FigureSpec(NamedTuple):
    """`compute` makes plain data of one run (of a list of them, for a comparison), `plot` a Matplotlib figure of these.

    `compute` raises DoesNotApplyError where the figure makes no sense. `interactive` makes of the same data what
    Plotly draws, where a page in a browser can show more.
    """

    summary: str
    compute: Callable[[Any], Any]
    plot: Callable[[Any], Any]
    interactive: Callable[[Any], dict[str, Any]] | None = None

    def drawn(self, name: str, subject: Any) -> "Drawn":
        """The figure of a run or of several, in the house style; without Matplotlib, its numbers alone."""
        data, figure = self.compute(subject), None
        if can_draw():
            with house_style():
                figure = self.plot(data)
        return Drawn(name, figure, data.caption, data.table, data)


class Drawn(NamedTuple):
    """A Matplotlib figure, None where that is not installed, with what a reader needs besides it."""

    name: str
    figure: Any
    caption: str
    table: Table
    data: Any = None
