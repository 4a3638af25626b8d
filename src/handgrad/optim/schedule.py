"""Learning-rate schedules: the factor on the optimizer's learning rate at each step, a function of the step alone."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from handgrad.errors import Bounded, bounded

Array = NDArray[Any]

# NumPy's own cos and power are vectorised and round an element by its place in the array: a resumed training, which
# cuts its steps differently, would get other bits. The C library's take one number at a time.
cos: Any = np.vectorize(math.cos, otypes=[np.float64])
power: Any = np.vectorize(math.pow, otypes=[np.float64])


@dataclass(frozen=True)
class Schedule(Bounded, ABC):
    """A subclass gives `factors`; `rates` puts a linear warm-up of `warmup_steps` in front of it.

    `rule` gives the factor a in the language of `handgrad.equations`, at s of T steps; `aliases` are other names.
    """

    rule: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()

    warmup_steps: int = bounded(0, "[0, inf)")

    @abstractmethod
    def factors(self, steps: Array, total: int) -> Array:
        """The factor for each of `steps` (counted from 0 after the warm-up) in a training of `total` such steps."""

    def rates(self, learning_rate: float, first: int, count: int, total: int) -> Array:
        """Learning rates of the `count` steps after the first `first` ones.  Shapes  -> (count,) float64

        Math    during warm-up, step s (from 1) has learning_rate s / (warmup_steps + 1)
        """
        steps = np.arange(first, first + count, dtype=np.float64)
        after = np.maximum(steps - self.warmup_steps, 0)
        ramp = np.minimum((steps + 1) / (self.warmup_steps + 1), 1.0)
        return np.asarray(learning_rate * ramp * self.factors(after, max(total - self.warmup_steps, 1)))

    def statement(self) -> str:
        """The learning rate eta of step t (from 1) of `steps`, in the language of `handgrad.equations`."""
        warm = self.warmup_steps > 0
        length = "max(steps - warmup_steps, 1)" if warm else "steps"
        lines = ["s = max(t - 1 - warmup_steps, 0)" if warm else "s = t - 1"]
        lines += [f"T = {length}"] if "T" in self.rule else []
        ramp = "min(t / (warmup_steps + 1), 1) * " if warm else ""
        return "; ".join([*lines, self.rule, f"eta = a * {ramp}learning_rate"])
