"""The configurations of a sweep by rank, its failures, and its course in time."""

import math
from collections.abc import Iterable, Sequence
from statistics import fmean, variance
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from handgrad.config import RunConfig, build_dataset, build_split
from handgrad.errors import HandgradError
from handgrad.evaluation import Interval, holm, student, wilson
from handgrad.sweeps.analysis.model import factors
from handgrad.sweeps.analysis.result import CLEAR, IMAGES, NOTHING, SEEDS, Entry, Failure, FailureGroup, Timeline
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.store import FAILED, LOST, Trial

Array = NDArray[Any]
DECIDING = ("dataset", "validation_fraction", "train_fraction", "fold")
NEIGHBOURS = 5  # on either side in rank, from which a configuration borrows how much seeds matter
MANY = 1e9  # degrees of freedom where a variance is known
BETTER_THAN_GUESSING = 0.01  # the largest chance that guessing has as many right
FEWEST_TIMED = 3  # two trials always lie on a line


class Measured(NamedTuple):
    """Images of so many classes that a metric is measured on; none where it is no accuracy, or the data is missing."""

    images: int = 0
    classes: int = 0


class Measurements:
    """What the metric of a sweep's trials was measured on; each data set is read once."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._part, _, measure = sweep.definition.metric.name.partition("_")
        self._known: dict[tuple[object, ...], Measured] = {}
        metric = sweep.definition.metric
        self._share = measure == "accuracy" and metric.goal != "target" and not metric.foreign

    def of(self, trial: Trial) -> Measured:
        if not self._share:
            return Measured()
        key = tuple(repr(trial.values.get(name)) for name in DECIDING)
        if key not in self._known:
            config = self._sweep.config(trial).replaced(features="pixels", resize=None)
            self._known[key] = _measured(config, self._part)
        return self._known[key]


def _measured(config: RunConfig, part: str) -> Measured:
    try:
        dataset = build_dataset(config)
        if part == "test":
            return Measured(len(dataset.y_test), dataset.classes)
        split = build_split(config, dataset)
    except HandgradError:  # the data may be on another machine than the report
        return Measured()
    return Measured(len(split.validation_rows if part == "validation" else split.train_rows), dataset.classes)


class Configuration(NamedTuple):
    """Rated replicates of one configuration; `gain` is their mean objective, turned so that more is better."""

    values: dict[str, Any]
    trials: tuple[Trial, ...]
    objectives: tuple[float, ...]
    gain: float

    @property
    def mean(self) -> float:
        return fmean(self.objectives)


def by_configuration(definition: SweepDefinition, trials: Iterable[Trial]) -> dict[str, list[Trial]]:
    """The trials of each configuration, by its key."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(definition.key(trial.values), []).append(trial)
    return groups


def configurations(sweep: Sweep, trials: Sequence[Trial]) -> list[Configuration]:
    """Those with an objective, the best first; equal ones in the order of their trials."""
    rated = sorted((trial for trial in trials if trial.rated), key=lambda trial: trial.number)
    sign, found = 1 if sweep.definition.metric.goal == "maximize" else -1, []
    for group in by_configuration(sweep.definition, rated).values():
        objectives = tuple(reported(sweep, trial.objective or 0.0) for trial in group)
        found.append(Configuration(group[0].values, tuple(group), objectives, sign * fmean(objectives)))
    return sorted(found, key=lambda each: (-each.gain, each.trials[0].number))


def reported(sweep: Sweep, objective: float) -> float:
    """An objective as it is reported: the metric's value, or how far it is from the target that it is to come near."""
    metric = sweep.definition.metric
    return metric.objective(objective) if metric.goal == "target" else objective


class Uncertain(NamedTuple):
    """A configuration's objective, what its interval is over, and its mean's variance with degrees of freedom."""

    objective: Interval
    over: str
    variance: float
    freedom: float


def leaderboard(
    sweep: Sweep, ranked: Sequence[Configuration], measurements: Measurements, noise: Sequence[float] = ()
) -> tuple[Entry, ...]:
    """An entry for each of the configurations; `noise` are guesses of a run's standard deviation at each of them.

    The one that is best in truth is among the tied ones in 95 of 100 sweeps.

    Math    best - each <= t sqrt(v_best + v_each), t Student's 1 - 0.05 / (configurations - 1) quantile
    Ref     Gupta (1965), Technometrics 7; Hsu (1984), Annals of Statistics 12: comparisons with the best
    """
    if not ranked:
        return ()
    noise = noise or [math.nan] * len(ranked)
    known = [_uncertain(ranked, place, measurements, noise[place]) for place in range(len(ranked))]
    entries = []
    for rank, (each, own) in enumerate(zip(ranked, known, strict=True), 1):
        freedom = min(known[0].freedom, own.freedom)
        t = -float(scipy.special.stdtrit(freedom, CLEAR / max(1, len(ranked) - 1)))
        tied = ranked[0].gain - each.gain <= t * math.sqrt(known[0].variance + own.variance)
        seconds = fmean(trial.seconds for trial in each.trials)
        objective = own.objective.within(*sweep.definition.metric.bounds)
        about = (rank, each.values, each.trials, objective, own.over)
        entries.append(Entry(*about, tied, seconds, sweep.command(each.values, each.trials[0])))
    return tuple(entries)


