"""A sweep with its trials and analysis, as its report sees them: facts in words, and tables for other programs."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from handgrad.figures import Table, style
from handgrad.reports.blocks import spelled
from handgrad.sweeps.analysis.analyse import analyse
from handgrad.sweeps.analysis.result import Analysis, Correlation, Effect
from handgrad.sweeps.database import is_driven
from handgrad.sweeps.definition import Metric, SweepDefinition
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.store import FAILED, LOST, RUNNING, STOPPED, Trial
from handgrad.text import counted, duration

T = TypeVar("T", Correlation, Effect)
METHODS = {
    "grid": "in random order over a grid",
    "random": "at random",
    "design": "by a D-optimal design for main effects (coordinate exchange)",
    "bayes": "by Optuna's tree-structured Parzen estimator",
    "gp": "by Optuna's Gaussian process",
}


class Measure(NamedTuple):
    """What a search makes better, as it is written: `name` in words, values times `factor`, `unit` behind them.

    `better` is 1 where more is better, and -1 where less is.
    """

    name: str
    better: int
    factor: float = 1.0
    unit: str = ""
    digits: int = 4

    @property
    def label(self) -> str:
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def number(self, value: float) -> str:
        """A value without its unit."""
        return f"{self.factor * value:.{self.digits}f}"

    def text(self, value: float) -> str:
        """A value with its unit; a dash for what is not known."""
        return "–" if math.isnan(value) else f"{self.number(value)} {self.unit}".rstrip()

    def bounds(self, low: float, high: float) -> str:
        """Two of them, "97.02 to 98.61", per cents not beyond 0 and 100; a dash where they are not known."""
        if math.isnan(low) or math.isnan(high):
            return "–"
        if self.unit == "%":
            low, high = max(low, 0.0), min(high, 100 / self.factor)
        return f"{self.number(low)} to {self.number(high)}"


@dataclass(frozen=True)
class SweepData:
    """A sweep as it was when its trials were read; `driven` tells whether it went on."""

    sweep: Sweep
    trials: tuple[Trial, ...]
    analysis: Analysis
    driven: bool = False

    @cached_property
    def measure(self) -> Measure:
        return measure_of(self.sweep.definition.metric)

    @property
    def parameters(self) -> list[str]:
        """Those that vary, the most important first; where that is not known, as in the file."""
        shares = {each.name: -each.share.mean for each in self.analysis.importances}
        return sorted(self.sweep.definition.varying, key=lambda name: shares.get(name, 0.0))

    @property
    def rated(self) -> list[Trial]:
        """The trials that have a result."""
        return [trial for trial in self.trials if trial.rated]

    @property
    def failed(self) -> list[Trial]:
        """Those without a usable result."""
        return [trial for trial in self.trials if trial.state in (FAILED, LOST)]

    @property
    def running(self) -> int:
        """How many are not over."""
        return sum(trial.state == RUNNING for trial in self.trials)

    @property
    def done(self) -> int:
        """How many are over."""
        return sum(trial.ended for trial in self.trials)

    @property
    def ended(self) -> bool:
        """Whether all trials that there are to be are over."""
        wanted = self.sweep.wanted
        return self.done == len(self.trials) and (wanted is None or self.done >= wanted)

    def by_importance(self, found: Iterable[T]) -> list[T]:
        """Importances, correlations or effects in the order of `parameters`."""
        places = {name: place for place, name in enumerate(self.parameters)}
        return sorted(found, key=lambda each: places[each.name])

    def counted_objective(self, trial: Trial) -> float:
        """A trial's result as the analysis counts it: the metric, or how far it is from its target."""
        metric, objective = self.sweep.definition.metric, float(trial.objective or 0.0)
        return metric.objective(objective) if metric.goal == "target" else objective


def look(sweep: Sweep) -> SweepData:
    """Read the trials of a sweep, and analyse them.

    Raises  FileSystemError, UsageError when its storage cannot be read.
    """
    trials = sweep.trials()
    drivers = {trial.driver for trial in trials if trial.state == RUNNING}
    driven = bool(drivers) and is_driven(sweep.storage_url, drivers)
    return SweepData(sweep, tuple(trials), analyse(sweep, trials), driven)


def measure_of(metric: Metric) -> Measure:
    """Accuracies in per cent, losses as they are; of a target, the distance from it."""
    share, name = metric.share, metric.name.replace("_", " ")
    factor, unit, digits = (100.0, "%", 2) if share else (1.0, "", 4)
    if metric.goal == "target" and metric.target is not None:
        name = f"distance of {name} from {factor * metric.target:g}{' ' * share}{unit}"
    return Measure(name, 1 if metric.goal == "maximize" else -1, factor, unit, digits)


