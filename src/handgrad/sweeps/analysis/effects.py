"""What each value of each parameter changes, all others being equal."""

from collections.abc import Iterator

import numpy as np

from handgrad.evaluation import holm
from handgrad.sweeps.analysis.additive import Additive
from handgrad.sweeps.analysis.interplay import interplays
from handgrad.sweeps.analysis.result import Effect
from handgrad.sweeps.analysis.ruined import of_ruins
from handgrad.sweeps.analysis.zoom import Zoom


def effects(seen: Zoom) -> tuple[Effect, ...]:
    """Of ruinous values, of all others against their parameter's most frequent one, of scales, of pairs.

    The p-values are corrected for all of them together, those of pairs for all pairs that there are.
    """
    found = [*of_ruins(seen), *_of_models(seen)]
    corrected = holm([effect.p for effect in found])
    return (*(effect._replace(p=p) for effect, p in zip(found, corrected, strict=True)), *_of_pairs(seen))


def _of_models(seen: Zoom) -> Iterator[Effect]:
    for model in seen.models:
        for index, factor in enumerate(model.factors):
            yield from _of_levels(seen, model, index)
            if len(factor.levels) > 2:
                slope = model.slope(index)
                if slope:
                    difference = slope.difference._replace(size=len(model.y))
                    n, best = len(model.y), seen.sign * float(np.max(seen.sign * model.y))
                    yield Effect(factor.name, None, None, difference, slope.p, n, best, factor.per)


def _of_levels(seen: Zoom, model: Additive, index: int) -> Iterator[Effect]:
    factor, reference = model.factors[index], model.reference(index)
    for level, value in enumerate(factor.levels):
        found = model.difference(index, level) if level != reference else None
        if found:
            mask = factor.codes == level
            n, best = int(mask.sum()), seen.sign * float(np.max(seen.sign * model.y[mask]))
            difference = found.difference._replace(size=n)
            yield Effect(factor.name, value, factor.levels[reference], difference, found.p, n, best)


def _of_pairs(seen: Zoom) -> Iterator[Effect]:
    for model in seen.models:
        for cell, (difference, p) in interplays(model):
            mask, first, second = model.inside(cell), model.factors[cell.first], model.factors[cell.second]
            n, best = int(mask.sum()), seen.sign * float(np.max(seen.sign * model.y[mask]))
            where = ((second.name, second.levels[cell.second_level]),)
            value = first.levels[cell.first_level]
            yield Effect(first.name, value, None, difference._replace(size=n), p, n, best, "", where)
