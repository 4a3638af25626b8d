"""Warm-up alone."""

from dataclasses import dataclass

import numpy as np

from handgrad.errors import bounded
from handgrad.optim.schedule import Array, Schedule


@dataclass(frozen=True)
class Warmup(Schedule):
    """Linear warm-up over `warmup_steps`, constant afterwards; every other schedule takes `warmup_steps` too."""

    rule = "a = 1"

    warmup_steps: int = bounded(500, "[1, inf)")

    def factors(self, steps: Array, total: int) -> Array:
        """1."""
        return np.ones_like(steps)
