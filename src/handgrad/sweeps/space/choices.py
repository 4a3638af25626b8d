"""Values that are listed."""

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from handgrad.sweeps.space.distribution import Axis, Distribution, require


@dataclass(frozen=True)
class Constant(Distribution):
    """The same value in every configuration."""

    value: Any

    @property
    def size(self) -> int:
        """1."""
        return 1

    @property
    def axis(self) -> Axis:
        """One choice."""
        return Axis("categorical", choices=(self.value,))

    def quantile(self, p: float) -> Any:
        """The value."""
        return self.value

    def grid(self) -> list[Any]:
        """The value."""
        return [self.value]


@dataclass(frozen=True)
class Categorical(Distribution):
    """One of `values`, equally likely, or as likely as `probabilities` say."""

    values: tuple[Any, ...]
    probabilities: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        require(len(self.values) > 0, "values is empty: list one or more")
        if self.probabilities is not None:
            count, total = len(self.probabilities), math.fsum(self.probabilities)
            require(
                count == len(self.values), f"has {len(self.values)} values, but {count} probabilities: give as many"
            )
            require(min(self.probabilities) >= 0, f"probabilities must not be negative, got {min(self.probabilities)}")
            require(abs(total - 1) < 1e-6, f"probabilities must sum to 1, got {total:g}")

    @property
    def size(self) -> int:
        """How many values are listed."""
        return len(self.values)

    @property
    def axis(self) -> Axis:
        """The choices in the order given."""
        return Axis("categorical", choices=self.values, natural=self.probabilities is None)

    def quantile(self, p: float) -> Any:
        """The value at which the running sum of probabilities passes `p`."""
        if self.probabilities is None:
            return self.values[min(int(p * self.size), self.size - 1)]
        passed = (value for value, sum_ in zip(self.values, accumulate(self.probabilities), strict=True) if p < sum_)
        return next(passed, self._last_likely())

    def grid(self) -> list[Any]:
        """The values in the order given."""
        return list(self.values)

    def _last_likely(self) -> Any:
        pairs = zip(self.values, self.probabilities or (), strict=True)
        return [value for value, probability in pairs if probability > 0][-1]
