"""Values at the edge of what was searched, beyond which there may be better ones."""

from collections.abc import Sequence
from typing import Any

from handgrad.sweeps.analysis.factors import Factor, is_number
from handgrad.sweeps.analysis.phrases import Unit, called, value
from handgrad.sweeps.analysis.result import Effect, Range
from handgrad.sweeps.analysis.zoom import Zoom
from handgrad.sweeps.definition import SweepDefinition


def edges(
    definition: SweepDefinition, values: dict[str, Any], effects: Sequence[Effect], seen: Zoom, unit: Unit
) -> tuple[str, ...]:
    """A sentence for each number of the configuration that is the largest or smallest tried, and clearly the best."""
    sentences = []
    for factor in seen.factors:
        if is_number(factor.levels[0]) or isinstance(factor.levels[0], Range):
            end = _end(factor, values[factor.name])
            if end and _clearly_best(factor, values[factor.name], effects, unit):
                which, further = end
                tried = value(values[factor.name])
                name = called(factor.name)
                sentences.append(
                    f"The best {name}, {tried}, is at the {which} end of what was tried: try {further} ones."
                )
    return tuple(sentences)


def _end(factor: Factor, chosen: float) -> tuple[str, str] | None:
    if _has(factor.levels[-1], chosen):
        return "upper", "larger"
    return ("lower", "smaller") if _has(factor.levels[0], chosen) and chosen > 0 else None


def _clearly_best(factor: Factor, chosen: float, effects: Sequence[Effect], unit: Unit) -> bool:
    """Whether a clear slope leads to it, or it is clearly better than another value and no other is better than it."""
    upper = _has(factor.levels[-1], chosen)
    of_factor = [e for e in effects if e.name == factor.name and not e.where and not e.ruins]
    slopes = [e for e in of_factor if e.per and e.clear]
    if slopes:
        return unit.better(slopes[0].difference.mean) == upper
    levels = [e for e in of_factor if not e.per]
    own = next((e.difference.mean for e in levels if _has(e.value, chosen)), 0.0)
    best = all(not unit.better(e.difference.mean - own) for e in levels) and not unit.better(-own)
    against = [e for e in levels if e.clear and (_has(e.value, chosen) or _has(e.reference, chosen))]
    return best and bool(against)


def _has(level: Any, chosen: float) -> bool:
    return level.low <= chosen <= level.high if isinstance(level, Range) else level == chosen
