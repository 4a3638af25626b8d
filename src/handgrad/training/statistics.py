"""A few numbers a layer that tell how signals and gradients go through a network while it learns."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple


class Output(NamedTuple):
    """A layer's outputs: mean, standard deviation, and the share of those where next to no gradient comes through.

    `dead` is the share of units, or channels, where that is so for every image; NaN where an older version measured.
    """

    mean: float
    deviation: float
    flat: float
    dead: float = 0.0


class Size(NamedTuple):
    """Root mean square of a parameter's elements, and of the loss's gradient with respect to them."""

    weight: float
    gradient: float


@dataclass(frozen=True)
class Statistics:
    """Of every layer that computes something, by its number, and every parameter, by its name, after `step` steps."""

    step: int
    outputs: dict[int, Output]
    parameters: dict[str, Size]

    def record(self) -> dict[str, Any]:
        """As a line of a history file: null for what is not finite."""
        return {
            "step": self.step,
            "outputs": {str(layer): list(map(_finite, output)) for layer, output in self.outputs.items()},
            "parameters": {name: list(map(_finite, size)) for name, size in self.parameters.items()},
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Statistics":
        """What `record` gave.  Raises  KeyError, TypeError, ValueError, AttributeError when it is none."""
        return cls(
            int(record["step"]),
            {int(layer): Output(*map(_number, [*numbers, None][:4])) for layer, numbers in record["outputs"].items()},
            {name: Size(*map(_number, numbers)) for name, numbers in record["parameters"].items()},
        )


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
