"""Pairs of values that are more, or less, than the sum of both."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product

import numpy as np

from handgrad.sweeps.analysis.additive import FEWEST, Additive, Cell
from handgrad.sweeps.analysis.regression import Estimate

MOST_CELLS = 3
STRONG = 0.01  # the largest p-value, corrected for all pairs of values, of an interplay that is worth a sentence
CANDIDATES = 6
ROUNDING = 1e-5


def with_interplay(model: Additive, sign: int) -> Additive:
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


def interplays(model: Additive) -> Iterator[tuple[Cell, Estimate]]:
    """Each pair of the model with how much more it is than the sum; p is corrected for all pairs that there are."""
    for count, cell in enumerate(model.cells, 1):
        found = replace(model, cells=model.cells[:count]).cell()
        if found:
            yield cell, found._replace(p=min(1.0, found.p * len(pairs(model))))
