"""What a figure is: numbers that are computed, and a drawing made from them."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from handgrad.errors import HandgradError
from handgrad.figures.table import Table


class DoesNotApplyError(HandgradError):
    """A figure that makes no sense for a run, such as filters of a network without convolutions: it says why."""


class Numbers(Protocol):
    """What every result of a module in `numbers` can say of itself."""

    @property
    def caption(self) -> str:
        """One or two sentences that say what there is to see, also to who cannot see it."""

    @property
    def table(self) -> Table:
        """The numbers behind the figure."""


class FigureKind(NamedTuple):
    """`compute` makes numbers of one run's data (of a list of them, for a comparison), `draw` a figure of these.

    `compute` raises DoesNotApplyError where the figure makes no sense.
    """

    summary: str
    compute: Callable[[Any], Any]
    draw: Callable[[Any], Any]


class Drawn(NamedTuple):
    """A Matplotlib figure with what a reader needs besides it."""

    name: str
    figure: Any
    caption: str
    table: Table