def in_words(values: Mapping[str, Any]) -> str:
    """A configuration in a line: "activation relu, learning rate 0.001, weight decay 0"."""
    return "; ".join(f"{name.replace('_', ' ')} {spelled(value)}" for name, value in values.items())


def leaderboard_table(data: SweepData) -> Table:
    """A row a configuration."""
    names = tuple(data.sweep.definition.varying)
    interval = (data.analysis.metric.name, "low", "high", "interval over")
    rows = (
        (
            entry.rank,
            *entry.objective[:3],
            entry.over,
            "yes" if entry.tied else "no",
            " ".join(str(trial.number) for trial in entry.trials),
            entry.seconds,
            *(_exact(entry.values[name]) for name in names),
            entry.command,
        )
        for entry in data.analysis.entries
    )
    return Table(("rank", *interval, "tied with the best", "trials", "seconds", *names, "command"), rows)


def trials_table(data: SweepData) -> Table:
    """A row a trial, failed ones included."""
    names = tuple(data.sweep.definition.varying)
    own = [data.sweep.own_name(trial) for trial in data.trials]
    head = ("trial", "run", *["name"] * any(own), "state", data.analysis.metric.name)
    times = ("seed", "began", "seconds", "epochs")
    stop = ("stopped at rung", "value", "threshold", "trials there")
    rows = (
        (
            *(trial.number, trial.run, *[name] * any(own), trial.state),
            *(trial.objective, trial.seed, trial.began, trial.seconds),
            len(trial.epochs),
            *(
                (trial.stop.rung, trial.stop.value, trial.stop.threshold, trial.stop.reached)
                if trial.stop
                else [None] * 4
            ),
            trial.why,
            *(_exact(trial.values[parameter]) for parameter in names),
        )
        for trial, name in zip(data.trials, own, strict=True)
    )
    return Table((*head, *times, *stop, "why", *names), rows)


