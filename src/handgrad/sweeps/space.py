"""The distributions of W&B's sweep configuration, by the names that it gives them."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import scipy

from handgrad.errors import UsageError

EDGE = 1e-9  # a distribution with tails is cut off where less than this lies beyond
TAIL = 0.001  # what its axis leaves out on each side
LARGEST_EXPONENT = 700.0  # e to it is still a float
HALVINGS = 60


class Axis(NamedTuple):
    """The values of a parameter as a scale: `type` is "categorical", "int" or "float"; `choices` are for the first.

    `step` is 0 where there is none. `natural` tells whether values spread evenly over the axis (over its logarithm
    where `log`); where they do not, a sampler must move along p in [0, 1] and take `quantile(p)`.
    """

    type: str
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    log: bool = False
    choices: tuple[Any, ...] = ()
    natural: bool = True


@dataclass(frozen=True)
class Distribution:
    """Values of a parameter and how likely they are; a subclass's fields are W&B's keys, its checks `__post_init__`.

    Raises  UsageError for numbers that make no sense, in words that follow the parameter's name.
    """

    @property
    def size(self) -> int | None:
        """How many values there are; None when there is no end to them."""
        return None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The smallest and the largest number; None where there is none."""
        return None

    @property
    def axis(self) -> Axis:
        """The scale that the values lie on."""
        raise NotImplementedError

    def quantile(self, p: float) -> Any:
        """The value that a share `p` of all draws does not exceed, for p in [0, 1]."""
        raise NotImplementedError

    def probability(self, value: float) -> float:
        """The share of all draws that are less than `value`, by bisection."""
        low, high = 0.0, 1.0
        if self.quantile(low) >= value:
            return low
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.quantile(middle) < value else (low, middle)
        return high

    def grid(self) -> list[Any]:
        """Every value once, in order; a UsageError when there is no end to them."""
        raise UsageError("has infinitely many values, which a grid cannot list: list values, or use method random")

    def sample(self, generator: np.random.Generator) -> Any:
        return self.quantile(float(generator.random()))


@dataclass(frozen=True)
class Constant(Distribution):
    """The same value in every configuration."""

    value: Any

    @property
    def size(self) -> int:
        return 1

    @property
    def axis(self) -> Axis:
        return Axis("categorical", choices=(self.value,))

    def quantile(self, p: float) -> Any:
        return self.value

    def grid(self) -> list[Any]:
        return [self.value]


@dataclass(frozen=True)
class Categorical(Distribution):
    """One of `values`, equally likely, or as likely as `probabilities` say."""

    values: tuple[Any, ...]
    probabilities: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        _require(len(self.values) > 0, "values is empty: list one or more")
        if self.probabilities is not None:
            count, total = len(self.probabilities), math.fsum(self.probabilities)
            few = f"has {len(self.values)} values, but {count} probabilities: give as many"
            _require(count == len(self.values), few)
            _require(min(self.probabilities) >= 0, f"probabilities must not be negative, got {min(self.probabilities)}")
            _require(abs(total - 1) < 1e-6, f"probabilities must sum to 1, got {total:g}")

    @property
    def size(self) -> int:
        return len(self.values)

    @property
    def axis(self) -> Axis:
        return Axis("categorical", choices=self.values, natural=self.probabilities is None)

    def quantile(self, p: float) -> Any:
        """The value at which the running sum of probabilities passes `p`."""
        if self.probabilities is None:
            return self.values[min(int(p * self.size), self.size - 1)]
        pairs = zip(self.values, self.probabilities, strict=True)
        likely = [(value, probability) for value, probability in pairs if probability > 0]
        sums = accumulate(probability for _, probability in likely)
        return next((value for (value, _), sum_ in zip(likely, sums, strict=True) if p < sum_), likely[-1][0])

    def grid(self) -> list[Any]:
        return list(self.values)


@dataclass(frozen=True)
class Uniform(Distribution):
    """Real numbers between `min` and `max`."""

    min: float
    max: float

    def __post_init__(self) -> None:
        _require(self.min < self.max, f"min must be below max, got min {self.min} and max {self.max}")

    @property
    def bounds(self) -> tuple[float, float]:
        return self.min, self.max

    @property
    def axis(self) -> Axis:
        return Axis("float", *self.bounds)

    def quantile(self, p: float) -> float:
        """min + p (max - min)."""
        return float(min(self.min + p * (self.max - self.min), self.max))


