"""The configurations by rank, and which of them cannot be told apart from the best."""

import math
from collections.abc import Sequence
from statistics import fmean, variance

from scipy.special import ndtri

from handgrad.evaluation import Interval, mean_interval, wilson
from handgrad.sweeps.analysis.configurations import Configuration
from handgrad.sweeps.analysis.measured import Measurements
from handgrad.sweeps.analysis.result import CLEAR, IMAGES, NOTHING, SEEDS, Entry
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.trial import Trial


def leaderboard(
    sweep: Sweep, ranked: Sequence[Configuration], measurements: Measurements, noise: float = math.nan
) -> tuple[Entry, ...]:
    """An entry for each of the configurations; `noise` is a run's standard deviation, if there is a guess of it.

    Tied are those whose distance to the best is no more than chance makes of the largest of so many differences.

    Math    best - each <= z sqrt(v_best + v_each), z the 1 - 0.05 / (configurations - 1) quantile of the normal law
    Ref     Hsu (1984), Annals of Statistics 12: multiple comparisons with the best
    """
    if not ranked:
        return ()
    intervals = [_interval(each, measurements) for each in ranked]
    errors = _errors(ranked, intervals, noise)
    z = -float(ndtri(CLEAR / max(1, len(ranked) - 1)))
    far = [ranked[0].gain - each.gain > z * math.sqrt(errors[0] + v) for each, v in zip(ranked, errors, strict=True)]
    rows = zip(ranked, intervals, far, strict=True)
    return tuple(
        Entry(
            rank,
            each.values,
            each.trials,
            *interval,
            not apart,
            fmean(trial.seconds for trial in each.trials),
            command(sweep, each.trials[0]),
        )
        for rank, (each, interval, apart) in enumerate(rows, 1)
    )


def command(sweep: Sweep, trial: Trial) -> str:
    """What trains a trial's configuration again, as a run of its own."""
    return sweep.config(trial).replaced(name=None, runs_dir="runs", wandb_group=None).command()


def spread(ranked: Sequence[Configuration]) -> float:
    """The variance between seeds of one configuration, pooled over the better half; NaN without replicates.

    Configurations that hardly learn may vary far more than those that the choice is between.
    """
    groups = [each.objectives for each in ranked if len(each.objectives) > 1]
    better = groups[: max(1, (len(groups) + 1) // 2)]
    freedom = sum(len(group) - 1 for group in better)
    return sum((len(group) - 1) * variance(group) for group in better) / freedom if freedom else math.nan


def _interval(each: Configuration, measurements: Measurements) -> tuple[Interval, str]:
    if len(each.objectives) > 1:
        return mean_interval(each.objectives), SEEDS
    images = measurements.of(each.trials[0]).images
    if images:
        return wilson(round(each.mean * images), images), IMAGES
    return Interval(each.mean, math.nan, math.nan, 1), NOTHING


def _errors(ranked: Sequence[Configuration], intervals: Sequence[tuple[Interval, str]], noise: float) -> list[float]:
    """The variance of each mean: that between seeds, or a single run's own, whichever is known; infinite if none is."""
    seeds = spread(ranked)
    return [_error(interval, over, seeds, noise) for interval, over in intervals]


def _error(interval: Interval, over: str, seeds: float, noise: float) -> float:
    if not math.isnan(seeds):
        return max(seeds / interval.size if over == SEEDS else seeds, 0.0)
    if over == IMAGES:
        return ((interval.high - interval.low) / (2 * float(ndtri(0.975)))) ** 2
    return math.inf if math.isnan(noise) else noise**2
