"""Exponential decay."""

from dataclasses import dataclass

import numpy as np

from handgrad.errors import bounded
from handgrad.optim.schedule import Array, Schedule, power


@dataclass(frozen=True)
class Exponential(Schedule):
    """A smooth decay that passes `schedule_factor` after every `schedule_steps` steps."""

    rule = "a = schedule_factor ^ (s / schedule_steps)"
    aliases = ("exp", "exponential_decay", "exponential_lr")

    schedule_steps: int = bounded(250, "[1, inf)")
    schedule_factor: float = bounded(0.85, "(0, 1]")

    def factors(self, steps: Array, total: int) -> Array:
        """schedule_factor ** (step / schedule_steps)."""
        return np.asarray(power(self.schedule_factor, steps / self.schedule_steps))