def between_seeds(ranked: Sequence[Configuration], place: int) -> tuple[float, int]:
    """The variance between seeds of the configuration at this place, and its degrees of freedom.

    It is pooled with that of its neighbours in rank: the few seeds of one say little, and what is about as good varies
    about as much. NaN and 0 without replicates.
    """
    near = [each.objectives for each in ranked[max(0, place - NEIGHBOURS) : place + NEIGHBOURS + 1]]
    groups = [group for group in near if len(group) > 1]
    freedom = sum(len(group) - 1 for group in groups)
    if not freedom:
        return math.nan, 0
    return sum((len(group) - 1) * variance(group) for group in groups) / freedom, freedom


def _uncertain(ranked: Sequence[Configuration], place: int, measurements: Measurements, noise: float) -> Uncertain:
    """By its seeds, else by the images, else by what a model takes for noise; infinite where nothing is known."""
    each, (spread, freedom) = ranked[place], between_seeds(ranked, place)
    if freedom:
        error = spread / len(each.objectives)
        half = student(freedom) * math.sqrt(error)
        return Uncertain(
            Interval(each.mean, each.mean - half, each.mean + half, len(each.objectives)), SEEDS, error, freedom
        )
    images = measurements.of(each.trials[0]).images
    if images:
        share = wilson(round(each.mean * images), images)
        return Uncertain(share, IMAGES, ((share.high - share.low) / (2 * float(scipy.special.ndtri(0.975)))) ** 2, MANY)
    nothing = Interval(each.mean, math.nan, math.nan, 1)
    return Uncertain(nothing, NOTHING, math.inf if math.isnan(noise) else noise**2, MANY)


def failures(trials: Sequence[Trial], measurements: Measurements) -> tuple[Failure, ...]:
    """Those that failed or were lost, with the reason, and those that are no better than guessing, by number."""
    found: list[Failure] = []
    for trial in sorted(trials, key=lambda trial: trial.number):
        if trial.state in (FAILED, LOST):
            found.append(Failure(trial, trial.why or trial.state))
        elif trial.rated and trial.objective is not None:
            images, classes = measurements.of(trial)
            right = round(trial.objective * images)
            if images and guessing(right, images, classes) > BETTER_THAN_GUESSING:
                why = f"{right:,} of {images:,} images right, which is no more than guessing among {classes} gets"
                found.append(Failure(trial, why))
    return tuple(found)


def guessing(right: int, images: int, classes: int) -> float:
    """The chance that whoever guesses has at least so many right: P(B >= right), B ~ Binomial(images, 1 / classes)."""
    return float(scipy.special.bdtrc(right - 1, images, 1 / classes)) if right else 1.0


def failure_groups(sweep: Sweep, trials: Sequence[Trial], failures: Sequence[Failure]) -> tuple[FailureGroup, ...]:
    """Values whose configurations failed more often than others, by Fisher's exact test, the surest first.

    A configuration failed where at least half of its replicates did.
    """
    numbers = {failure.trial.number for failure in failures}
    ended = (trial for trial in trials if trial.rated or trial.number in numbers)
    groups = [group for _, group in sorted(by_configuration(sweep.definition, ended).items())]
    bad = np.array([2 * sum(trial.number in numbers for trial in group) >= len(group) for group in groups], bool)
    tested = []
    for factor in factors(sweep.definition, [group[0].values for group in groups]):
        for level, value in enumerate(factor.levels):
            has = factor.codes == level
            failed, of = int(np.sum(has & bad)), int(has.sum())
            failed_others, others = int(bad.sum()) - failed, len(bad) - of
            table = [[failed, of - failed], [failed_others, others - failed_others]]
            p = float(scipy.stats.fisher_exact(table, "greater").pvalue)
            tested.append(FailureGroup(factor.name, value, failed, of, p, failed_others, others))
    corrected = holm([group.p for group in tested])
    found = [group._replace(p=p) for group, p in zip(tested, corrected, strict=True) if p < CLEAR]
    return tuple(sorted(found, key=lambda group: group.p))


def timeline(sweep: Sweep, trials: Sequence[Trial]) -> Timeline | None:
    """Objective against the time of creation, with its least-squares line; None without an objective."""
    rated = sorted((trial for trial in trials if trial.rated), key=lambda trial: (trial.began, trial.number))
    if not rated:
        return None
    start = min(trial.began for trial in trials)
    points = tuple((trial.began - start, reported(sweep, trial.objective or 0.0), trial.number) for trial in rated)
    best = max if sweep.definition.metric.goal == "maximize" else min
    running = tuple((points[i][0], best(value for _, value, _ in points[: i + 1])) for i in range(len(points)))
    return Timeline(points, running, *_line([x / 3600 for x, _, _ in points], [y for _, y, _ in points]))


def _line(hours: Sequence[float], values: Sequence[float]) -> tuple[Interval, float, float]:
    """Slope, intercept and the p-value of no slope; NaN where the times do not tell."""
    if len(hours) < FEWEST_TIMED or max(hours) == min(hours):
        return Interval(math.nan, math.nan, math.nan, len(hours)), math.nan, math.nan
    fit = scipy.stats.linregress(hours, values)
    half = student(len(hours) - 2) * float(fit.stderr)
    slope = float(fit.slope)
    return Interval(slope, slope - half, slope + half, len(hours)), float(fit.intercept), float(fit.pvalue)
