"""What each value of each parameter changes, all others being equal, among the configurations that can be compared."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from handgrad.evaluation import holm
from handgrad.sweeps.analysis.leaderboard import Configuration
from handgrad.sweeps.analysis.model import FEWEST, Additive, Cell, Estimate, Factor, estimate, without_rare
from handgrad.sweeps.analysis.result import Effect

Array = NDArray[Any]
DEVIATIONS = 4.0  # below the others' median: not even one in ten thousand would be by chance
SHARE_OF_SPAN = 0.25  # between the best and the worst of all, below which it is not degenerate
CHANCE = 0.01  # that so many configurations all lie so low, for any value of the sweep
MOST_CELLS = 3
STRONG = 0.01  # the largest p-value, corrected for all pairs of values, of an interaction that is worth a sentence
CANDIDATES = 6
ROUNDING = 1e-5
SAME = 1e-9  # of their size: objectives that differ by less do so by rounding


def degenerate_levels(factors: Sequence[Factor], gains: Array) -> list[tuple[int, int]]:
    """(factor, level) pairs whose best configuration is far below the others, the worst first.

    Each is found among the configurations that have none of those before it.

    Shapes  gains (n,), more is better
    """
    found: list[tuple[int, int]] = []
    rows, span = np.full(len(gains), True), float(np.ptp(gains)) if len(gains) else 0.0
    tests = sum(len(factor.levels) for factor in factors)
    while True:
        candidates = [
            (_shortfall(gains[rows & ~mask], gains[rows & mask], span, tests), (index, level))
            for index, factor in enumerate(factors)
            for level in range(len(factor.levels))
            for mask in [factor.codes == level]
        ]
        worst, pair = max(candidates, default=(0.0, (0, 0)))
        if worst <= 0:
            return found
        found.append(pair)
        rows &= factors[pair[0]].codes != pair[1]


def _shortfall(others: Array, those: Array, span: float, tests: int) -> float:
    """How far the median of the others is above the best of those; 0 where that is nothing unusual."""
    if len(those) < FEWEST or len(others) < 2 * FEWEST:
        return 0.0
    middle = float(np.median(others))
    deviation = 1.4826 * float(np.median(np.abs(others - middle)))
    gap = middle - float(those.max())
    if gap <= DEVIATIONS * deviation or gap <= SHARE_OF_SPAN * span:
        return 0.0
    k, n = len(those), len(those) + len(others)
    # That so many, drawn at random from all, are none above the best of those: C(m, k) / C(n, k), m of the n being none
    chance = float(scipy.stats.hypergeom.pmf(k, n, k + int(np.sum(others <= those.max())), k))
    return gap if chance * tests < CHANCE else 0.0


def with_interactions(model: Additive, sign: int) -> Additive:
    """The model with the strongest pairs of values besides, one by one; `sign` is 1 where more is better, else -1.

    Of two pairs that say the same (sgd does worse with 5 epochs, sgd does better with 10) the worse one is taken.
    """
    while model.enough and len(model.cells) < MOST_CELLS:
        stronger = _strongest(model, sign)
        if stronger is None:
            return model
        model = stronger
    return model


def _strongest(model: Additive, sign: int) -> Additive | None:
    cells = pairs(model)
    ranked = sorted(cells, key=lambda cell: -_strength(model, cell))[:CANDIDATES]
    tried = [replace(model, cells=(*model.cells, cell)) for cell in ranked]
    tested = [(each, found) for each in tried if each.enough and (found := each.cell())]
    strong = [(each, found) for each, found in tested if found.p * len(cells) < STRONG]
    if not strong:
        return None
    least = min(found.p for _, found in strong)
    equal = [(each, found) for each, found in strong if found.p <= least * (1 + ROUNDING)]
    return min(equal, key=lambda pair: sign * pair[1].difference.mean)[0]


def _strength(model: Additive, cell: Cell) -> float:
    """How much of the residuals' length the cell's indicator explains, beside all other columns."""
    indicator = model.inside(cell).astype(float)
    rest = indicator - model.fit.design @ (model.fit.inverse @ (model.fit.design.T @ indicator))
    length = float(np.linalg.norm(rest))
    return abs(float(rest @ model.fit.residuals)) / length if length > 1e-6 else 0.0


def pairs(model: Additive) -> list[Cell]:
    """Pairs of levels of which there are enough configurations with both, with either alone, and with neither."""
    found = []
    for first, second in combinations(range(len(model.factors)), 2):
        one, other = model.factors[first], model.factors[second]
        table = np.zeros((len(one.levels), len(other.levels)))
        np.add.at(table, (one.codes, other.codes), 1)
        for i, j in product(*map(range, table.shape)):
            corners = (table[i, j], table[i].sum() - table[i, j], table[:, j].sum() - table[i, j])
            if min(*corners, table.sum() - sum(corners)) >= FEWEST:
                found.append(Cell(first, i, second, j))
    return found


def interactions(model: Additive) -> Iterator[tuple[Cell, Estimate]]:
    """Each pair of the model with how much more it is than the sum; p is corrected for all pairs that there are."""
    for count, cell in enumerate(model.cells, 1):
        found = replace(model, cells=model.cells[:count]).cell()
        if found:
            yield cell, found._replace(p=min(1.0, found.p * len(pairs(model))))


class RestrictedSpace(NamedTuple):
    """A sweep's configurations, and those of them that effects are estimated among.

    `factors` are over all configurations; `degenerate` are (factor, level) pairs, `rows` have none of them. `models`
    are one for all parameters, over the `rows` without rare values, or one for each where there are too few
    configurations to take them apart: then an effect is not `adjusted` for the other parameters. `y` are objectives,
    `sign` is 1 where more is better, else -1.

    Shapes  y (n,); rows (n,) bool
    """

    factors: tuple[Factor, ...]
    y: Array
    sign: int
    degenerate: tuple[tuple[int, int], ...]
    rows: Array
    models: tuple[Additive, ...]
    adjusted: bool

    def best(self, objectives: Array) -> float:
        return self.sign * float(np.max(self.sign * objectives))


def restrict(found: Sequence[Factor], ranked: Sequence[Configuration], sign: int) -> RestrictedSpace:
    """Leave out the degenerate levels, and model the rest."""
    y = np.array([each.mean for each in ranked])
    degenerate = tuple(degenerate_levels(found, sign * y))
    rows = np.full(len(y), True)
    for index, level in degenerate:
        rows &= found[index].codes != level
    return RestrictedSpace(tuple(found), y, sign, degenerate, rows, *_models(found, y, rows, sign))


def _models(found: Sequence[Factor], y: Array, rows: Array, sign: int) -> tuple[tuple[Additive, ...], bool]:
    if not rows.any() or np.ptp(y[rows]) <= SAME * float(np.abs(y[rows]).max()):
        return (), False
    together = _model(found, y, rows)
    if together and together.enough and 2 * len(together.y) >= rows.sum():
        return (with_interactions(together, sign),), True
    alone = [_model([factor], y, rows) for factor in found]
    return tuple(model for model in alone if model and model.enough), False


def _model(found: Sequence[Factor], y: Array, rows: Array) -> Additive | None:
    """Of the configurations without rare values of these parameters; None where nothing varies among them."""
    kept, frequent = without_rare(found, rows)
    return Additive(tuple(kept), y[frequent]) if kept else None


def degenerate_effects(space: RestrictedSpace) -> Iterator[Effect]:
    """The mean of objective less what the model of all others expects with the reference in the value's place."""
    for index, level in space.degenerate:
        factor, mask = space.factors[index], space.factors[index].codes == level
        found = _against_model(space, index, mask) or _against_others(space, index, mask)
        if found:
            (reference, (difference, p)), n = found, int(mask.sum())
            difference, value = difference._replace(size=n), factor.levels[level]
            yield Effect(factor.name, value, reference, difference, p, n, space.best(space.y[mask]), degenerate=True)


