"""Figures as blocks of a report, and a list of those that make no sense for a run."""

from collections.abc import Sequence
from typing import Any

from handgrad.errors import HandgradError
from handgrad.figures import COMPARISONS, FIGURES, RunData
from handgrad.figures.gallery import to_svg
from handgrad.reports.blocks import Picture

REGISTRY = FIGURES | COMPARISONS


class Gallery:
    """Draws the figures that a report asks for; `left_out` collects why one could not be drawn."""

    def __init__(self, runs: Sequence[RunData]) -> None:
        self.runs = runs
        self.left_out: list[str] = []

    def pictures(self, *names: str) -> list[Picture]:
        """The figures of those names that apply: of the first run, or comparisons of all of them."""
        drawn = [self._picture(name) for name in names]
        return [picture for picture in drawn if picture is not None]

    def _picture(self, name: str) -> Picture | None:
        spec = REGISTRY.get(name)
        if spec is None:
            self.left_out.append(f"{name}: there is no such figure")
            return None
        try:
            drawn = spec.drawn(name, self.runs[0] if name in FIGURES else self.runs)
        except HandgradError as reason:  # also where a model was not kept, or a file cannot be read
            self.left_out.append(f"{spec.summary}: {reason}")
            return None
        return Picture(name, to_svg(drawn), drawn.caption, _sentence(spec.summary))


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def joined(*parts: Sequence[Any]) -> list[Any]:
    """Several lists of blocks as one."""
    return [block for part in parts for block in part]
