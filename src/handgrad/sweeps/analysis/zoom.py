"""The configurations among which differences can be seen, and the model of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.sweeps.analysis.additive import Additive, without_rare
from handgrad.sweeps.analysis.configurations import Configuration
from handgrad.sweeps.analysis.factors import Factor
from handgrad.sweeps.analysis.interplay import with_interplay
from handgrad.sweeps.analysis.ruin import ruinous

Array = NDArray[Any]
SAME = 1e-9  # of their size: objectives that differ by less do so by rounding


class Zoom(NamedTuple):
    """A sweep's configurations, and those of them that effects are estimated among.

    `factors` are over all configurations; `ruins` are (factor, level) pairs, `rows` have none of them. `models` are one
    for all parameters, over the `rows` without rare values, or one for each where there are too few configurations to
    take them apart: then an effect is not `adjusted` for the other parameters. `y` are objectives, `sign` is 1 where
    more is better, else -1.

    Shapes  y (n,); rows (n,) bool
    """

    factors: tuple[Factor, ...]
    y: Array
    sign: int
    ruins: tuple[tuple[int, int], ...]
    rows: Array
    models: tuple[Additive, ...]
    adjusted: bool

    def best(self, mask: Array) -> float:
        """The best objective among some configurations."""
        return self.sign * float(np.max(self.sign * self.y[mask]))


def zoom(found: Sequence[Factor], ranked: Sequence[Configuration], sign: int) -> Zoom:
    """Leave out what ruins, and model the rest."""
    y = np.array([each.mean for each in ranked])
    ruins = tuple(ruinous(found, sign * y))
    rows = np.full(len(y), True)
    for index, level in ruins:
        rows &= found[index].codes != level
    return Zoom(tuple(found), y, sign, ruins, rows, *_models(found, y, rows, sign))


def _models(found: Sequence[Factor], y: Array, rows: Array, sign: int) -> tuple[tuple[Additive, ...], bool]:
    if not rows.any() or np.ptp(y[rows]) <= SAME * float(np.abs(y[rows]).max()):
        return (), False
    together = _model(found, y, rows)
    if together and together.enough and 2 * len(together.y) >= rows.sum():
        return (with_interplay(together, sign),), True
    alone = [_model([factor], y, rows) for factor in found]
    return tuple(model for model in alone if model and model.enough), False


def _model(found: Sequence[Factor], y: Array, rows: Array) -> Additive | None:
    """Of the configurations without rare values of these parameters; None where nothing varies among them."""
    kept, judged = without_rare(found, rows)
    return Additive(tuple(kept), y[judged]) if kept else None
