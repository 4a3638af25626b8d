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


class Zoom(NamedTuple):
    """A sweep's configurations, and those of them that effects are estimated among.

    `factors` are over all configurations; `ruins` are (factor, level) pairs; `rows` have none of them, `judged` besides
    no value that is too rare. `models` are one for all parameters, or one for each where there are too few
    configurations to take them apart. `y` are objectives, `sign` is 1 where more is better, else -1.

    Shapes  y (n,); rows, judged (n,) bool
    """

    factors: tuple[Factor, ...]
    y: Array
    sign: int
    ruins: tuple[tuple[int, int], ...]
    rows: Array
    judged: Array
    models: tuple[Additive, ...]

    @property
    def adjusted(self) -> bool:
        """Whether an effect is that of a parameter with all others equal."""
        return len(self.models) == 1

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
    kept, judged = without_rare(found, rows)
    models: tuple[Additive, ...] = ()
    if kept:
        together = with_interplay(Additive(tuple(kept), y[judged]))
        alone = tuple(Additive((factor,), y[judged]) for factor in kept)
        models = (together,) if together.enough else tuple(model for model in alone if model.enough)
    return Zoom(tuple(found), y, sign, ruins, rows, judged, models)