def _against_model(space: RestrictedSpace, index: int, mask: Array) -> tuple[Any, Estimate] | None:
    """None where there is no model of all parameters, or it does not know enough of those configurations."""
    if not space.adjusted:
        return None
    model, name = space.models[0], space.factors[index].name
    places = [i for i, factor in enumerate(model.factors) if factor.name == name]
    reference = model.factors[places[0]].levels[model.reference(places[0])] if places else _only_other(space, index)
    by_name = {factor.name: factor for factor in space.factors}
    codes = []
    for place, factor in enumerate(model.factors):
        whole = by_name[factor.name]
        known = {repr(value): code for code, value in enumerate(factor.levels)}
        codes.append(np.array([known.get(repr(whole.levels[code]), -1) for code in whole.codes[mask]]))
        if factor.name == name:
            codes[-1][:] = model.reference(place)
    usable = np.all([each >= 0 for each in codes], axis=0)
    if usable.sum() < FEWEST:
        return None
    expected, rows = model.predict([each[usable] for each in codes])
    gaps = space.y[mask][usable] - expected
    a = model.fit.design @ (model.fit.inverse @ rows.mean(axis=0))
    left = np.maximum(1 - model.fit.leverage, 1e-9)
    variance = gaps.var(ddof=1) / len(gaps) + float(np.sum(a**2 * model.fit.residuals**2 / left))
    found = estimate(float(gaps.mean()), variance, len(gaps) - 1)
    return (reference, found) if found else None


