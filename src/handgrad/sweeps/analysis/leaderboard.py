"""The configurations by rank, and which of them cannot be told apart from the best."""

import math
from collections.abc import Sequence
from statistics import fmean, variance
from typing import NamedTuple

from scipy.special import ndtri, stdtrit

from handgrad.evaluation import Interval, student, wilson
from handgrad.sweeps.analysis.configurations import Configuration
from handgrad.sweeps.analysis.measured import Measurements
from handgrad.sweeps.analysis.result import CLEAR, IMAGES, NOTHING, SEEDS, Entry
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.trial import Trial

NEIGHBOURS = 5  # on either side in rank, from which a configuration borrows how much seeds matter
MANY = 1e9  # degrees of freedom where a variance is known


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
    known = _uncertainties(ranked, measurements, noise or [math.nan] * len(ranked))
    entries = []
    for rank, (each, own) in enumerate(zip(ranked, known, strict=True), 1):
        freedom = min(known[0].freedom, own.freedom)
        t = -float(stdtrit(freedom, CLEAR / max(1, len(ranked) - 1)))
        tied = ranked[0].gain - each.gain <= t * math.sqrt(known[0].variance + own.variance)
        seconds = fmean(trial.seconds for trial in each.trials)
        objective = own.objective.within(*sweep.definition.metric.bounds)
        about = (rank, each.values, each.trials, objective, own.over)
        entries.append(Entry(*about, tied, seconds, command(sweep, each.trials[0])))
    return tuple(entries)


def command(sweep: Sweep, trial: Trial) -> str:
    """What trains a trial's configuration again, as a run of its own."""
    return sweep.config(trial).replaced(name=None, runs_dir="runs", wandb_group=None).command()


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


def _uncertainties(
    ranked: Sequence[Configuration], measurements: Measurements, noise: Sequence[float]
) -> list[Uncertain]:
    return [_uncertain(ranked, place, measurements, noise[place]) for place in range(len(ranked))]


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
        return Uncertain(share, IMAGES, ((share.high - share.low) / (2 * float(ndtri(0.975)))) ** 2, MANY)
    nothing = Interval(each.mean, math.nan, math.nan, 1)
    return Uncertain(nothing, NOTHING, math.inf if math.isnan(noise) else noise**2, MANY)
