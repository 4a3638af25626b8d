"""What every distribution of a sweep's parameter has in common."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from handgrad.errors import UsageError

EDGE = 1e-9  # an unbounded distribution is cut off where less than this lies beyond


class Axis(NamedTuple):
    """The values of a parameter as a scale: `kind` is "categorical", "int" or "float"; `choices` are for the first.

    Of an unbounded distribution, `low` and `high` leave out one value in a thousand on each side. `step` is 0 where
    there is none. `natural` tells whether values spread evenly over the axis (over its logarithm where `log`); where
    they do not, a sampler must move along p in [0, 1] and take `quantile(p)`.
    """

    kind: str
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
    def axis(self) -> Axis:
        """The scale that the values lie on."""
        raise NotImplementedError

    def quantile(self, p: float) -> Any:
        """The value that a share `p` of all draws does not exceed, for p in [0, 1]."""
        raise NotImplementedError

    def grid(self) -> list[Any]:
        """Every value once, in order; a UsageError when there is no end to them."""
        raise UsageError("has no end of values, so there is no grid of them: list values, or take method random")

    def sample(self, generator: np.random.Generator) -> Any:
        """A value drawn at random."""
        return self.quantile(float(generator.random()))


def require(holds: bool, problem: str) -> None:
    """Raise a UsageError with `problem` unless it `holds`."""
    if not holds:
        raise UsageError(problem)
