"""What a recipe says of sweeps: how one is run, which of its configurations an experiment is, what a claim asks it."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from handgrad.recipes.part import Number, Part, Text
from handgrad.recipes.refusal import choice
from handgrad.sweeps.definition import METHODS

AMONG = {
    "best": "the configurations by their metric, the best first",
    "worst": "the same, the worst first",
    "diverse": "good configurations that differ from each other, the best first",
}
PARTS = {
    "outcome": "what became of the trials, the best and the worst, of both variants in one table",
    "answer": "what to use in one number, and how sure that is",
    "leaderboard": "the best configurations with intervals, and the worst",
    "timeline": "results against creation time, with a regression line",
    "parallel": "parallel coordinates",
    "slices": "results against each parameter",
    "importance": "importance and correlation of each parameter",
    "observations": "what the values do, in words and as effects",
    "failures": "what failed, and which values failures have in common",
    "recommendation": "what to use, what to expect of it, what is open",
}
Rank = Annotated[int, Field(strict=True, ge=1, le=10**4)]


class Search(Part):
    """A sweep: the space of `file` (a sweep file seen from the recipe, or a bundled one), searched for so many trials.

    `settings` hold still what the file varies or says; `as_reported` and `as_it_can_be` are on top. It is run as it
    can be only if that is given. `printed` is the best that the report has of it, in the document's unit.
    """

    title: Text | None = None
    file: Text
    trials: Annotated[int, Field(strict=True, ge=1, le=10**6)]
    method: Text | None = None
    seed: Annotated[int, Field(strict=True, ge=0, le=2**32 - 1)] = 0
    settings: dict[str, Any] = {}
    as_reported: dict[str, Any] = {}
    as_it_can_be: dict[str, Any] | None = None
    printed: Number | None = None

    @model_validator(mode="after")
    def _known_method(self) -> Self:
        if self.method is not None and self.method not in METHODS:
            raise ValueError(choice("method", self.method, METHODS))
        return self

    def seen_from(self, folder: Path) -> Self:
        """With a file that stands in `folder` by its whole path; a bundled sweep keeps its name."""
        path = folder / self.file
        return self.model_copy(update={"file": str(path)}) if path.is_file() else self


class Found(Part):
    """The configuration that a sweep has at `rank` among its best, its worst, or its diverse good ones.

    The numbers of the experiment that it stands `beside` are shown with its own.
    """

    sweep: Text
    among: Text = "best"
    rank: Rank = 1
    beside: Text | None = None

    @field_validator("among")
    @classmethod
    def _known_order(cls, among: str) -> str:
        if among not in AMONG:
            raise ValueError(choice("order", among, AMONG))
        return among


class EffectClaim(Part):
    """That in a sweep, all else equal, the metric is higher with one value of a setting than with another, by `by`."""

    sweep: Text
    setting: Text
    higher: Any
    lower: Any
    by: Number = 0.0
