"""What a sweep has shown, in sentences."""

from collections.abc import Iterator, Sequence

from handgrad.sweeps.analysis.phrases import COUNTED, Unit, called, listed, phrase, plural, value
from handgrad.sweeps.analysis.result import CLEAR, Effect, FailureGroup, Observation, Range, Timeline
from handgrad.sweeps.metric import Metric


def observations(
    metric: Metric, effects: Sequence[Effect], groups: Sequence[FailureGroup], course: Timeline | None
) -> tuple[Observation, ...]:
    """What ruins, then what is clear, the largest first, then what fails, how the search went, what is not clear."""
    unit = Unit(metric)
    of_values = [effect for effect in effects if not (effect.ruins or effect.where)]
    by_name: dict[str, list[Effect]] = {}
    for effect in of_values:
        by_name.setdefault(effect.name, []).append(effect)
    told = [observation for several in by_name.values() for observation in _of_parameter(several, unit)]
    clear = [each for each in told if each.clear] + [_of_pair(e, unit) for e in effects if e.where and e.clear]
    clear.sort(key=lambda each: -abs(each.effect.difference.mean) if each.effect else 0.0)
    ruins = [_of_ruin(effect, unit) for effect in effects if effect.ruins]
    failed = [_of_group(group) for group in groups]
    return (*ruins, *clear, *failed, *_of_course(course, unit), *(each for each in told if not each.clear))


def _of_ruin(effect: Effect, unit: Unit) -> Observation:
    verb = unit.verb(effect.difference.mean, plural(effect.name, effect.value))
    words = f"{phrase(effect.name, effect.value)} {verb} {unit.size(effect.difference)} {_against(effect)}"
    words += f"; none of the {effect.n} configurations with it {unit.bound(effect.best)}"
    return _sentence(words, effect)


def _of_parameter(several: Sequence[Effect], unit: Unit) -> Iterator[Observation]:
    """A slope tells it all where it is clear and every level lies along it; else each level is told."""
    levels, slopes = [e for e in several if not e.per], [e for e in several if e.per and e.clear]
    if slopes and _along(levels, slopes[0]):
        yield _of_slope(slopes[0], levels, unit)
        return
    yield from (_of_level(effect, unit) for effect in levels if effect.clear)
    yield from _unclear([effect for effect in levels if not effect.clear], unit)


def _of_level(effect: Effect, unit: Unit) -> Observation:
    verb = unit.verb(effect.difference.mean, plural(effect.name, effect.value))
    subject = phrase(effect.name, effect.value)
    return _sentence(f"{subject} {verb} {unit.size(effect.difference)} {_against(effect)}", effect)


def _of_slope(slope: Effect, levels: Sequence[Effect], unit: Unit) -> Observation:
    name = called(slope.name)
    if slope.per in ("doubling", "tenfold"):
        subject = f"each {'doubling' if slope.per == 'doubling' else 'tenfold increase'} of the {name}"
    elif slope.name in COUNTED:
        subject = f"each further {COUNTED[slope.name][0]}"
    else:
        subject = f"each {slope.per} more of {name}"
    ends = sorted(_ends(effect) for effect in levels)
    between = f" between {value(min(low for low, _ in ends))} and {value(max(high for _, high in ends))}"
    return _sentence(f"{subject} {unit.verb(slope.difference.mean)} {unit.size(slope.difference)},{between}", slope)


def _of_pair(effect: Effect, unit: Unit) -> Observation:
    subject, where = phrase(effect.name, effect.value), " and ".join(phrase(*each) for each in effect.where)
    verb = unit.verb(effect.difference.mean, plural(effect.name, effect.value))
    words = f"{subject} together with {where} {verb} {unit.size(effect.difference)} beyond what each of them does"
    return _sentence(words, effect)


def _unclear(several: Sequence[Effect], unit: Unit) -> Iterator[Observation]:
    """Those that stand out by themselves, but not among so many; then all others of the parameter in one sentence."""
    rest = []
    for effect in several:
        low, high = sorted((effect.difference.low, effect.difference.high))
        if low <= 0 <= high:
            rest.append(effect)
        else:
            verb, subject = unit.verb(effect.difference.mean, True), phrase(effect.name, effect.value)
            words = f"{subject} may {verb} {unit.size(effect.difference)} {_against(effect)}"
            yield _sentence(f"{words}, but among so many comparisons that can be chance", effect)
    if rest:
        largest = max(rest, key=lambda effect: abs(effect.difference.mean))
        how = f"({unit.size(largest.difference)}{' at most' if len(rest) > 1 else ''})"
        names = [phrase(largest.name, effect.value) for effect in rest]
        reference = phrase(largest.name, largest.reference)
        if len(rest) == 1:
            yield _sentence(f"{names[0]} and {reference} cannot be told apart {how}", largest)
        else:
            yield _sentence(f"{listed(names)} cannot be told apart from {reference} {how}", largest)


def _of_group(group: FailureGroup) -> Observation:
    which = phrase(group.name, group.value)
    words = (
        f"{group.failed} of the {group.of} configurations with {which} failed or only guessed, more than of the others"
    )
    return Observation(f"{words}.", True)


def _of_course(course: Timeline | None, unit: Unit) -> Iterator[Observation]:
    """How much the line rises or falls from the first trial to the last; nothing where it may be level."""
    if course is None or not course.p < CLEAR:
        return
    hours = (course.points[-1][0] - course.points[0][0]) / 3600
    change = course.slope._replace(
        mean=course.slope.mean * hours, low=course.slope.low * hours, high=course.slope.high * hours
    )
    better = "better" if unit.better(change.mean) else "worse"
    words = f"from the first trial to the last, the search got {better} by {unit.size(change)} on average"
    yield Observation(f"{_capital(words)}.", True)


def _along(levels: Sequence[Effect], slope: Effect) -> bool:
    """Whether the levels, in their order, go the slope's way all along."""
    if not levels:
        return False
    ordered = sorted([*((_ends(e)[0], e.difference.mean) for e in levels), (_low(levels[0].reference), 0.0)])
    means = [mean * (1 if slope.difference.mean > 0 else -1) for _, mean in ordered]
    return means == sorted(means)


def _ends(effect: Effect) -> tuple[float, float]:
    return effect.value if isinstance(effect.value, Range) else (effect.value, effect.value)


def _low(level: float | Range) -> float:
    return level.low if isinstance(level, Range) else level


def _against(effect: Effect) -> str:
    return f"against {phrase(effect.name, effect.reference)}"


def _sentence(words: str, effect: Effect) -> Observation:
    return Observation(f"{_capital(words)}.", effect.clear, effect)


def _capital(words: str) -> str:
    """Names of values stay as they are written: an optimizer is called sgd, not Sgd."""
    return words