def _exact(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else spelled(value)


def standing(data: SweepData) -> str:
    """How far it is: "57 of 200 trials are done, 2 run"."""
    wanted = data.sweep.wanted
    of = f" of {counted(wanted, 'trial')}" if wanted is not None else " trials"
    parts = [f"{data.done:,}{of} {'is' if data.done == 1 else 'are'} done"]
    if data.running:
        what = ("runs" if data.running == 1 else "run") if data.driven else "cut off"
        parts.append(f"{data.running:,} {what}")
    lost = sum(trial.state == LOST for trial in data.trials)
    if lost:
        parts.append(f"{lost:,} {'was' if lost == 1 else 'were'} lost")
    return ", ".join(parts)


def how_searched(data: SweepData) -> str:
    """Space, method, trials, seeds and time in a sentence or two."""
    definition, settings = data.sweep.definition, data.sweep.settings
    size, count = definition.size, len(definition.varying)
    space = f"{counted(size, 'configuration')}" if size is not None else "a space without end"
    seeds = f", {settings.seeds} for each configuration" if settings.seeds > 1 else ""
    counts = data.analysis.states
    words = {"finished": "finished", STOPPED: "stopped early", FAILED: "failed", LOST: "lost", "running": "running"}
    states = ", ".join(f"{counts[state]:,} {word}" for state, word in words.items() if counts.get(state))
    return (
        f"Searched: {space} of {counted(count, 'parameter')}, {METHODS[settings.method]}, from seed {settings.seed}. "
        f"{counted(len(data.trials), 'trial')}{seeds}: {states or 'none begun'}. {_time(data)}"
    ).strip()


def elapsed(data: SweepData) -> float:
    """Seconds from the begin of the first trial to the end of the last; pauses count."""
    if not data.trials:
        return 0.0
    return max(trial.began + trial.seconds for trial in data.trials) - min(trial.began for trial in data.trials)


def _time(data: SweepData) -> str:
    if not data.trials:
        return ""
    training = sum(trial.seconds for trial in data.trials)
    return f"{duration(elapsed(data))} from the first to the last, {duration(training)} of training in all."


def how_sure(data: SweepData) -> list[str]:
    """What the interval is over, and how many configurations might as well be the best."""
    entries, best = data.analysis.entries, data.analysis.best
    if best is None:
        return []
    lines = []
    ties = sum(entry.tied for entry in entries) - 1
    text = data.measure.text(best.objective.mean)
    if len(entries) > 1 and ties > 0:
        lines.append(
            f"{ties:,} of the other {len(entries) - 1:,} configurations cannot be distinguished from the best one, "
            f"{text}: more seeds would decide."
        )
    elif len(entries) > 1:
        lines.append(f"The best, {text}, is better than every other configuration, beyond chance.")
    if data.sweep.definition.metric.name.startswith("validation"):
        caveat = "The validation images chose the configuration, so its own result on them is flattering; the test"
        lines.append(f"{caveat} images chose nothing.")
    return lines


Array = NDArray[Any]
FEW = 8  # values of a range of whole numbers, or of steps, that are still listed one by one
MANY = 3000  # points of a drawing, above which they become a picture within it


class Scale(NamedTuple):
    """A parameter's values along an axis: `labels` of listed ones in their order, or the numbers from low to high."""

    name: str
    labels: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False

    @property
    def title(self) -> str:
        return self.name.replace("_", " ")

    def ticks(self) -> list[float]:
        """Where numbers are written along it: decades of a logarithmic scale of more than one, else round numbers."""
        from matplotlib.ticker import LogLocator, MaxNLocator

        if self.log and self.high / self.low >= 30:
            found = LogLocator(numticks=7).tick_values(self.low, self.high)
        elif self.log:
            found = LogLocator(subs=(1, 2, 5), numticks=7).tick_values(self.low, self.high)
        else:
            found = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
        return [float(each) for each in found if self.low <= each <= self.high] or [self.low, self.high]

    def share(self, value: float) -> float:
        """Where a number lies between the ends, from 0 to 1."""
        if self.high <= self.low:
            return 0.5
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


class Column(NamedTuple):
    """A parameter, and the `place` of each trial on its scale: a number, or the index of a listed value.

    Shapes  places (n,) float64
    """

    scale: Scale
    places: Array


class Searched(NamedTuple):
    """The trials of a search that have a result.  Shapes  numbers (n,) int; objectives (n,) float64; stopped (n,) bool

    `objectives` are in the measure's unit.
    """

    measure: Measure
    numbers: Array
    objectives: Array
    stopped: Array
    columns: tuple[Column, ...]

    @property
    def worst_first(self) -> Array:
        """The order in which the best is drawn last, on top; the first of equal ones.  Shapes  -> (n,) int"""
        return np.lexsort((-self.numbers, self.rank_values))

    @property
    def rank_values(self) -> Array:
        """The objectives, turned so that more is better.  Shapes  -> (n,) float64"""
        return self.measure.better * self.objectives

    @property
    def caption(self) -> str:
        return (
            f"{self.measure.name.capitalize()} of {len(self.numbers):,} trials against each parameter, "
            "whatever the others were. Boxes hold the middle half of a value's trials, with a line at their median; n "
            "is their number; hollow points were stopped early. A parameter that went along with another one shows "
            "that one's effect as well: the adjusted effects do not."
        )

    @property
    def table(self) -> Table:
        names = tuple(column.scale.name for column in self.columns)
        values = [
            [labels[int(place)] for place in places] if (labels := scale.labels) else places.tolist()
            for scale, places in self.columns
        ]
        stopped = ("yes" if each else "" for each in self.stopped)
        rows = zip(self.numbers, self.objectives, stopped, *values, strict=True)
        return Table(("trial", self.measure.label, "stopped early", *names), rows)


def searched(data: SweepData, backwards: bool = False) -> Searched:
    """The rated trials on the scales of their parameters, the most important first, or last where `backwards`."""
    trials, measure = data.rated, data.measure
    names = data.parameters[::-1] if backwards else data.parameters
    return Searched(
        measure,
        np.array([trial.number for trial in trials]),
        np.array([measure.factor * data.counted_objective(trial) for trial in trials]),
        np.array([trial.state == STOPPED for trial in trials]),
        tuple(column(name, data.sweep.definition, trials) for name in names),
    )


def column(name: str, definition: SweepDefinition, trials: list[Trial]) -> Column:
    """A parameter's values, listed where they are few, else on a scale of numbers."""
    values = [trial.values[name] for trial in trials]
    distribution = definition.parameters[name]
    axis = distribution.axis
    if axis.type == "categorical" or (distribution.size or FEW + 1) <= FEW:
        listed = definition.grid(name)
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in listed):
            listed = sorted(listed)
        places = [listed.index(value) for value in values]
        return Column(Scale(name, tuple(map(spelled, listed))), np.array(places, dtype=float))
    low, high = min([axis.low, *values]), max([axis.high, *values])
    return Column(Scale(name, (), float(low), float(high), axis.log and low > 0), np.array(values, dtype=float))


def looks_of_trials(size: float) -> tuple[tuple[bool, dict[str, Any]], ...]:
    """How trials are marked: hollow where they were stopped early, which is drawn first, and full where not."""
    marker = {"marker": "o", "linestyle": "none", "markersize": size, "zorder": 3}
    hollow = {"markerfacecolor": "none", "markeredgecolor": style.COLOURS[1], "markeredgewidth": 0.7}
    return (True, marker | hollow), (False, marker | {"color": style.COLOURS[0], "markeredgewidth": 0})
