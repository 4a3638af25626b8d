"""Learning-rate schedules: the factor on the optimizer's learning rate at each step, a function of the step alone."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from handgrad.checks import bounded, check_bounds

Array = NDArray[Any]

# NumPy's own cos and power are vectorised and round an element by its place in the array: a resumed training, which
# cuts its steps differently, would get other bits. The C library's take one number at a time.
_cos: Any = np.vectorize(math.cos, otypes=[np.float64])
_power: Any = np.vectorize(math.pow, otypes=[np.float64])


@dataclass(frozen=True)
class Schedule(ABC):
    """A subclass gives `factors`; `rates` puts a linear warm-up of `warmup_steps` in front of it.

    `rule` gives the factor a in the language of `handgrad.equations`, at s of T steps.
    """

    rule: ClassVar[str] = ""

    warmup_steps: int = bounded(0, "[0, inf)")

    def __post_init__(self) -> None:
        check_bounds(self)

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


@dataclass(frozen=True)
class Constant(Schedule):
    """The same learning rate throughout (after the warm-up, if any)."""

    rule = "a = 1"

    def factors(self, steps: Array, total: int) -> Array:
        """1."""
        return np.ones_like(steps)


@dataclass(frozen=True)
class StepDecay(Schedule):
    """Multiplied by `schedule_factor` every `schedule_steps` steps."""

    rule = "a = schedule_factor ^ floor(s / schedule_steps)"

    schedule_steps: int = bounded(250, "[1, inf)")
    schedule_factor: float = bounded(0.85, "(0, 1]")

    def factors(self, steps: Array, total: int) -> Array:
        """schedule_factor ** floor(step / schedule_steps)."""
        return np.asarray(_power(self.schedule_factor, np.floor(steps / self.schedule_steps)))


@dataclass(frozen=True)
class Exponential(Schedule):
    """A smooth decay that passes `schedule_factor` after every `schedule_steps` steps."""

    rule = "a = schedule_factor ^ (s / schedule_steps)"

    schedule_steps: int = bounded(250, "[1, inf)")
    schedule_factor: float = bounded(0.85, "(0, 1]")

    def factors(self, steps: Array, total: int) -> Array:
        """schedule_factor ** (step / schedule_steps)."""
        return np.asarray(_power(self.schedule_factor, steps / self.schedule_steps))


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from the learning rate down to nearly zero.  Ref  Loshchilov & Hutter, SGDR, ICLR 2017, eq. 5."""

    rule = "a = 1/2 * (1 + cos(pi * min(s / T, 1)))"

    def factors(self, steps: Array, total: int) -> Array:
        """(1 + cos(pi step / total)) / 2."""
        return np.asarray(0.5 * (1 + _cos(math.pi * np.minimum(steps / total, 1.0))))


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

    def factors(self, steps: Array, total: int) -> Array:
        """Between the three points (0, 1/25), (0.3, 1), (1, 1/250000)."""
        peak = max(0.3 * total - 1, 1e-9)
        up = 0.5 * (1 - _cos(math.pi * np.minimum(steps / peak, 1.0)))
        down = 0.5 * (1 + _cos(math.pi * np.clip((steps - peak) / max(total - 1 - peak, 1e-9), 0, 1)))
        low, end = 1 / 25, 1 / 250_000
        return np.asarray(np.where(steps <= peak, low + (1 - low) * up, end + (1 - end) * down))


@dataclass(frozen=True)
class Warmup(Constant):
    """Linear warm-up over `warmup_steps`, constant afterwards; every other schedule takes `warmup_steps` too."""

    warmup_steps: int = bounded(500, "[1, inf)")
