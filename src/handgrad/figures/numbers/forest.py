"""Numbers with their intervals, one below the other."""

from typing import NamedTuple

from handgrad.figures.table import Table


class Branch(NamedTuple):
    """A row: an estimate with its 95 % interval; `clear` tells whether it is beyond chance, None if not asked.

    Rows of one `group` stand together under its name.
    """

    group: str
    label: str
    mean: float
    low: float
    high: float
    clear: bool | None
    n: int


class Forest(NamedTuple):
    """Rows under a title; `axis` names what they measure."""

    title: str
    axis: str
    rows: tuple[Branch, ...]
    caption: str
    left_out: int = 0

    @property
    def table(self) -> Table:
        """A row for each."""
        marks = {True: "yes", False: "no", None: None}
        rows = ((r.group, r.label, r.mean, r.low, r.high, marks[r.clear], r.n) for r in self.rows)
        return Table(("parameter", "value", self.axis, "low", "high", "beyond chance", "trials"), rows)
