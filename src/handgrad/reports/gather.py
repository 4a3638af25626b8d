"""Figures as blocks of a report, and a list of those that make no sense for a run."""

from collections.abc import Sequence
from typing import Any

from handgrad.figures import FIGURES, DoesNotApplyError, figure, to_svg
from handgrad.reports.blocks import Picture


class Gallery:
    """Draws the figures that a report asks for from `data`; `left_out` collects why one could not be drawn."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.left_out: list[str] = []

    def pictures(self, *names: str) -> list[Picture]:
        """The figures of those names that apply."""
        drawn = [self._picture(name) for name in names]
        return [picture for picture in drawn if picture is not None]

    def _picture(self, name: str) -> Picture | None:
        try:
            drawn = figure(name, self.data)
        except DoesNotApplyError as reason:
            self.left_out.append(f"{name.replace('_', ' ')}: {reason}")
            return None
        return Picture(name, to_svg(drawn.figure), drawn.caption, FIGURES[name].summary)


def joined(*parts: Sequence[Any]) -> list[Any]:
    """Several lists of blocks as one."""
    return [block for part in parts for block in part]
