"""Configurations of a space that can be counted, in the order of how well their values have done."""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.trial import Trial

NEAREST = 6  # values of a long list that are considered, on either side of the one proposed


def favourites(
    definition: SweepDefinition, values: dict[str, Any], trials: Sequence[Trial]
) -> Iterator[dict[str, Any]]:
    """Every configuration around `values` once, those first whose values have done best so far.

    A value counts for the mean rank of its trials, from 0 for the best to 1 for the worst, and a configuration for the
    sum over its parameters. Parameters without end of values stay as they are in `values`.
    """
    ranks = _ranks(definition, trials)
    ladders = [
        sorted(
            (_standing(ranks[name, str(each)]), place, each) for place, each in enumerate(_around(definition, name, v))
        )
        for name, v in values.items()
    ]
    for steps in _by_sum([[standing for standing, _, _ in ladder] for ladder in ladders]):
        yield {name: ladder[step][2] for name, ladder, step in zip(values, ladders, steps, strict=True)}


def _by_sum(ladders: list[list[float]]) -> Iterator[tuple[int, ...]]:
    """One place on each ascending ladder, every combination once, in the order of the sum of what stands there."""
    first = (0,) * len(ladders)
    heap, seen = [(sum(ladder[0] for ladder in ladders), first)], {first}
    while heap:
        total, places = heapq.heappop(heap)
        yield places
        for i, ladder in enumerate(ladders):
            place = places[i] + 1
            further = (*places[:i], place, *places[i + 1 :])
            if place < len(ladder) and further not in seen:
                seen.add(further)
                heapq.heappush(heap, (total + ladder[place] - ladder[place - 1], further))


def _ranks(definition: SweepDefinition, trials: Sequence[Trial]) -> dict[tuple[str, str], list[float]]:
    """The ranks of the trials that have a value, by parameter and value."""
    objective = definition.metric.objective
    rated = sorted((trial for trial in trials if trial.rated), key=lambda trial: objective(trial.objective or 0.0))
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for rank, trial in enumerate(rated):
        for name, value in trial.values.items():
            found[name, str(value)].append(rank / max(1, len(rated) - 1))
    return found


def _standing(ranks: list[float]) -> float:
    """Their mean, with one in the middle besides: little is known of a value with few trials."""
    return fmean([0.5, *ranks])


def _around(definition: SweepDefinition, name: str, value: Any) -> list[Any]:
    """The values of a parameter, of a long list those near this one; only this one where there is no end to them."""
    if definition.parameters[name].size is None:
        return [value]
    every = definition.grid(name)
    place = every.index(value)
    return every[max(0, place - NEAREST) : place + 1 + NEAREST]
