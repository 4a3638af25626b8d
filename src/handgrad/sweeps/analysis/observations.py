"""What a sweep has shown, in sentences."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from handgrad.evaluation import Interval
from handgrad.sweeps.analysis.phrases import (
    COUNTED,
    Unit,
    called,
    capital,
    phrase,
    phrases,
    plural,
    short,
    value,
)
from handgrad.sweeps.analysis.result import CLEAR, Effect, FailureGroup, Observation, Range, Timeline
from handgrad.sweeps.metric import Metric

STRAIGHT = 0.95  # the share of the levels' variance that a line must explain to stand for all of them


def observations(
    metric: Metric, effects: Sequence[Effect], groups: Sequence[FailureGroup], course: Timeline | None
) -> tuple[Observation, ...]:
    """What ruins, then what is clear, the largest first, then what fails, how the search went, what is not clear."""
    unit = Unit(metric)
    by_name: dict[str, list[Effect]] = {}
    for effect in effects:
        if not (effect.ruins or effect.where):
            by_name.setdefault(effect.name, []).append(effect)
    told = [observation for several in by_name.values() for observation in _of_parameter(several, unit)]
    ruins = [_of_ruin(effect, unit) for effect in effects if effect.ruins]
    clear = [each for each in told if each.clear] + [_of_pair(e, unit) for e in effects if e.where and e.clear]
    clear.sort(key=lambda each: -abs(each.effect.difference.mean) if each.effect else 0.0)
    failed, unclear = [_of_group(group) for group in groups], [each for each in told if not each.clear]
    return (*ruins, *clear, *failed, *_of_course(course, unit), *unclear)


def _of_ruin(effect: Effect, unit: Unit) -> Observation:
    bound = f"none of the {effect.n} configurations with it {unit.bound(effect.best)}"
    return _observation(f"{_compared(effect, unit)}; {bound}", effect)


def _of_parameter(several: Sequence[Effect], unit: Unit) -> Iterator[Observation]:
    """A clear slope tells it all where the levels lie along it; else each level is told."""
    levels, slopes = [e for e in several if not e.per], [e for e in several if e.per and e.clear]
    if slopes and _straight(levels, slopes[0]):
        yield _of_slope(slopes[0], levels, unit)
        return
    yield from (_observation(_compared(effect, unit), effect) for effect in levels if effect.clear)
    yield from _unclear([effect for effect in levels if not effect.clear], unit)


def _compared(effect: Effect, unit: Unit) -> str:
    """The subject, what it gains or costs, and against what: "sgd costs 8 ± 2 points against adam"."""
    verb = unit.verb(effect.difference.mean, plural(effect.name, effect.value))
    against = short(effect.name, effect.reference)
    return f"{phrase(effect.name, effect.value)} {verb} {unit.size(effect.difference)} against {against}"


def _of_slope(slope: Effect, levels: Sequence[Effect], unit: Unit) -> Observation:
    name = called(slope.name)
    if slope.per in ("doubling", "tenfold"):
        subject = f"each {'doubling' if slope.per == 'doubling' else 'tenfold increase'} of the {name}"
    elif slope.name in COUNTED:
        subject = f"each further {COUNTED[slope.name][0]}"
    else:
        subject = f"each {slope.per} more of {name}"
    values = [*(effect.value for effect in levels), levels[0].reference]
    low, high = min(_ends(each)[0] for each in values), max(_ends(each)[1] for each in values)
    verb, size = unit.verb(slope.difference.mean), unit.size(slope.difference)
    return _observation(f"{subject} between {value(low)} and {value(high)} {verb} {size}", slope)


def _of_pair(effect: Effect, unit: Unit) -> Observation:
    subject, where = phrase(effect.name, effect.value), " and ".join(phrase(*each) for each in effect.where)
    verb = unit.verb(effect.difference.mean, plural(effect.name, effect.value))
    words = f"{subject} with {where} {verb} another {unit.size(effect.difference)}, beyond what each of the two does"
    return _observation(words, effect)


def _unclear(several: Sequence[Effect], unit: Unit) -> Iterator[Observation]:
    """Those that stand out by themselves, but not among so many; then all others of the parameter in one sentence."""
    rest = []
    for effect in several:
        if effect.difference.low <= 0 <= effect.difference.high:
            rest.append(effect)
        else:
            verb, subject = unit.verb(effect.difference.mean, True), phrase(effect.name, effect.value)
            words = (
                f"{subject} may {verb} {unit.size(effect.difference)} against {short(effect.name, effect.reference)}"
            )
            yield _observation(f"{words}, but among so many comparisons that can be chance", effect)
    if not rest:
        return
    largest = max(rest, key=lambda effect: abs(effect.difference.mean))
    size, name, values = unit.size(largest.difference), largest.name, [effect.value for effect in rest]
    if len(rest) == 1:
        yield _observation(f"{phrases(name, [*values, largest.reference])} cannot be told apart ({size})", largest)
    else:
        reference = short(name, largest.reference)
        yield _observation(f"{phrases(name, values)} cannot be told apart from {reference} (at most {size})", largest)


def _of_group(group: FailureGroup) -> Observation:
    which = phrase(group.name, group.value)
    words = f"{_some(group.failed, group.of)} configurations with {which} failed or did no better than guessing"
    return Observation(f"{capital(words)}, and {_some(group.failed_others, group.others)} others.", True)


def _some(count: int, of: int) -> str:
    """How many of so many: "none of the 4", "3 of the 4", "all 4"."""
    if count == of > 1:
        return f"all {of}"
    return f"{count or 'none'} of the {of}"


def _of_course(course: Timeline | None, unit: Unit) -> Iterator[Observation]:
    """How much the line rises or falls from the first trial to the last; nothing where it may be level."""
    if course is None or not course.p < CLEAR:
        return
    hours = (course.points[-1][0] - course.points[0][0]) / 3600
    mean, low, high = (hours * each for each in course.slope[:3])
    change = Interval(mean, low, high, course.slope.size)
    better = "better" if unit.better(change.mean) else "worse"
    yield Observation(f"From the first trial to the last, results got {better} by {unit.size(change)}.", True)


def _straight(levels: Sequence[Effect], slope: Effect) -> bool:
    """Whether a line through the levels explains nearly all of their differences."""
    if len(levels) < 2:
        return False
    points = [(each.value, each.difference.mean) for each in levels] + [(levels[0].reference, 0.0)]
    places = [_place(level, slope.per) for level, _ in points]
    return float(np.corrcoef(places, [mean for _, mean in points])[0, 1]) ** 2 > STRAIGHT


def _place(level: float | Range, per: str) -> float:
    low, high = _ends(level)
    return math.log(low) + math.log(high) if per in ("doubling", "tenfold") else low + high


def _ends(level: float | Range) -> tuple[float, float]:
    return level if isinstance(level, Range) else (level, level)


def _observation(words: str, effect: Effect) -> Observation:
    bare = "" if effect.per or not isinstance(effect.value, str) else effect.name
    return Observation(f"{capital(words, bare)}.", effect.clear, effect)
