"""What a sweep has shown, in words: names and numbers, observations, and notes on what was left out."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from handgrad.evaluation import Interval
from handgrad.sweeps.analysis.effects import SAME, RestrictedSpace
from handgrad.sweeps.analysis.importance import FEWEST_IMPORTANCES
from handgrad.sweeps.analysis.leaderboard import Configuration
from handgrad.sweeps.analysis.model import FEWEST, SPARE
from handgrad.sweeps.analysis.result import CLEAR, Effect, Failure, FailureGroup, Observation, Range, Timeline
from handgrad.sweeps.definition import Metric
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.programs.trial_folder import ignores_arguments
from handgrad.sweeps.store import STOPPED, Trial

BARE = ("optimizer", "activation", "dataset", "model")  # whose values say enough by themselves
COUNTED = {"epochs": ("epoch", "epochs"), "num_layers": ("hidden layer", "hidden layers")}
STRAIGHT = 0.95  # the share of the levels' variance that a line must explain to stand for all of them
UNMOVED = ("grid", "random", "design")  # searches that look at no result


def called(name: str) -> str:
    """A parameter: "learning rate", "number of epochs"."""
    return f"number of {COUNTED[name][1]}" if name in COUNTED else name.replace("_", " ")


def value(of: Any) -> str:
    """A value of one: "0.0005", "[64, 32]", "0.001 to 0.01"."""
    if isinstance(of, Range):
        return str(of)
    if isinstance(of, list | tuple):
        return value(of[0]) if len(of) == 1 else f"[{', '.join(value(item) for item in of)}]"
    return f"{of:.3g}" if isinstance(of, float) else str(of)


def phrase(name: str, of: Any) -> str:
    """Both: "weight decay 0.5", "relu", "10 epochs", "no batch norm"."""
    if isinstance(of, bool):
        return called(name) if of else f"no {called(name)}"
    if name in COUNTED and isinstance(of, int):
        return f"{of} {COUNTED[name][of != 1]}"
    return value(of) if name in BARE else f"{called(name)} {value(of)}"


def phrases(name: str, several: list[Any]) -> str:
    """Several values of one: "weight decay 0 and 0.0005", "5 and 10 epochs", "tanh and relu"."""
    if any(isinstance(of, bool) for of in several):
        return listed([phrase(name, of) for of in several])
    words = listed([value(of) for of in several])
    if name in COUNTED:
        return f"{words} {COUNTED[name][several != [1]]}"
    return words if name in BARE else f"{called(name)} {words}"


def short(name: str, of: Any) -> str:
    """A value beside another one of the same parameter, which says the parameter's name."""
    return phrase(name, of) if isinstance(of, bool) else value(of)


def capital(words: str, name: str = "") -> str:
    """A sentence's beginning; names of values stay as they are written: an optimizer is called sgd, not Sgd."""
    return words if name in BARE else words[0].upper() + words[1:]


def plural(name: str, of: Any) -> bool:
    """Whether its verb is."""
    return name in COUNTED and of != 1


