"""What a sweep's report is made of, as plain data.

Differences and objectives are in the metric's own unit, an accuracy as a share of 1. Where the goal is a target, both
are distances from it. Values of a parameter with many of them are ranges.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from handgrad.evaluation import Interval
from handgrad.sweeps.definition import Metric
from handgrad.sweeps.store import Trial

SEEDS, IMAGES, NOTHING = "seeds", "images", "nothing"
CLEAR = 0.05  # the largest p-value, corrected for the number of tests, of what is said to be there


class Range(NamedTuple):
    """Values of a parameter from `low` up to `high`, which count as one."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.3g} to {self.high:.3g}"


def covers(level: Any, value: Any) -> bool:
    """Whether a level of a parameter is this value, or a range with it."""
    return bool(level.low <= value <= level.high if isinstance(level, Range) else level == value)


class Entry(NamedTuple):
    """A configuration with all its replicates, `rank` 1 for the best mean of them.

    `over` tells what the interval is over: "seeds" (Student's, of several replicates), "images" (Wilson's, a single
    network's accuracy on images like those it was measured on), "nothing" (the ends are NaN). `tied`: it cannot be
    distinguished from the best one, and may be better in truth. `seconds` are those of a training, the mean of the
    replicates.
    """

    rank: int
    values: dict[str, Any]
    trials: tuple[Trial, ...]
    objective: Interval
    over: str
    tied: bool
    seconds: float
    command: str


class Timeline(NamedTuple):
    """The objective against the time at which a trial began.

    `points` are (seconds since the first trial began, objective, number of the trial), `running_best` (seconds, best
    objective so far). The least-squares line is intercept + slope * hours; the slope's ends and p are NaN with fewer
    than three trials.
    """

    points: tuple[tuple[float, float, int], ...]
    running_best: tuple[tuple[float, float], ...]
    slope: Interval
    intercept: float
    p: float


class Importance(NamedTuple):
    """The share of the objective's variance over the space that a parameter alone explains, from 0 to 1."""

    name: str
    share: Interval


class Correlation(NamedTuple):
    """Of a parameter with the objective, over `n` configurations.

    `value` is None for the rank correlation of a numeric parameter, else the value whose presence is correlated.
    """

    name: str
    value: Any
    coefficient: Interval
    n: int


class Effect(NamedTuple):
    """What a value of a parameter changes against a reference, all other parameters being equal.

    `difference` is that of the objective with its 95 % interval, `p` is corrected for all effects together (Holm).
    `n` configurations have the value, `best` is the best objective among them. `per` is "" for a value; else `value`
    and `reference` are None, and the difference is that of each "doubling", "tenfold", or step such as "1". `where` is
    () or the values of other parameters with which alone the difference is found, beyond what each of them does.
    `degenerate`: no configuration with the value comes near the others, which are compared without it.
    """

    name: str
    value: Any
    reference: Any
    difference: Interval
    p: float
    n: int
    best: float
    per: str = ""
    where: tuple[tuple[str, Any], ...] = ()
    degenerate: bool = False

    @property
    def clear(self) -> bool:
        """Whether it can be distinguished from noise."""
        return self.p < CLEAR


class Observation(NamedTuple):
    """A sentence of the report; `clear` tells whether the effect behind it can be distinguished from noise."""

    words: str
    clear: bool
    effect: Effect | None = None


class Failure(NamedTuple):
    """A trial without a usable result: diverged, refused, lost, or no better than guessing."""

    trial: Trial
    why: str


class FailureGroup(NamedTuple):
    """A value that is over-represented among failures: `failed` of its `of` configurations; p as of an Effect.

    Of the `others`, `failed_others` failed.
    """

    name: str
    value: Any
    failed: int
    of: int
    p: float
    failed_others: int
    others: int


class Recommendation(NamedTuple):
    """The configuration to use, chosen among `n_of_best` tried ones.

    `predicted` is the objective to be expected of another run of it, pulled towards what similar configurations
    reached, as that of the best of many is too good. `trial` is its first run, None for a configuration that was not
    tried. The words say why it is this one, `open` what the sweep leaves open.
    """

    values: dict[str, Any]
    predicted: Interval
    command: str
    words: str
    n_of_best: int
    trial: Trial | None = None
    open: tuple[str, ...] = ()


@dataclass(frozen=True)
class Analysis:
    """Everything that is reported of a sweep; whatever there are too few trials for is empty, and a note says so.

    `states` counts the trials by their state. `degenerate_levels` are the (parameter, value) pairs without which
    `effects` and `restricted_importances`, the importances among the rest, are estimated; `importances` are those among
    all.
    """

    metric: Metric
    states: dict[str, int]
    entries: tuple[Entry, ...] = ()
    timeline: Timeline | None = None
    importances: tuple[Importance, ...] = ()
    restricted_importances: tuple[Importance, ...] = ()
    correlations: tuple[Correlation, ...] = ()
    effects: tuple[Effect, ...] = ()
    degenerate_levels: tuple[tuple[str, Any], ...] = ()
    observations: tuple[Observation, ...] = ()
    failures: tuple[Failure, ...] = ()
    failure_groups: tuple[FailureGroup, ...] = ()
    recommendation: Recommendation | None = None
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> Entry | None:
        return self.entries[0] if self.entries else None

    @property
    def worst(self) -> Entry | None:
        return self.entries[-1] if self.entries else None
