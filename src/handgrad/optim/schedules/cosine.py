"""Cosine decay."""

import math
from dataclasses import dataclass

import numpy as np

from handgrad.optim.schedule import Array, Schedule, cos


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from the learning rate down to nearly zero.  Ref  Loshchilov & Hutter, SGDR, ICLR 2017, eq. 5."""

    rule = "a = 1/2 * (1 + cos(pi * min(s / T, 1)))"
    aliases = ("cosine_annealing", "cosine_decay", "cosine_annealing_lr")

    def factors(self, steps: Array, total: int) -> Array:
        """(1 + cos(pi step / total)) / 2."""
        return np.asarray(0.5 * (1 + cos(math.pi * np.minimum(steps / total, 1.0))))
