"""Values at the edge of what was searched, beyond which there may be better ones."""

from collections.abc import Iterator, Sequence
from typing import Any

from handgrad.sweeps.analysis.factors import Factor, is_number, positions
from handgrad.sweeps.analysis.phrases import Unit, called, value
from handgrad.sweeps.analysis.result import Effect, Range
from handgrad.sweeps.analysis.zoom import Zoom
from handgrad.sweeps.definition import SweepDefinition

NEAR = 0.1  # of the scale that was searched


def edges(
    definition: SweepDefinition, values: dict[str, Any], effects: Sequence[Effect], seen: Zoom, unit: Unit
) -> Iterator[str]:
    """A sentence for each number of the configuration at an end of what was tried, if that is clearly better."""
    for factor in seen.factors:
        chosen, own = values[factor.name], [e for e in effects if e.name == factor.name and not e.where]
        if not (is_number(factor.levels[0]) or isinstance(factor.levels[0], Range)):
            continue
        lower, upper = _at_ends(definition, factor, chosen)
        if upper and _leads_to(factor, chosen, own, unit):
            yield _sentence(factor, chosen, "upper end", "larger")
        elif lower and chosen > 0 and _leads_to(factor, chosen, own, unit):
            yield _sentence(factor, chosen, "lower end", "smaller")


def _at_ends(definition: SweepDefinition, factor: Factor, chosen: float) -> tuple[bool, bool]:
    """Whether it is the smallest or the largest that was tried, or near the ends of a range that was searched."""
    if not isinstance(factor.levels[0], Range):
        return chosen == factor.levels[0], chosen == factor.levels[-1]
    place = float(positions(definition.parameters[factor.name], [chosen])[0])
    return place <= NEAR, place >= 1 - NEAR


def _leads_to(factor: Factor, chosen: float, effects: Sequence[Effect], unit: Unit) -> bool:
    """Whether no other level is better on average, and one of them clearly worse."""
    levels = [e for e in effects if not (e.per or e.ruins)]
    own = next((e for e in levels if _has(e.value, chosen)), None)
    if own is not None:
        best = not unit.better(-own.difference.mean)
        return best and own.clear and not any(unit.better(e.difference.mean - own.difference.mean) for e in levels)
    among = any(_has(e.reference, chosen) for e in levels)
    return among and any(e.clear for e in levels) and not any(unit.better(e.difference.mean) for e in levels)


def _has(level: Any, chosen: float) -> bool:
    return level.low <= chosen <= level.high if isinstance(level, Range) else level == chosen


def _sentence(factor: Factor, chosen: float, end: str, further: str) -> str:
    return (
        f"The {called(factor.name)}, {value(chosen)}, is at the {end} of what was tried: {further} ones may be better."
    )
