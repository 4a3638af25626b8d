"""What a recipe has besides claims: sweeps, questions in the report's order, what each shows, and a quick version."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from handgrad.config.lookup import listed, quoted
from handgrad.figures import COMPARISONS, FIGURES
from handgrad.sweeps.definition import METHODS
from handgrad.text import nearest

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=1, le=10**12)]
Images = Annotated[int, Field(strict=True, ge=1, le=10**9)]
Text = Annotated[str, Field(strict=True, min_length=1, max_length=2000)]
AMONG = ("best", "worst", "diverse")
PARTS = (
    *("outcome", "summary", "leaderboard", "timeline", "parallel", "slices"),
    *("importance", "observations", "failures", "recommendation"),
)
Rank = Annotated[int, Field(strict=True, ge=1, le=10**4)]
VARIANTS = ("replication", "retrained")
TABLES = ("classes", "folds", "confusions", "sample", "averages", "effects")
ITEMS = ("figure", "table", "equations", "sweep", "text")
Variant = Literal["replication", "retrained"]
OWN_WORDS = "value_error"
UNKNOWN = "extra_forbidden"
TYPE_STEP = re.compile(r"float|Spread|.*\[.*", re.DOTALL)  # in a place, of values that may have several types
RENAMED = {  # keys of earlier recipes
    "replication": "is now `open`: write each setting with its value, why and how, as docs/recipes.md shows",
    "retrained": "belongs to experiments, which name the sweep that tunes them; a sweep itself is run once",
}
Seeds = Annotated[int, Field(strict=True, ge=1, le=1000)]
FIELD_DEFAULT, FITTED, BY_SWEEP = "field default", "fitted to the printed number", "validation sweep "


class Part(BaseModel):
    """A piece of a document: frozen, and without keys that mean nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Choice(Part):
    """A setting that a report leaves open: the value taken, why, and how it was chosen.

    `fits` names the experiments whose printed numbers it was fitted to; `tried` says what else was tried. Claims are
    judged at each value of `sweep`.
    """

    value: Any
    why: Text
    how: Text
    tried: Text | None = None
    fits: list[Text] = []
    sweep: list[Any] = []

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.how not in (FIELD_DEFAULT, FITTED) and not self.how.startswith(BY_SWEEP):
            raise ValueError(f"how must be {FIELD_DEFAULT}, {FITTED}, or {BY_SWEEP}NAME, got {quoted(self.how)}")
        if self.fitted != bool(self.fits):
            raise ValueError(f"`fits`, the experiments whose numbers decided, goes with `how: {FITTED}` alone")
        if self.sweep and (self.value not in self.sweep or len(self.sweep) < 2):
            raise ValueError(f"sweep must list two or more values, {self.value} among them")
        return self

    @property
    def fitted(self) -> bool:
        """Whether a printed number decided it."""
        return self.how == FITTED

    @property
    def chosen_by(self) -> str | None:
        """The sweep that chose it."""
        return self.how.removeprefix(BY_SWEEP) if self.how.startswith(BY_SWEEP) else None


class Search(Part):
    """A sweep: the space of `file` (a sweep file seen from the recipe, or a bundled one), or one given as `space`.

    It begins with the document's settings, or with those `of` an experiment and a part of its training images held out
    for validation; `settings` hold still what the space varies. Without `trials`, every configuration is tried.
    `printed` is the best that the report has of it, in the document's unit.
    """

    title: Text | None = None
    file: Text | None = None
    space: dict[str, Any] = {}
    of: Text | None = None
    trials: Annotated[int, Field(strict=True, ge=1, le=10**6)] | None = None
    method: Text | None = None
    seed: Annotated[int, Field(strict=True, ge=0, le=2**32 - 1)] = 0
    settings: dict[str, Any] = {}
    printed: Number | None = None

    @model_validator(mode="after")
    def _known_method(self) -> Self:
        if self.method is not None and self.method not in METHODS:
            raise ValueError(choice("method", self.method, METHODS))
        if (self.file is None) != bool(self.space):
            raise ValueError("needs either a `file` or a `space` of its own")
        return self

    def seen_from(self, folder: Path) -> Self:
        """With a file that stands in `folder` by its whole path; a bundled sweep keeps its name."""
        path = folder / str(self.file)
        return self.model_copy(update={"file": str(path)}) if self.file and path.is_file() else self


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
    """That in a sweep, all else equal, the metric is higher with one value of a setting than with another, by `by`.

    Or that the setting is the `most_important` one: alone, it explains more of the metric's variance than any other.
    """

    sweep: Text
    setting: Text
    higher: Any = None
    lower: Any = None
    by: Number = 0.0
    most_important: bool = False

    @model_validator(mode="after")
    def _one_statement(self) -> Self:
        present = self.model_fields_set & {"higher", "lower", "by"}
        if present if self.most_important else not present >= {"higher", "lower"}:
            raise ValueError("needs either both `higher` and `lower`, or `most_important: true`")
        return self