@dataclass(frozen=True)
class IntUniform(Uniform):
    """Whole numbers from `min` to `max`, both included."""

    min: int
    max: int

    def __post_init__(self) -> None:
        for name, end in (("min", self.min), ("max", self.max)):
            _require(isinstance(end, int), f"{name} must be a whole number for int_uniform, got {end}: take uniform")
        super().__post_init__()

    @property
    def size(self) -> int:
        return self.max - self.min + 1

    @property
    def axis(self) -> Axis:
        return Axis("int", self.min, self.max, 1)

    def quantile(self, p: float) -> int:
        """Each number holds an equal part of [0, 1]."""
        return min(self.min + int(p * self.size), self.max)

    def grid(self) -> list[Any]:
        return list(range(self.min, self.max + 1))


@dataclass(frozen=True)
class LogUniformValues(Uniform):
    """X lies between `min` and `max`, and log X is uniform."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(self.bounds[0] > 0, f"min must be positive on a logarithmic scale, got {self.min}")

    @property
    def axis(self) -> Axis:
        low, high = self.bounds
        return Axis("float", float(low), float(high), log=True)

    def quantile(self, p: float) -> float:
        """exp(log low + p (log high - log low))."""
        low, high = map(float, self.bounds)
        inner = min(max(math.exp(math.log(low) + p * (math.log(high) - math.log(low))), low), high)
        return {0.0: low, 1.0: high}.get(p, inner)  # the ends to the last digit


@dataclass(frozen=True)
class InvLogUniformValues(LogUniformValues):
    """log(1/X) is uniform between log(1/max) and log(1/min): X is distributed as in log_uniform_values."""


@dataclass(frozen=True)
class LogUniform(LogUniformValues):
    """log X is uniform between `min` and `max`."""

    def __post_init__(self) -> None:
        for name, end in (("min", self.min), ("max", self.max)):
            near = abs(end) <= LARGEST_EXPONENT
            _require(near, f"{name} is an exponent of e here, got {end}: at most {LARGEST_EXPONENT:g} either way")
        super().__post_init__()

    @property
    def bounds(self) -> tuple[float, float]:
        return math.exp(self.min), math.exp(self.max)


@dataclass(frozen=True)
class InvLogUniform(LogUniform):
    """log(1/X) is uniform between `min` and `max`, so that X lies between exp(-max) and exp(-min)."""

    @property
    def bounds(self) -> tuple[float, float]:
        return math.exp(-self.max), math.exp(-self.min)


class Tailed(Distribution):
    """Not evenly spread over its axis; what lies beyond a share EDGE of all draws on either side is cut off."""

    @property
    def axis(self) -> Axis:
        """From the quantile of 0.001 to that of 0.999."""
        return Axis("float", self.quantile(TAIL), self.quantile(1 - TAIL), natural=False)


@dataclass(frozen=True)
class Normal(Tailed):
    """Mean `mu`, standard deviation `sigma`."""

    mu: float = 0.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        _require(self.sigma > 0, f"sigma must be positive, got {self.sigma}")

    def quantile(self, p: float) -> float:
        """mu + sigma z(p), z being that of the standard normal distribution."""
        return float(self.mu + self.sigma * scipy.special.ndtri(min(max(p, EDGE), 1 - EDGE)))


@dataclass(frozen=True)
class LogNormal(Normal):
    """log X is normal with mean `mu` and standard deviation `sigma`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        reach = abs(self.mu) + 6 * self.sigma
        _require(reach < LARGEST_EXPONENT, f"mu and sigma are those of log X: e to the {reach:g} is no number")

    @property
    def axis(self) -> Axis:
        return super().axis._replace(log=True)

    def quantile(self, p: float) -> float:
        return math.exp(super().quantile(p))


@dataclass(frozen=True)
class Beta(Tailed):
    """Between 0 and 1, with density proportional to x^(a-1) (1-x)^(b-1)."""

    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        for name, value in (("a", self.a), ("b", self.b)):
            _require(value > 0, f"{name} must be positive, got {value}")

    @property
    def bounds(self) -> tuple[float, float]:
        return 0.0, 1.0

    def quantile(self, p: float) -> float:
        """The inverse of the regularised incomplete beta function."""
        return float(scipy.special.betaincinv(self.a, self.b, min(max(p, EDGE), 1 - EDGE)))


