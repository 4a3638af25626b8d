"""Values around a centre: normal, log-normal and beta, and their multiples of a step."""

import math
from dataclasses import dataclass
from typing import Any

from scipy import special

from handgrad.sweeps.space.distribution import EDGE, Axis, Distribution, require
from handgrad.sweeps.space.quantized import multiple, multiples, steps_between

TAIL = 0.001


class Bell(Distribution):
    """Not evenly spread over its axis; what lies beyond a share EDGE of all draws on either side is cut off."""

    @property
    def axis(self) -> Axis:
        """From the quantile of 0.001 to that of 0.999."""
        step = getattr(self, "q", 0.0)
        kind = "int" if step and isinstance(step, int) else "float"
        return Axis(kind, self.quantile(TAIL), self.quantile(1 - TAIL), step, natural=False)


@dataclass(frozen=True)
class Normal(Bell):
    """Mean `mu`, standard deviation `sigma`."""

    mu: float = 0.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        require(self.sigma > 0, f"sigma must be positive, got {self.sigma}")

    def quantile(self, p: float) -> float:
        """mu + sigma z(p), z being that of the standard normal distribution."""
        return float(self.mu + self.sigma * special.ndtri(min(max(p, EDGE), 1 - EDGE)))


@dataclass(frozen=True)
class LogNormal(Normal):
    """log X is normal with mean `mu` and standard deviation `sigma`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        reach = abs(self.mu) + 6 * self.sigma
        require(reach < 700, f"mu and sigma are those of log X: e to the {reach:g} is no number")

    @property
    def axis(self) -> Axis:
        """Logarithmic."""
        return super().axis._replace(log=True)

    def quantile(self, p: float) -> float:
        """The exponential of the normal quantile."""
        return math.exp(super().quantile(p))


@dataclass(frozen=True)
class QNormal(Normal):
    """round(X / q) q of a normal X."""

    q: float = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.q > 0, f"q must be positive, got {self.q}")

    def quantile(self, p: float) -> float:
        """The multiple of q that is nearest to X."""
        return multiple(super().quantile(p), self.q)


@dataclass(frozen=True)
class QLogNormal(LogNormal):
    """round(X / q) q of a log-normal X."""

    q: float = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.q > 0, f"q must be positive, got {self.q}")

    @property
    def axis(self) -> Axis:
        """Logarithmic where 0 is not among the values."""
        axis = super().axis
        return axis._replace(log=axis.low > 0)

    def quantile(self, p: float) -> float:
        """The multiple of q that is nearest to X."""
        return multiple(super().quantile(p), self.q)


@dataclass(frozen=True)
class Beta(Bell):
    """Between 0 and 1, with density proportional to x^(a-1) (1-x)^(b-1)."""

    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        for name, value in (("a", self.a), ("b", self.b)):
            require(value > 0, f"{name} must be positive, got {value}")

    def quantile(self, p: float) -> float:
        """The inverse of the regularised incomplete beta function."""
        return float(special.betaincinv(self.a, self.b, min(max(p, EDGE), 1 - EDGE)))


@dataclass(frozen=True)
class QBeta(Beta):
    """round(X / q) q of a beta-distributed X."""

    q: float = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.q > 0, f"q must be positive, got {self.q}")

    @property
    def size(self) -> int:
        """How many multiples of q there are from 0 to 1."""
        return steps_between(0, 1, self.q)

    def quantile(self, p: float) -> float:
        """The multiple of q that is nearest to X."""
        return multiple(super().quantile(p), self.q)

    def grid(self) -> list[Any]:
        """All multiples, upwards."""
        return multiples(0, 1, self.q)
