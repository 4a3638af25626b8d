"""No schedule."""

from dataclasses import dataclass

import numpy as np

from handgrad.optim.schedule import Array, Schedule


@dataclass(frozen=True)
class Constant(Schedule):
    """The same learning rate throughout (after the warm-up, if any)."""

    rule = "a = 1"
    aliases = ("none", "fixed", "const", "false")

    def factors(self, steps: Array, total: int) -> Array:
        """1."""
        return np.ones_like(steps)