class Item(Part):
    """One thing to show: a figure, a table, the equations of a network, a part of a sweep's report, or a paragraph.

    A figure of FIGURES is drawn for each experiment in `of`, one of COMPARISONS once for all; both of the first seed.
    A comparison also shows the `trials` of a sweep, where one is named.
    """

    figure: Text | None = None
    table: Text | None = None
    equations: Text | None = None
    sweep: Text | None = None
    part: Text | None = None
    text: Text | None = None
    of: list[Text] = []
    trials: Text | None = None
    variant: Variant = "replication"

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        present = [name for name in ITEMS if getattr(self, name) is not None]
        if len(present) != 1:
            raise ValueError(f"must have exactly one of {', '.join(ITEMS)}, got {' and '.join(present) or 'none'}")
        known = (("figure", self.figure, FIGURES | COMPARISONS), ("table", self.table, TABLES))
        for what, name, names in (*known, ("part of a sweep", self.part, PARTS)):
            if name is not None and name not in names:
                raise ValueError(choice(what, name, names))
        if self.of and not (self.figure or self.table):
            raise ValueError(f"{present[0]} does not use `of`")
        if self.trials and self.figure not in COMPARISONS:
            raise ValueError(f"`trials` of a sweep go with a figure that compares runs: {', '.join(COMPARISONS)}")
        if (self.sweep is None) != (self.part is None):
            raise ValueError(f"sweep and part go together: which sweep, and {listed(PARTS)} of it")
        return self

    @property
    def of_experiments(self) -> bool:
        """Whether experiments are what it shows."""
        return self.sweep is None and self.text is None

    @property
    def experiments(self) -> list[str]:
        """Those that it names itself."""
        return [self.equations] if self.equations else self.of


class Question(Part):
    """A question of the report: its experiments, what to show of them, and the claims that it answers.

    Its experiments are those whose numbers stand in its table, and of which items without `of` are shown.
    """

    id: Text
    title: Text
    text: Text | None = None
    experiments: list[Text] = []
    show: list[Item] = []
    claims: list[Text] = []

    @field_validator("id", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if isinstance(text, str) and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,19}", text):
            raise ValueError(f"must be a number or a short word without spaces, got {text[:40]!r}")
        return text


class Quick(Part):
    """What `--quick` makes smaller: at most so many training images, a share of the epochs, fewer seeds and trials."""

    train_images: Annotated[int, Field(strict=True, ge=10, le=10**9)] = 6000
    epochs: Annotated[float, Field(strict=True, gt=0, le=1)] = 1.0
    seeds: Seeds = 2
    trials: Annotated[int, Field(strict=True, ge=1, le=10**6)] = 12


def choice(what: str, name: str, names: Iterable[str]) -> str:
    """The refusal of a name that is none of `names`."""
    known = list(names)
    near = nearest(name, known)
    hint = f": did you mean {near}?" if near else f", expected one of {', '.join(known)}"
    return f"unknown {what} {quoted(name)}{hint}"


def in_one_line(error: ValidationError) -> str:
    """All that is wrong, once for each place; unknown keys first, for a misspelt one makes others look missing."""
    said: dict[str, str] = {}
    for each in sorted(error.errors(include_url=False), key=lambda each: each["type"] != UNKNOWN):
        place = ".".join(str(step) for step in each["loc"] if not TYPE_STEP.fullmatch(str(step)))
        message = str(each.get("ctx", {}).get("error", "")) if each["type"] == OWN_WORDS else _words(each)
        key = str(each["loc"][-1]) if each["loc"] else ""
        if key in RENAMED and each["type"] == UNKNOWN:
            message = RENAMED[key]
        elif key == "retrained" and isinstance(each["input"], dict):
            message = "names the sweep that tunes the experiment, whose best values it takes, see docs/recipes.md"
        said.setdefault(place, f"{place}: {message}" if place else message)
    return "; ".join(said.values())


def _words(first: object) -> str:
    details = dict(first)  # type: ignore[call-overload]
    if details["type"] == UNKNOWN:
        return "is no key of a document of claims: leave it out, or see docs/claims.md for the right one"
    if details["type"] == "missing":
        return "is missing"
    message = details["msg"][0].lower() + details["msg"][1:]
    return f"{message.replace('input should be', 'must be')}, got {quoted(details['input'])}"
