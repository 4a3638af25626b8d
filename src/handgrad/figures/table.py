"""The numbers behind a figure, as CSV."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from handgrad.plain_text import csv_text


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
