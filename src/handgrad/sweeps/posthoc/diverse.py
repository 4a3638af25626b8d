"""A few configurations of a sweep that are all good and as different as can be."""

from collections.abc import Callable, Sequence
from math import ceil, log
from typing import Any, NamedTuple

from handgrad.config import RunConfig
from handgrad.config.influence import effective_differences
from handgrad.sweeps.analysis.model import is_number
from handgrad.sweeps.analysis.result import Entry
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.space import Distribution

GOOD_SHARE = 0.25  # of all configurations: with few validation images, too many cannot be told apart from the best


class Pick(NamedTuple):
    """A configuration that was picked; its `distance` from the nearest one picked before, from which `names` differ.

    The first one has no `nearest`, and distance 0.
    """

    entry: Entry
    nearest: Entry | None
    distance: float
    names: tuple[str, ...]


class Choice(NamedTuple):
    """What was picked among the `candidates` best of all configurations that were `tried`."""

    picks: tuple[Pick, ...]
    candidates: int
    tried: int


def good(entries: Sequence[Entry], count: int) -> Sequence[Entry]:
    """Those of the best quarter that cannot be told apart from the best; more, by rank, where they are too few."""
    quarter = entries[: max(count, ceil(GOOD_SHARE * len(entries)))]
    tied = [entry for entry in quarter if entry.tied]
    return tied if len(tied) >= count else quarter[:count]


def farthest_first(candidates: Sequence[Entry], count: int, apart: Callable[[Entry, Entry], float]) -> list[Entry]:
    """The first candidate, then again and again the one whose nearest picked one is farthest; of equal ones the first.

    Those that differ in nothing from one that was picked are left out, so that there may be fewer than `count`.

    Ref     Gonzalez (1985), Theoretical Computer Science 38
    """
    picked = list(candidates[:1])
    while len(picked) < count:
        farthest = max(candidates, key=lambda each: min(apart(each, other) for other in picked))
        if not min(apart(farthest, other) for other in picked):
            break
        picked.append(farthest)
    return picked


def choose(entries: Sequence[Entry], count: int, definition: SweepDefinition, base: RunConfig) -> Choice:
    """The good ones of a sweep's configurations, `farthest_first`, each with its reason."""
    space, candidates = Space(definition, base), good(entries, count)
    chosen = farthest_first(candidates, count, lambda one, other: space.distance(one.values, other.values))
    picks = [Pick(chosen[0], None, 0.0, ())]
    for place, entry in enumerate(chosen[1:], 1):
        nearest = min(chosen[:place], key=lambda other: space.distance(entry.values, other.values))
        names = tuple(space.parts(entry.values, nearest.values))
        picks.append(Pick(entry, nearest, space.distance(entry.values, nearest.values), names))
    return Choice(tuple(picks), len(candidates), len(entries))


class Space:
    """How far two configurations of a sweep are apart, from 0 to 1: a mean over the parameters that vary.

    Numbers count by their place on the parameter's scale, others by equality; a difference that changes nothing, such
    as in the momentum of two runs with adam, counts as none.

    Ref     Gower (1971), Biometrics 27
    """

    def __init__(self, definition: SweepDefinition, base: RunConfig) -> None:
        self.definition, self.base = definition, base

    def distance(self, one: dict[str, Any], other: dict[str, Any]) -> float:
        return sum(self.parts(one, other).values()) / max(1, len(self.definition.varying))

    def parts(self, one: dict[str, Any], other: dict[str, Any]) -> dict[str, float]:
        """What each parameter that differs to any effect adds, from 0 to 1."""
        configs = [self.definition.to_config(values, self.base) for values in (one, other)]
        names = effective_differences(configs[0], configs[1]).keys() & self.definition.varying
        return {name: self._part(name, one[name], other[name]) for name in self.definition.varying if name in names}

    def _part(self, name: str, one: Any, other: Any) -> float:
        first, second = (place(self.definition.varying[name], value) for value in (one, other))
        return 1.0 if first is None or second is None else abs(first - second)


def place(distribution: Distribution, value: Any) -> float | None:
    """Where on its parameter's scale a value lies, from 0 to 1; None where the values are no numbers.

    Listed numbers are evenly spaced in their order; a scale may be logarithmic, or that of the quantiles.
    """
    axis = distribution.axis
    if axis.kind == "categorical":
        numbers = sorted({choice for choice in axis.choices if is_number(choice)})
        listed = len(numbers) == len(axis.choices)
        return numbers.index(value) / (len(numbers) - 1) if listed and len(numbers) > 1 else None
    if not axis.natural:
        return distribution.probability(value)
    low, high, at = (log(x) if axis.log else x for x in (axis.low, axis.high, value))
    return (at - low) / (high - low)
