"""The figures of a sweep as plain numbers, made from its trials and its analysis."""

from typing import Any

import numpy as np

from handgrad.config import kind_of
from handgrad.figures.kind import DoesNotApplyError
from handgrad.figures.numbers.course import Course, regression_band
from handgrad.figures.numbers.forest import Branch, Forest
from handgrad.figures.numbers.search import Column, Parallel, Scale, Searched, Slices, rows_to_draw
from handgrad.reports.blocks import spelled
from handgrad.reports.sweep.data import SweepData
from handgrad.sweeps.space import Distribution
from handgrad.sweeps.trial import STOPPED, Trial

FEW = 8  # values of a range of whole numbers, or of steps, that are still listed one by one
MOST_LINES = 300  # of the parallel coordinates that are drawn
MOST_BRANCHES = 36  # of a forest


def searched(data: SweepData, backwards: bool = False) -> Searched:
    """The rated trials on the scales of their parameters, the most important first, or last where `backwards`."""
    trials, measure = data.rated, data.measure
    names = data.parameters[::-1] if backwards else data.parameters
    return Searched(
        measure,
        np.array([trial.number for trial in trials]),
        np.array([measure.factor * data.told(trial) for trial in trials]),
        np.array([trial.state == STOPPED for trial in trials]),
        tuple(column(name, data.sweep.definition.varying[name], trials) for name in names),
    )


def parallel(data: SweepData) -> Parallel:
    """Every trial as a line; of very many a choice."""
    found = searched(data, backwards=True)
    return Parallel(found, rows_to_draw(found, MOST_LINES))


def slices(data: SweepData) -> Slices:
    """The result against each parameter."""
    return Slices(searched(data))


def column(name: str, distribution: Distribution, trials: list[Trial]) -> Column:
    """A parameter's values, listed where they are few, else on a scale of numbers."""
    values = [trial.values[name] for trial in trials]
    axis = distribution.axis
    if axis.kind == "categorical" or (distribution.size or FEW + 1) <= FEW:
        listed = _ordered([kind_of(name)(value) for value in distribution.grid()])
        places = [listed.index(value) for value in values]
        return Column(Scale(name, tuple(map(spelled, listed))), np.array(places, dtype=float))
    low, high = min([axis.low, *values]), max([axis.high, *values])
    return Column(Scale(name, (), float(low), float(high), axis.log and low > 0), np.array(values, dtype=float))


def course(data: SweepData) -> Course:
    """Results against creation time.  Raises  DoesNotApplyError without a result."""
    timeline, factor = data.analysis.timeline, data.measure.factor
    if timeline is None:
        raise DoesNotApplyError("no trial has a result")
    points, running = np.array(timeline.points), np.array(timeline.running_best)
    seconds, objectives, numbers = points[:, 0], factor * points[:, 1], points[:, 2].astype(int)
    states = {trial.number: trial.state for trial in data.trials}
    start = min(trial.began for trial in data.trials)
    mean, low, high = _interval(timeline.slope, factor)
    return Course(
        data.measure,
        numbers,
        seconds,
        objectives,
        np.array([states[number] == STOPPED for number in numbers.tolist()]),
        np.array([trial.began - start for trial in data.failed]),
        running[:, 0],
        factor * running[:, 1],
        regression_band(seconds, objectives, mean / 3600, factor * timeline.intercept),
        timeline.slope._replace(mean=mean, low=low, high=high),
        timeline.p,
    )


def importance(data: SweepData) -> Forest:
    """The share of the variance that each parameter explains."""
    found = sorted(data.analysis.importances, key=lambda each: -each.share.mean)
    rows = tuple(Branch("", each.name.replace("_", " "), *_interval(each.share, 100), None, 0) for each in found)
    title = f"Importance of each parameter (fANOVA): {len(data.analysis.entries):,} configurations"
    caption = (
        f"Share of the variance of {data.measure.name} over the whole space that each parameter explains by itself, "
        "from a forest of regression trees; the rest is due to combinations of parameters. A parameter with a "
        "degenerate level is important: it says little of how to choose among the others."
    )
    return Forest(title, "variance explained (%)", rows, caption)


def correlations(data: SweepData) -> Forest:
    """Of each parameter of numbers, and of each listed value, with the objective."""
    found = data.by_importance(data.analysis.correlations)
    kept = sorted(found, key=lambda each: -abs(each.coefficient.mean))[:MOST_BRANCHES]
    rows = tuple(
        Branch(
            _title(each.name), _valued(each.value), *_interval(each.coefficient, 1), _beyond(each.coefficient), each.n
        )
        for each in found
        if each in kept
    )
    title = f"Correlation with {data.measure.name}: {len(data.analysis.entries):,} configurations"
    caption = (
        "Parameters of numbers: rank correlation (Spearman's). Single values: correlation of having it with the "
        f"result{_less(len(found), len(rows))}. Not adjusted for the other "
        "parameters, nor for how many there are: the effects below are."
    )
    return Forest(title, f"correlation with {data.measure.name}", rows, caption, len(found) - len(rows))


def effects(data: SweepData) -> Forest:
    """What each value changes, the others being equal."""
    found, factor = data.by_importance(data.analysis.effects), data.measure.factor
    kept = sorted(found, key=lambda each: -abs(each.difference.mean))[:MOST_BRANCHES]
    references = {each.name: _title(each.name) for each in found}
    references |= {
        each.name: f"{_title(each.name)}, against {spelled(each.reference)}"
        for each in found
        if not each.per and not each.where
    }
    rows = tuple(
        Branch(references[each.name], _changed(each), *_interval(each.difference, factor), each.clear, each.n)
        for each in found
        if each in kept
    )
    unit = "points" if data.measure.unit == "%" else "difference"
    title = f"What each value changes, the others being equal: {len(data.analysis.entries):,} configurations"
    caption = (
        f"Difference of {data.measure.name} against the value in bold, adjusted for all other parameters"
        f"{_less(len(found), len(rows))}. Beyond chance: p below 0.05 after Holm's correction for all of them together."
    )
    return Forest(title, f"difference of {data.measure.name} ({unit})", rows, caption, len(found) - len(rows))


def _ordered(values: list[Any]) -> list[Any]:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return sorted(values) if numbers else values


def _interval(interval: Any, factor: float) -> tuple[float, float, float]:
    return factor * interval.mean, factor * interval.low, factor * interval.high


def _beyond(interval: Any) -> bool:
    return bool(interval.low > 0 or interval.high < 0)


def _valued(value: Any) -> str:
    return "higher (rank)" if value is None else spelled(value)


def _title(name: str) -> str:
    return name.replace("_", " ")


def _changed(effect: Any) -> str:
    where = " and ".join(f"{_title(name)} {spelled(value)}" for name, value in effect.where)
    changed = f"each {effect.per}" if effect.per else spelled(effect.value)
    return f"{changed}, with {where}" if where else changed


def _less(count: int, shown: int) -> str:
    return f"; the {shown} largest of {count}" if shown < count else ""
