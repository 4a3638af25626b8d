"""The one-cycle schedule."""

import math
from dataclasses import dataclass

import numpy as np

from handgrad.optim.schedule import Array, Schedule, cos


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up from 1/25 of the learning rate over the first 30 % of all steps and down to 1e-4 of that start, on cosines.

    Ref     Smith & Topin, Super-convergence (2018), arXiv 1708.07120; the numbers are PyTorch's OneCycleLR's
    """

    rule = """
        k = max(0.3 * T - 1, 1e-9)  # the step of the peak
        up = 1/2 * (1 - cos(pi * s / k))
        down = 1/2 * (1 + cos(pi * min((s - k) / max(T - 1 - k, 1e-9), 1)))
        a = where(s <= k, 1/25 + (1 - 1/25) * up, 1/250000 + (1 - 1/250000) * down)
    """
    aliases = ("one_cycle_lr", "1cycle")

    def factors(self, steps: Array, total: int) -> Array:
        """Between the three points (0, 1/25), (0.3, 1), (1, 1/250000)."""
        peak = max(0.3 * total - 1, 1e-9)
        up = 0.5 * (1 - cos(math.pi * np.minimum(steps / peak, 1.0)))
        down = 0.5 * (1 + cos(math.pi * np.clip((steps - peak) / max(total - 1 - peak, 1e-9), 0, 1)))
        low, end = 1 / 25, 1 / 250_000
        return np.asarray(np.where(steps <= peak, low + (1 - low) * up, end + (1 - end) * down))
