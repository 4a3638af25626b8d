"""Which configuration to use, what may be expected of it, and what is still open."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from handgrad.errors import UsageError
from handgrad.evaluation import Interval
from handgrad.sweeps.analysis.configurations import Configuration
from handgrad.sweeps.analysis.edges import edges
from handgrad.sweeps.analysis.phrases import Unit
from handgrad.sweeps.analysis.prediction import FEWEST, Surrogate
from handgrad.sweeps.analysis.result import Effect, Entry, Recommendation
from handgrad.sweeps.analysis.zoom import Zoom
from handgrad.sweeps.folder import Sweep

Array = NDArray[Any]
UNTRIED = 2000  # configurations that are thought of besides the tried ones
SHORTLIST = 20  # of them that are looked at closely


class Choice(NamedTuple):
    """A configuration with the gain that is expected of it; `tried` is its place among the ranked ones, or None."""

    values: dict[str, Any]
    mean: float
    error: float
    tried: int | None


def surrogate(sweep: Sweep, seen: Zoom, ranked: Sequence[Configuration]) -> Surrogate | None:
    """What has been learned from the configurations that nothing ruins; None where they are too few."""
    rows = [each for each, taken in zip(ranked, seen.rows, strict=True) if taken]
    names = [factor.name for factor in seen.factors if len(factor.take(seen.rows).levels) > 1]
    values = [each.values for each in rows for _ in each.objectives]
    gains = np.array([seen.sign * objective for each in rows for objective in each.objectives])
    if len(rows) < FEWEST or not names or np.ptp(gains) == 0:
        return None
    return Surrogate(sweep.definition, names, values, gains)


def recommendation(
    sweep: Sweep, entries: Sequence[Entry], seen: Zoom, effects: Sequence[Effect], learned: Surrogate | None
) -> Recommendation | None:
    """The tried configuration of which most is expected, unless an untried one is clearly better."""
    if not entries:
        return None
    choice = _choice(sweep, entries, seen, learned) if learned else None
    unit = Unit(sweep.definition.metric)
    if choice is None:
        predicted, place = _of_best(entries), 0
    else:
        half = float(ndtri(0.975)) * choice.error
        mean = seen.sign * choice.mean
        predicted, place = Interval(mean, mean - half, mean + half, len(entries)), choice.tried
    if choice is not None and place is None:
        values, trial = choice.values, None
        config = sweep.definition.to_config(values, sweep.base)
        command = config.replaced(name=None, runs_dir="runs", wandb_group=None).command()
    else:
        entry = entries[place or 0]
        values, trial, command = entry.values, entry.trials[0], entry.command
    words = _words(entries, place, predicted, unit, choice is not None)
    return Recommendation(
        values, predicted, command, words, len(entries), trial, edges(sweep.definition, values, effects, seen, unit)
    )


def _choice(sweep: Sweep, entries: Sequence[Entry], seen: Zoom, learned: Surrogate) -> Choice | None:
    places = np.flatnonzero(seen.rows)
    means = learned.means([entries[i].values for i in places])
    best = int(places[int(np.argmax(means))])
    shortlist = _untried(sweep, entries, seen, learned)
    mean, covariance = learned.expected([entries[best].values, *shortlist])
    tried = Choice(entries[best].values, float(mean[0]), math.sqrt(max(0.0, covariance[0, 0])), best)
    z, better = float(ndtri(0.975)), tried
    for i, values in enumerate(shortlist, 1):
        spread = covariance[i, i] + covariance[0, 0] - 2 * covariance[0, i]
        if mean[i] - mean[0] > z * math.sqrt(max(0.0, spread)) and mean[i] > better.mean:
            better = Choice(values, float(mean[i]), math.sqrt(max(0.0, covariance[i, i])), None)
    return better


def _untried(sweep: Sweep, entries: Sequence[Entry], seen: Zoom, learned: Surrogate) -> list[dict[str, Any]]:
    """The most promising of many draws: possible, not tried yet, and of values that were tried and do not ruin."""
    generator = np.random.default_rng(0)
    known = {sweep.definition.key(entry.values) for entry in entries}
    allowed = {f.name: {repr(entries[i].values[f.name]) for i in np.flatnonzero(seen.rows)} for f in _listed(seen)}
    drawn: dict[str, dict[str, Any]] = {}
    for _ in range(UNTRIED):
        values = sweep.definition.sample(generator)
        if all(repr(values[name]) in levels for name, levels in allowed.items()):
            drawn.setdefault(sweep.definition.key(values), values)
    new = [values for key, values in sorted(drawn.items()) if key not in known]
    if not new:
        return []
    order = np.argsort(-learned.means(new), kind="stable")[:SHORTLIST]
    return [new[i] for i in order if _possible(sweep, new[i])]


def _listed(seen: Zoom) -> list[Any]:
    from handgrad.sweeps.analysis.result import Range

    return [factor for factor in seen.factors if not isinstance(factor.levels[0], Range)]


def _possible(sweep: Sweep, values: dict[str, Any]) -> bool:
    try:
        sweep.definition.to_config(values, sweep.base)
    except UsageError:
        return False
    return True


def _of_best(entries: Sequence[Entry]) -> Interval:
    """The best one's own interval, as much wider as the best of so many must be watched."""
    best = entries[0].objective
    wider = float(ndtri(0.025 / len(entries)) / ndtri(0.025))
    return best._replace(
        low=best.mean - wider * (best.mean - best.low), high=best.mean + wider * (best.high - best.mean)
    )


def _words(entries: Sequence[Entry], place: int | None, predicted: Interval, unit: Unit, learned: bool) -> str:
    best = entries[0]
    tied = sum(entry.tied for entry in entries)
    expected = f"Expect {unit.expected(predicted)} of it"
    if place is None:
        return (
            f"No run has tried this configuration; what similar ones reached makes it clearly better than the best that "
            f"was tried ({unit.level(best.objective.mean)}). {expected}."
        )
    chosen = entries[place]
    first = (
        f"It has the best {unit.metric.name.replace('_', ' ')} of {len(entries)} configurations, {unit.level(best.objective.mean)}"
        if place == 0
        else f"It reached {unit.level(chosen.objective.mean)}, rank {chosen.rank} of {len(entries)}; the first, with "
        f"{unit.level(best.objective.mean)}, owes more to chance, as similar configurations did less well"
    )
    less = ": the best of many owes something to chance" if learned else ": they are too few to say how much is chance"
    others = f" {tied - 1} others cannot be told apart from the best." if tied > 1 else ""
    return f"{first}. {expected}{less}.{others}"
