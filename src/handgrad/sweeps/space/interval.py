"""Values between two bounds, all equally likely."""

from dataclasses import dataclass
from typing import Any

from handgrad.sweeps.space.distribution import Axis, Distribution, require
from handgrad.sweeps.space.quantized import multiple, multiples, steps_between


@dataclass(frozen=True)
class Interval(Distribution):
    """From `min` to `max`."""

    min: float
    max: float

    def __post_init__(self) -> None:
        require(self.min < self.max, f"min must be below max, got min {self.min} and max {self.max}")


@dataclass(frozen=True)
class IntUniform(Interval):
    """Whole numbers from `min` to `max`, both included."""

    min: int
    max: int

    def __post_init__(self) -> None:
        for name, bound in (("min", self.min), ("max", self.max)):
            require(isinstance(bound, int), f"{name} must be a whole number for int_uniform, got {bound}: take uniform")
        super().__post_init__()

    @property
    def size(self) -> int:
        """How many whole numbers there are."""
        return self.max - self.min + 1

    @property
    def axis(self) -> Axis:
        """Steps of 1."""
        return Axis("int", self.min, self.max, 1)

    def quantile(self, p: float) -> int:
        """Each number holds an equal part of [0, 1]."""
        return min(self.min + int(p * self.size), self.max)

    def grid(self) -> list[Any]:
        """All of them, upwards."""
        return list(range(self.min, self.max + 1))


@dataclass(frozen=True)
class Uniform(Interval):
    """Real numbers between `min` and `max`."""

    @property
    def axis(self) -> Axis:
        """Linear."""
        return Axis("float", self.min, self.max)

    def quantile(self, p: float) -> float:
        """min + p (max - min)."""
        return float(min(self.min + p * (self.max - self.min), self.max))


@dataclass(frozen=True)
class QUniform(Interval):
    """round(X / q) q, where X is uniform between `min` and `max`; the first and the last value are half as likely."""

    q: float = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.q > 0, f"q must be positive, got {self.q}")

    @property
    def size(self) -> int:
        """How many multiples of q there are."""
        return steps_between(self.min, self.max, self.q)

    @property
    def axis(self) -> Axis:
        """Steps of q."""
        return Axis("int" if isinstance(self.q, int) else "float", self.quantile(0), self.quantile(1), self.q)

    def quantile(self, p: float) -> float:
        """The multiple of q nearest to min + p (max - min)."""
        return multiple(min(self.min + p * (self.max - self.min), self.max), self.q)

    def grid(self) -> list[Any]:
        """All multiples, upwards."""
        return multiples(self.min, self.max, self.q)