@dataclass(frozen=True)
class Quantized(Distribution):
    """round(X / q) q of an X that is distributed as `plain`; whole numbers where `q` is one."""

    plain: Distribution
    q: float = 1

    def __post_init__(self) -> None:
        _require(self.q > 0, f"q must be positive, got {self.q}")

    @property
    def size(self) -> int | None:
        """How many multiples of q there are; None without bounds."""
        return None if self.bounds is None else len(self._steps(*self.bounds))

    @property
    def bounds(self) -> tuple[float, float] | None:
        return self.plain.bounds

    @property
    def axis(self) -> Axis:
        """Steps of q; logarithmic where 0 is not among the values, but not evenly so."""
        axis, number = self.plain.axis, "int" if isinstance(self.q, int) else "float"
        low, high, even = self._multiple(axis.low), self._multiple(axis.high), axis.natural and not axis.log
        return Axis(number, low, high, self.q, log=axis.log and low > 0, natural=even)

    def quantile(self, p: float) -> float:
        return self._multiple(self.plain.quantile(p))

    def grid(self) -> list[Any]:
        return super().grid() if self.bounds is None else [self._times(k) for k in self._steps(*self.bounds)]

    def _steps(self, low: float, high: float) -> range:
        return range(round(low / self.q), round(high / self.q) + 1)

    def _multiple(self, x: float) -> float:
        return self._times(round(x / self.q))

    def _times(self, k: int) -> float:
        """k q, an int where q is one; free of the noise in the last digits that 3 * 0.1 has."""
        return k * self.q if isinstance(self.q, int) else float(f"{k * self.q:.12g}")


DISTRIBUTIONS: dict[str, type[Distribution]] = {
    "constant": Constant,
    "categorical": Categorical,
    "int_uniform": IntUniform,
    "uniform": Uniform,
    "q_uniform": Uniform,
    "log_uniform": LogUniform,
    "log_uniform_values": LogUniformValues,
    "q_log_uniform": LogUniform,
    "q_log_uniform_values": LogUniformValues,
    "inv_log_uniform": InvLogUniform,
    "inv_log_uniform_values": InvLogUniformValues,
    "normal": Normal,
    "q_normal": Normal,
    "log_normal": LogNormal,
    "q_log_normal": LogNormal,
    "beta": Beta,
    "q_beta": Beta,
}
QUANTIZED = "q_"  # a name that begins so is that of a Quantized distribution


def keys_of(name: str) -> dict[str, bool]:
    """W&B's keys of a distribution, and whether each must be given."""
    keys = {f.name: f.default is dataclasses.MISSING for f in dataclasses.fields(DISTRIBUTIONS[name])}
    return keys | {"q": False} if name.startswith(QUANTIZED) else keys


def distribution(name: str, numbers: Mapping[str, Any]) -> Distribution:
    """The distribution with these numbers, by W&B's keys.  Raises  UsageError for numbers that make no sense."""
    if not name.startswith(QUANTIZED):
        return DISTRIBUTIONS[name](**numbers)
    plain = DISTRIBUTIONS[name](**{key: number for key, number in numbers.items() if key != "q"})
    return Quantized(plain, numbers.get("q", 1))


def plain_of(distribution: Distribution) -> Distribution:
    """What is rounded, where the distribution is quantized, else itself."""
    return distribution.plain if isinstance(distribution, Quantized) else distribution


def name_of(distribution: Distribution) -> str:
    """W&B's name of a distribution."""
    if isinstance(distribution, Quantized):
        return QUANTIZED + name_of(distribution.plain)
    return next(name for name, each in DISTRIBUTIONS.items() if each is type(distribution))


def numbers_of(distribution: Distribution) -> dict[str, Any]:
    """W&B's keys of a distribution and their values."""
    if isinstance(distribution, Quantized):
        return numbers_of(distribution.plain) | {"q": distribution.q}
    return {f.name: getattr(distribution, f.name) for f in dataclasses.fields(distribution)}


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise UsageError(problem)