def listed(words: list[str]) -> str:
    """Words with commas and an "and"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


class Unit:
    """How numbers of a metric are written: accuracies in points of a hundred, others as they are."""

    def __init__(self, metric: Metric) -> None:
        self.share = metric.share
        self.sign = 1 if metric.goal == "maximize" else -1
        self.metric = metric

    def level(self, objective: float, half: float = math.nan) -> str:
        """An objective: "89.64 %", "0.3251"; with as many digits as its uncertainty `half` leaves it."""
        off = " off the target" if self.metric.goal == "target" else ""
        if not self.share:
            return f"{objective:.{_digits(half)}f}{off}" if half > 0 else f"{objective:.4g}{off}"
        return f"{100 * objective:.{_digits(100 * half) if half > 0 else 2}f} %{off}"

    def size(self, difference: Interval) -> str:
        """A difference without its sign: "1.2 ± 0.3 points"."""
        factor = 100 if self.share else 1
        mean, half = factor * abs(difference.mean), factor * (difference.high - difference.low) / 2
        digits = _digits(half)
        return f"{mean:.{digits}f} ± {half:.{digits}f}{' points' if self.share else ''}"

    def expected(self, level: Interval) -> str:
        """An objective with its interval: "89.6 % (88.9 to 90.2)"."""
        half = (level.high - level.low) / 2
        if math.isnan(half):
            return self.level(level.mean)
        factor = 100 if self.share else 1
        digits = _digits(factor * half)
        ends = f"{factor * level.low:.{digits}f} to {factor * level.high:.{digits}f}"
        return f"{self.level(level.mean, half)} ({ends})"

    def better(self, difference: float) -> bool:
        """Whether so much more of the objective is a gain."""
        return self.sign * difference > 0

    def verb(self, difference: float, many: bool = False) -> str:
        word = "gain" if self.better(difference) else "cost"
        return word if many else f"{word}s"

    def bound(self, best: float) -> str:
        """What the best of several is to all of them."""
        if self.metric.goal == "target":
            return f"is less than {self.level(best)}"
        return f"{'exceeds' if self.sign > 0 else 'gets below'} {self.level(best)}"


def _digits(half: float) -> int:
    """Decimals that show the first digit of `half`, or the first two where that is below 3.

    A half of 0.26 is written as 0.26, one of 0.43 as 0.4.
    """
    if not half > 0 or math.isinf(half):
        return 1
    exponent = math.floor(math.log10(half))
    leading = round(half / 10.0**exponent, 6)
    return max(0, -exponent + (leading < 3))


def observations(
    metric: Metric, effects: Sequence[Effect], groups: Sequence[FailureGroup], course: Timeline | None
) -> tuple[Observation, ...]:
    """Degenerate levels, clear effects, the largest first, what fails, how the search went, unclear effects."""
    unit = Unit(metric)
    by_name: dict[str, list[Effect]] = {}
    for effect in effects:
        if not (effect.degenerate or effect.where):
            by_name.setdefault(effect.name, []).append(effect)
    compared = [observation for several in by_name.values() for observation in _of_parameter(several, unit)]
    degenerate = [_degenerate(effect, unit) for effect in effects if effect.degenerate]
    clear = [each for each in compared if each.clear] + [_of_pair(e, unit) for e in effects if e.where and e.clear]
    clear.sort(key=lambda each: -abs(each.effect.difference.mean) if each.effect else 0.0)
    failed, unclear = [_of_group(group) for group in groups], [each for each in compared if not each.clear]
    return (*degenerate, *clear, *failed, *_of_course(course, unit), *unclear)


def _degenerate(effect: Effect, unit: Unit) -> Observation:
    bound = f"none of the {effect.n} configurations with it {unit.bound(effect.best)}"
    return _observation(f"{_compared(effect, unit)}; {bound}", effect)


def _of_parameter(several: Sequence[Effect], unit: Unit) -> Iterator[Observation]:
    """A clear slope alone where the levels lie along it; else each level."""
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
        yield _observation(f"{phrases(name, [*values, largest.reference])} cannot be distinguished ({size})", largest)
    else:
        reference = short(name, largest.reference)
        yield _observation(
            f"{phrases(name, values)} cannot be distinguished from {reference} (at most {size})", largest
        )


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


def notes(
    sweep: Sweep,
    trials: Sequence[Trial],
    ranked: Sequence[Configuration],
    space: RestrictedSpace,
    failed: Sequence[Failure],
) -> Iterator[str]:
    """A sentence each."""
    if not ranked:
        yield "No trial has an objective yet."
        return
    if space.degenerate:
        pairs = listed([phrase(space.factors[i].name, space.factors[i].levels[level]) for i, level in space.degenerate])
        yield (
            f"Effects are those among the {int(space.rows.sum()):,} of {len(ranked):,} configurations without {pairs}, "
            "beside which all other differences would look like none."
        )
    yield from _few(space, ranked)
    stopped = sum(trial.state == STOPPED for trial in trials)
    if stopped:
        yield (
            f"{stopped:,} trials were stopped early and count with what they had reached, so that what made them slow "
            "looks worse than at the end of a training."
        )
    if sweep.definition.program and (equal := ignores_arguments(sweep.definition, trials)):
        yield f"{equal[0].upper()}{equal[1:]}"
    lost = sum(not failure.trial.rated for failure in failed)
    if lost:
        yield f"{lost:,} trials have no objective and count only among the failures."
    if sweep.settings.method not in UNMOVED:
        yield (
            "The search went where results were good, so parameters did not vary independently: effects "
            f"{'are adjusted for each other, correlations are not' if space.adjusted else 'and correlations mix them'}."
        )
    if all(len(each.trials) == 1 for each in ranked):
        yield "Each configuration was run with one seed: how much the seed changes is not known. Give --seeds 3."


def _few(space: RestrictedSpace, ranked: Sequence[Configuration]) -> Iterator[str]:
    rare = int(space.rows.sum()) - max((len(model.y) for model in space.models), default=0)
    if space.models and rare:
        yield f"{rare:,} configurations have a value that fewer than {FEWEST} have, and count for no effect."
    if len(ranked) < FEWEST_IMPORTANCES:
        yield f"Too few configurations for importances: there are {len(ranked):,}, and {FEWEST_IMPORTANCES} are needed."
    if len(ranked) > 1 and not space.models and np.ptp(space.y[space.rows]) <= SAME:
        yield "All configurations reached the same, so no parameter had an effect."
    elif not space.models:
        yield f"Too few configurations for effects: each value needs {FEWEST}, and all of them at least {SPARE} more."
    elif not space.adjusted:
        yield (
            "There are too few configurations to take the parameters apart: each effect is that of its parameter "
            "alone, and may be due to others."
        )
