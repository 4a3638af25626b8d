"""Values whose logarithm is uniform: bounds are exponents of e, or, where the name ends in `_values`, the values."""

import math
from dataclasses import dataclass
from typing import Any

from handgrad.sweeps.space.distribution import Axis, Distribution, require
from handgrad.sweeps.space.interval import Interval
from handgrad.sweeps.space.quantized import multiple, multiples, steps_between

LARGEST_EXPONENT = 700.0  # e to it is still a float


class LogScale(Distribution):
    """Between `low` and `high`, which a subclass says; subclasses with a step `q` round to its multiples."""

    @property
    def low(self) -> float:
        """The smallest value."""
        raise NotImplementedError

    @property
    def high(self) -> float:
        """The largest value."""
        raise NotImplementedError

    @property
    def axis(self) -> Axis:
        """Logarithmic."""
        return Axis("float", self.low, self.high, log=True)

    def quantile(self, p: float) -> float:
        """exp(log low + p (log high - log low))."""
        low, high = math.log(self.low), math.log(self.high)
        inner = min(max(math.exp(low + p * (high - low)), self.low), self.high)
        return {0.0: self.low, 1.0: self.high}.get(p, inner)  # the ends to the last digit


@dataclass(frozen=True)
class LogUniform(Interval, LogScale):
    """log X is uniform between `min` and `max`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, bound in (("min", self.min), ("max", self.max)):
            near = abs(bound) <= LARGEST_EXPONENT
            require(near, f"{name} is an exponent of e here, got {bound}: at most {LARGEST_EXPONENT:g} either way")

    @property
    def low(self) -> float:
        """exp(min)."""
        return math.exp(self.min)

    @property
    def high(self) -> float:
        """exp(max)."""
        return math.exp(self.max)


@dataclass(frozen=True)
class LogUniformValues(Interval, LogScale):
    """X lies between `min` and `max`, and log X is uniform."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.min > 0, f"min must be positive on a logarithmic scale, got {self.min}")

    @property
    def low(self) -> float:
        """min."""
        return float(self.min)

    @property
    def high(self) -> float:
        """max."""
        return float(self.max)


@dataclass(frozen=True)
class InvLogUniform(LogUniform):
    """log(1/X) is uniform between `min` and `max`, so that X lies between exp(-max) and exp(-min)."""

    @property
    def low(self) -> float:
        """exp(-max)."""
        return math.exp(-self.max)

    @property
    def high(self) -> float:
        """exp(-min)."""
        return math.exp(-self.min)


@dataclass(frozen=True)
class InvLogUniformValues(LogUniformValues):
    """log(1/X) is uniform between log(1/max) and log(1/min): X is distributed as in log_uniform_values."""


class Stepped(LogScale):
    """round(X / q) q of a logarithmic X."""

    q: float

    @property
    def size(self) -> int:
        """How many multiples of q there are."""
        return steps_between(self.low, self.high, self.q)

    @property
    def axis(self) -> Axis:
        """Logarithmic where 0 is not among the values; not natural, for steps and logarithms do not go together."""
        kind, first, last = "int" if isinstance(self.q, int) else "float", self.quantile(0), self.quantile(1)
        return Axis(kind, first, last, self.q, log=first > 0, natural=False)

    def quantile(self, p: float) -> float:
        """The multiple of q that is nearest to X."""
        return multiple(super().quantile(p), self.q)

    def grid(self) -> list[Any]:
        """All multiples, upwards."""
        return multiples(self.low, self.high, self.q)


@dataclass(frozen=True)
class QLogUniform(Stepped, LogUniform):
    """round(X / q) q, where log X is uniform between `min` and `max`."""

    q: float = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.q > 0, f"q must be positive, got {self.q}")


@dataclass(frozen=True)
class QLogUniformValues(Stepped, LogUniformValues):
    """round(X / q) q, where X lies between `min` and `max` and log X is uniform."""

    q: float = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.q > 0, f"q must be positive, got {self.q}")
