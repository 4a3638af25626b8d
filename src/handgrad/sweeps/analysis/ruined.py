"""What a ruinous value costs."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation import welch_interval
from handgrad.sweeps.analysis.additive import FEWEST
from handgrad.sweeps.analysis.regression import Estimate, estimate
from handgrad.sweeps.analysis.result import Effect
from handgrad.sweeps.analysis.zoom import Zoom

Array = NDArray[Any]


def of_ruins(seen: Zoom) -> Iterator[Effect]:
    """The mean of objective less what the model of all others expects with the reference in the value's place."""
    for index, level in seen.ruins:
        factor, mask = seen.factors[index], seen.factors[index].codes == level
        found = _against_model(seen, index, mask) or _against_others(seen, index, mask)
        if found:
            (reference, (difference, p)), n = found, int(mask.sum())
            difference, value = difference._replace(size=n), factor.levels[level]
            yield Effect(factor.name, value, reference, difference, p, n, seen.best(mask), ruins=True)


def _against_model(seen: Zoom, index: int, mask: Array) -> tuple[Any, Estimate] | None:
    """None where there is no model of all parameters, or it does not know enough of those configurations."""
    if not seen.adjusted:
        return None
    model, name = seen.models[0], seen.factors[index].name
    places = [i for i, factor in enumerate(model.factors) if factor.name == name]
    reference = model.factors[places[0]].levels[model.reference(places[0])] if places else _only_other(seen, index)
    by_name = {factor.name: factor for factor in seen.factors}
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
    gaps = seen.y[mask][usable] - expected
    a = model.fit.design @ (model.fit.inverse @ rows.mean(axis=0))
    left = np.maximum(1 - model.fit.leverage, 1e-9)
    variance = gaps.var(ddof=1) / len(gaps) + float(np.sum(a**2 * model.fit.residuals**2 / left))
    found = estimate(float(gaps.mean()), variance, len(gaps) - 1)
    return (reference, found) if found else None


def _only_other(seen: Zoom, index: int) -> Any:
    """The level that is left where all but one ruin, the most frequent one if others are too rare."""
    factor = seen.factors[index].take(seen.rows)
    return factor.levels[int(np.argmax(factor.counts()))]


def _against_others(seen: Zoom, index: int, mask: Array) -> tuple[Any, Estimate] | None:
    """Against the most frequent other value, unadjusted."""
    reference = _only_other(seen, index)
    factor = seen.factors[index]
    others = seen.y[seen.rows & (factor.codes == [repr(x) for x in factor.levels].index(repr(reference)))]
    if len(others) < 2:
        return None
    interval = welch_interval(seen.y[mask].tolist(), others.tolist())
    variance = float(seen.y[mask].var(ddof=1) / mask.sum() + others.var(ddof=1) / len(others))
    found = estimate(interval.mean, variance, min(int(mask.sum()), len(others)) - 1)
    return (reference, found) if found else None
