"""A sweep's parameters as Optuna knows them, and values on their way there and back."""

import json
from typing import Any

from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.space import Axis, Distribution

HALVINGS = 60


class Axes:
    """The varying parameters of a sweep, each on the scale that Optuna's samplers move along.

    Choices that Optuna cannot store are named by their JSON. Where values do not spread evenly over a scale, it is that
    of their quantiles, from 0 to 1.
    """

    def __init__(self, definition: SweepDefinition) -> None:
        self.definition = definition
        self.distributions = {name: _optuna(each.axis) for name, each in definition.varying.items()}

    def params(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values of the sweep as Optuna's parameters."""
        return {name: _param(self.definition.varying[name], value) for name, value in values.items()}

    def values(self, params: dict[str, Any]) -> dict[str, Any]:
        """Optuna's parameters as values of the sweep."""
        raw = {name: _value(distribution, params[name]) for name, distribution in self.definition.varying.items()}
        return self.definition.canonical(raw)


def _optuna(axis: Axis) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if axis.kind == "categorical":
        return CategoricalDistribution([_label(choice) for choice in axis.choices])
    if not axis.natural:
        return FloatDistribution(0.0, 1.0)
    if axis.kind == "int":
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log, step=max(1, int(axis.step)))
    return FloatDistribution(axis.low, axis.high, log=axis.log, step=axis.step or None)


def _param(distribution: Distribution, value: Any) -> Any:
    axis = distribution.axis
    if axis.kind == "categorical":
        return next(_label(choice) for choice in axis.choices if _label(choice) == _label(value))
    return value if axis.natural else probability(distribution, value)


def _value(distribution: Distribution, param: Any) -> Any:
    axis = distribution.axis
    if axis.kind == "categorical":
        return next(choice for choice in axis.choices if _label(choice) == param)
    return param if axis.natural else distribution.quantile(param)


def probability(distribution: Distribution, value: float) -> float:
    """The share of all draws that are less than `value`, found by halving."""
    low, high = 0.0, 1.0
    if distribution.quantile(low) >= value:
        return low
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if distribution.quantile(middle) < value else (low, middle)
    return high


def _label(choice: Any) -> Any:
    return choice if isinstance(choice, str | int | float | bool | None) else json.dumps(choice)
