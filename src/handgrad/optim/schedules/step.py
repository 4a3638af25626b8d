"""Decay in steps."""

from dataclasses import dataclass

import numpy as np

from handgrad.errors import bounded
from handgrad.optim.schedule import Array, Schedule, power


@dataclass(frozen=True)
class StepDecay(Schedule):
    """Multiplied by `schedule_factor` every `schedule_steps` steps."""

    rule = "a = schedule_factor ^ floor(s / schedule_steps)"
    aliases = ("step_decay", "step_lr", "staircase")

    schedule_steps: int = bounded(250, "[1, inf)")
    schedule_factor: float = bounded(0.85, "(0, 1]")

    def factors(self, steps: Array, total: int) -> Array:
        """schedule_factor ** floor(step / schedule_steps)."""
        return np.asarray(power(self.schedule_factor, np.floor(steps / self.schedule_steps)))