def _only_other(space: RestrictedSpace, index: int) -> Any:
    """The level that is left where all others are degenerate, the most frequent one if others are too rare."""
    factor = space.factors[index].take(space.rows)
    return factor.levels[int(np.argmax(factor.counts()))]


def _against_others(space: RestrictedSpace, index: int, mask: Array) -> tuple[Any, Estimate] | None:
    """Against the most frequent other value, unadjusted."""
    reference = _only_other(space, index)
    factor = space.factors[index]
    others = space.y[space.rows & (factor.codes == [repr(x) for x in factor.levels].index(repr(reference)))]
    if len(others) < 2:
        return None
    variance = float(space.y[mask].var(ddof=1) / mask.sum() + others.var(ddof=1) / len(others))
    found = estimate(float(space.y[mask].mean() - others.mean()), variance, min(int(mask.sum()), len(others)) - 1)
    return (reference, found) if found else None


def effects(space: RestrictedSpace) -> tuple[Effect, ...]:
    """Of degenerate levels, of all others against their parameter's most frequent one, of scales, of pairs.

    The p-values are corrected for all of them together, those of pairs for all pairs that there are.
    """
    found = [*degenerate_effects(space), *_of_models(space)]
    corrected = holm([effect.p for effect in found])
    return (*(effect._replace(p=p) for effect, p in zip(found, corrected, strict=True)), *_of_pairs(space))


def _of_models(space: RestrictedSpace) -> Iterator[Effect]:
    for model in space.models:
        for index, factor in enumerate(model.factors):
            reference = model.reference(index)
            for level, value in enumerate(factor.levels):
                found = model.difference(index, level) if level != reference else None
                if found:
                    mask = factor.codes == level
                    n, best = int(mask.sum()), space.best(model.y[mask])
                    difference = found.difference._replace(size=n)
                    yield Effect(factor.name, value, factor.levels[reference], difference, found.p, n, best)
            slope = model.slope(index) if len(factor.levels) > 2 else None
            if slope:
                n, best = len(model.y), space.best(model.y)
                difference = slope.difference._replace(size=n)
                yield Effect(factor.name, None, None, difference, slope.p, n, best, factor.per)


def _of_pairs(space: RestrictedSpace) -> Iterator[Effect]:
    for model in space.models:
        for cell, (difference, p) in interactions(model):
            mask, first, second = model.inside(cell), model.factors[cell.first], model.factors[cell.second]
            n, best = int(mask.sum()), space.best(model.y[mask])
            where = ((second.name, second.levels[cell.second_level]),)
            value = first.levels[cell.first_level]
            yield Effect(first.name, value, None, difference._replace(size=n), p, n, best, "", where)
