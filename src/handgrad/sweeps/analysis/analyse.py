"""The whole analysis of a sweep, from its trials."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from handgrad.evaluation import Interval
from handgrad.sweeps.analysis.effects import RestrictedSpace, effects, restrict
from handgrad.sweeps.analysis.importance import correlations, importances
from handgrad.sweeps.analysis.leaderboard import (
    Configuration,
    Measurements,
    configurations,
    failure_groups,
    failures,
    leaderboard,
    timeline,
)
from handgrad.sweeps.analysis.model import Factor, factors, is_number, positions
from handgrad.sweeps.analysis.result import SEEDS, Analysis, Effect, Entry, Range, Recommendation, covers
from handgrad.sweeps.analysis.surrogate import FEWEST, Surrogate
from handgrad.sweeps.analysis.wording import UNMOVED, Unit, called, notes, observations, value
from handgrad.sweeps.definition import Metric, SweepDefinition
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.store import Trial

Array = NDArray[Any]
NEAR = 0.1  # of the scale that was searched
UNTRIED = 1000  # draws that are thought of besides the tried configurations
SHORTLIST = 20  # of them that are looked at closely


def boundary_optima(
    definition: SweepDefinition, values: dict[str, Any], effects: Sequence[Effect], space: RestrictedSpace, unit: Unit
) -> Iterator[str]:
    """A sentence for each number of the configuration at an end of what was tried, if that is clearly better."""
    for factor in space.factors:
        chosen, own = values[factor.name], [e for e in effects if e.name == factor.name and not e.where]
        if not (is_number(factor.levels[0]) or isinstance(factor.levels[0], Range)):
            continue
        lower, upper = _at_ends(definition, factor, chosen)
        if (upper or (lower and chosen > 0)) and _leads_to(factor, chosen, own, unit):
            end, further = ("upper end", "larger") if upper else ("lower end", "smaller")
            at = f"The {called(factor.name)}, {value(chosen)}, is at the {end} of what was tried"
            yield f"{at}: {further} ones may be better."


def _at_ends(definition: SweepDefinition, factor: Factor, chosen: float) -> tuple[bool, bool]:
    """Whether it is the smallest or the largest that was tried, or near the ends of a range that was searched."""
    if not isinstance(factor.levels[0], Range):
        return chosen == factor.levels[0], chosen == factor.levels[-1]
    place = float(positions(definition.parameters[factor.name], [chosen])[0])
    return place <= NEAR, place >= 1 - NEAR


def _leads_to(factor: Factor, chosen: float, effects: Sequence[Effect], unit: Unit) -> bool:
    """Whether no other level is better on average, and one of them clearly worse."""
    levels = [e for e in effects if not (e.per or e.degenerate)]
    own = next((e for e in levels if covers(e.value, chosen)), None)
    if own is not None:
        best = not unit.better(-own.difference.mean)
        return best and own.clear and not any(unit.better(e.difference.mean - own.difference.mean) for e in levels)
    among = any(covers(e.reference, chosen) for e in levels)
    return among and any(e.clear for e in levels) and not any(unit.better(e.difference.mean) for e in levels)


class Choice(NamedTuple):
    """A configuration, and the objective expected of it; `place` is its own among the entries, None if untried."""

    values: dict[str, Any]
    predicted: Interval
    place: int | None


def fit_surrogate(
    sweep: Sweep, space: RestrictedSpace, ranked: Sequence[Configuration], measurements: Measurements
) -> Surrogate | None:
    """A model of the configurations without a degenerate level; None where they are too few, or it explains nothing."""
    rows = [each for each, taken in zip(ranked, space.rows, strict=True) if taken]
    names = [factor.name for factor in space.factors if len(factor.take(space.rows).levels) > 1]
    values = [each.values for each in rows for _ in each.objectives]
    objectives = np.array([objective for each in rows for objective in each.objectives])
    if len(rows) < FEWEST or not names or np.ptp(objectives) == 0:
        return None
    found = Surrogate(sweep.definition, names, values, objectives, measurements.of(rows[0].trials[0]).images)
    return None if _refuted(found.interval(rows[0].values, len(rows)), rows, sweep.definition.metric) else found


def _refuted(predicted: Interval, rows: Sequence[Configuration], metric: Metric) -> bool:
    """Whether what a model predicts of the best one says nothing, or leaves no room for its result, luck included.

    Math    high - low > half of all that the metric can be; or best beyond mean + c half, where half is the 95 %
            interval's and c widens it to a confidence of 1 - 0.05 / configurations
    """
    lowest, highest = metric.bounds
    if predicted.high - predicted.low > (highest - lowest) / 2:
        return True
    unit, gap = Unit(metric), rows[0].mean - predicted.mean
    half = predicted.high - predicted.mean if gap > 0 else predicted.mean - predicted.low
    widening = float(scipy.special.ndtri(0.025 / len(rows)) / scipy.special.ndtri(0.025))
    return unit.better(gap) and abs(gap) > widening * half


def recommendation(
    sweep: Sweep,
    entries: Sequence[Entry],
    space: RestrictedSpace,
    effects: Sequence[Effect],
    surrogate: Surrogate | None,
) -> Recommendation | None:
    """The tried configuration of which most is expected, unless an untried one is clearly better."""
    if not entries:
        return None
    unit = Unit(sweep.definition.metric)
    choice = (
        _choice(sweep, entries, space, surrogate)
        if surrogate
        else Choice(entries[0].values, interval_of_best(entries), 0)
    )
    choice = choice._replace(predicted=choice.predicted.within(*sweep.definition.metric.bounds))
    entry = None if choice.place is None else entries[choice.place]
    return Recommendation(
        choice.values,
        choice.predicted,
        entry.command if entry else sweep.command(choice.values),
        _words(entries, choice, unit, surrogate is not None),
        len(entries),
        entry.trials[0] if entry else None,
        tuple(boundary_optima(sweep.definition, choice.values, effects, space, unit)),
    )


def _choice(sweep: Sweep, entries: Sequence[Entry], space: RestrictedSpace, surrogate: Surrogate) -> Choice:
    places = np.flatnonzero(space.rows).tolist()
    best = places[int(np.argmax(surrogate.means([entries[i].values for i in places])))]
    candidates = [entries[best].values, *_untried(sweep, entries, space, surrogate)]
    mean, covariance = surrogate.expected(candidates)
    spread = np.diag(covariance) + covariance[0, 0] - 2 * covariance[0]
    clearly = mean - mean[0] > float(scipy.special.ndtri(0.975)) * np.sqrt(np.maximum(spread, 0))
    clearly[0] = True  # over itself, so that there is always one
    chosen = max(np.flatnonzero(clearly).tolist(), key=lambda i: float(mean[i]))
    return Choice(candidates[chosen], surrogate.interval(candidates[chosen], len(entries)), None if chosen else best)


def _untried(
    sweep: Sweep, entries: Sequence[Entry], space: RestrictedSpace, surrogate: Surrogate
) -> list[dict[str, Any]]:
    """The most promising of many draws: possible, not tried yet, and of tried values that are not degenerate."""
    listed = [factor.name for factor in space.factors if not isinstance(factor.levels[0], Range)]
    places = np.flatnonzero(space.rows).tolist()
    known = {name: {repr(entries[i].values[name]) for i in places} for name in listed}
    familiar = [
        values for values in draws(sweep.definition) if all(repr(values[name]) in known[name] for name in listed)
    ]
    if not familiar:
        return []
    known_keys, new = {sweep.definition.key(entry.values) for entry in entries}, []
    for i in np.argsort(-surrogate.means(familiar), kind="stable").tolist():
        key = sweep.definition.key(familiar[i])
        if key not in known_keys and sweep.definition.is_possible(familiar[i], sweep.base):
            new.append(familiar[i])
        known_keys.add(key)
        if len(new) == SHORTLIST:
            break
    return new


def draws(definition: SweepDefinition) -> list[dict[str, Any]]:
    """The same ones each time."""
    generator = np.random.default_rng(0)
    return [definition.sample(generator) for _ in range(UNTRIED)]


def interval_of_best(entries: Sequence[Entry]) -> Interval:
    """Of another run of the best one, where no other one tells of it, as the best of so many must be watched.

    The noise of both runs, its own and the other one's, is in the difference; a seed that was never changed is taken to
    matter as much as the images do.

    Math    mean -+ c half, c = sqrt(1 + n) of n seeds, 2 of one; half is widened to a confidence of 1 - 0.05 / entries
    Ref     Bonferroni; Hahn & Meeker (1991), Statistical intervals, on those for a new observation
    """
    best = entries[0].objective
    other_run = math.sqrt(1 + best.size) if entries[0].over == SEEDS else 2.0
    wider = float(scipy.special.ndtri(0.025 / len(entries)) / scipy.special.ndtri(0.025)) * other_run
    low, high = best.mean - wider * (best.mean - best.low), best.mean + wider * (best.high - best.mean)
    return best._replace(low=low, high=high)


def _words(entries: Sequence[Entry], choice: Choice, unit: Unit, surrogate: bool) -> str:
    """Why this one, what to expect of it, and how many others cannot be distinguished from it."""
    tied = sum(entry.tied for entry in entries) - 1
    expected = f"Expect {unit.expected(choice.predicted)} of another run of it"
    why = ""
    if (
        surrogate
        and choice.place is not None
        and unit.better(entries[choice.place].objective.mean - choice.predicted.mean)
    ):
        why = ", since the best of many owes something to chance"
    alone = "" if surrogate or len(entries) == 1 else " Nothing was concluded from the other configurations."
    others = f" {tied} others cannot be distinguished from the best." if tied > 1 else ""
    others = " One other cannot be distinguished from the best." if tied == 1 else others
    return f"{_reason(entries, choice.place, unit)} {expected}{why}.{alone}{others}"


def _reason(entries: Sequence[Entry], place: int | None, unit: Unit) -> str:
    best, count = unit.level(entries[0].objective.mean), len(entries)
    if place is None:
        return (
            f"No run has tried it, but by what similar ones reached it is clearly better than the best tried ({best})."
        )
    if count == 1:
        return f"It is the only configuration that was tried, with {best}."
    if place == 0:
        return f"It has the best {unit.metric.name.replace('_', ' ')} of {count} configurations, {best}."
    own = unit.level(entries[place].objective.mean)
    first = f"the first one's {best} owes more to chance, as configurations like it did less well"
    return f"With {own} it is number {entries[place].rank} of {count}; {first}."


def analyse(sweep: Sweep, trials: Sequence[Trial]) -> Analysis:
    """What a report of the sweep says, from the trials alone; the order in which they are given does not matter."""
    trials = sorted(trials, key=lambda trial: trial.number)
    ranked, measurements = configurations(sweep, trials), Measurements(sweep)
    values = [each.values for each in ranked]
    found = factors(sweep.definition, values)
    space = restrict(found, ranked, 1 if sweep.definition.metric.goal == "maximize" else -1)
    surrogate = fit_surrogate(sweep, space, ranked, measurements)
    noise = [surrogate.noise(each.mean) for each in ranked] if surrogate else []
    entries = leaderboard(sweep, ranked, measurements, noise)
    failed = failures(trials, measurements)
    groups = failure_groups(sweep, trials, failed)
    found_effects, course = effects(space), timeline(sweep, trials)
    adaptive = sweep.settings.method not in UNMOVED
    whole = importances(found, values, space.y, sweep.definition)
    rest = [values[i] for i in np.flatnonzero(space.rows).tolist()]
    return Analysis(
        metric=sweep.definition.metric,
        states=dict(sorted(Counter(trial.state for trial in trials).items())),
        entries=entries,
        timeline=course,
        importances=whole,
        restricted_importances=importances(factors(sweep.definition, rest), rest, space.y[space.rows], sweep.definition)
        if space.degenerate
        else whole,
        correlations=correlations(found, values, space.y),
        effects=found_effects,
        degenerate_levels=tuple((found[i].name, found[i].levels[level]) for i, level in space.degenerate),
        observations=observations(sweep.definition.metric, found_effects, groups, course if adaptive else None),
        failures=failed,
        failure_groups=groups,
        recommendation=recommendation(sweep, entries, space, found_effects, surrogate),
        notes=tuple(notes(sweep, trials, ranked, space, failed)),
    )
