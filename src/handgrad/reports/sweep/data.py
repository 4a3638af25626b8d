"""A sweep with its trials and what they tell, as the parts of its report see it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from handgrad.reports.blocks import spelled
from handgrad.sweeps.analysis.analyse import analyse
from handgrad.sweeps.analysis.result import Analysis, Correlation, Effect
from handgrad.sweeps.database import is_driven
from handgrad.sweeps.definition import Metric
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.trial import FAILED, LOST, RUNNING, Trial

T = TypeVar("T", Correlation, Effect)


class Measure(NamedTuple):
    """What a search makes better, as it is written: `name` in words, values times `factor`, `unit` behind them.

    `better` is 1 where more is better, and -1 where less is.
    """

    name: str
    better: int
    factor: float = 1.0
    unit: str = ""
    digits: int = 4

    @property
    def label(self) -> str:
        """Of an axis."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def text(self, value: float) -> str:
        """A value with its unit; a dash for what is not known."""
        if math.isnan(value):
            return "–"
        return f"{self.factor * value:.{self.digits}f}{' ' * bool(self.unit)}{self.unit}"

    def bounds(self, low: float, high: float) -> str:
        """Two of them, "97.02 to 98.61", per cents not beyond 0 and 100; a dash where they are not known."""
        if math.isnan(low) or math.isnan(high):
            return "–"
        if self.unit == "%":
            low, high = max(low, 0.0), min(high, 100 / self.factor)
        return f"{self.factor * low:.{self.digits}f} to {self.factor * high:.{self.digits}f}"


@dataclass(frozen=True)
class SweepData:
    """A sweep as it was when its trials were read; `driven` tells whether it went on."""

    sweep: Sweep
    trials: tuple[Trial, ...]
    analysis: Analysis
    driven: bool = False

    @cached_property
    def measure(self) -> Measure:
        """How its metric is written."""
        return measure_of(self.sweep.definition.metric)

    @property
    def parameters(self) -> list[str]:
        """Those that vary, the most important first; where that is not known, as in the file."""
        shares = {each.name: -each.share.mean for each in self.analysis.importances}
        return sorted(self.sweep.definition.varying, key=lambda name: shares.get(name, 0.0))

    @property
    def rated(self) -> list[Trial]:
        """The trials that have a result."""
        return [trial for trial in self.trials if trial.rated]

    @property
    def failed(self) -> list[Trial]:
        """Those without a usable result."""
        return [trial for trial in self.trials if trial.state in (FAILED, LOST)]

    @property
    def running(self) -> int:
        """How many are not over."""
        return sum(trial.state == RUNNING for trial in self.trials)

    @property
    def settled(self) -> int:
        """How many are over."""
        return sum(trial.settled for trial in self.trials)

    @property
    def ended(self) -> bool:
        """Whether all trials that there are to be are over."""
        wanted = self.sweep.wanted
        return self.settled == len(self.trials) and (wanted is None or self.settled >= wanted)

    def by_importance(self, found: Iterable[T]) -> list[T]:
        """Importances, correlations or effects in the order of `parameters`."""
        places = {name: place for place, name in enumerate(self.parameters)}
        return sorted(found, key=lambda each: places[each.name])

    def told(self, trial: Trial) -> float:
        """A trial's result as the analysis counts it: the metric, or how far it is from its target."""
        metric, objective = self.sweep.definition.metric, float(trial.objective or 0.0)
        return metric.objective(objective) if metric.goal == "target" else objective


def look(sweep: Sweep) -> SweepData:
    """Read the trials of a sweep, and analyse them.

    Raises  FileSystemError, UsageError when its storage cannot be read.
    """
    trials = sweep.trials()
    drivers = {trial.driver for trial in trials if trial.state == RUNNING}
    driven = bool(drivers) and is_driven(sweep.storage_url, drivers)
    return SweepData(sweep, tuple(trials), analyse(sweep, trials), driven)


def measure_of(metric: Metric) -> Measure:
    """Accuracies in per cent, losses as they are; of a target, the distance from it."""
    accuracy, name = metric.name.endswith("accuracy"), metric.name.replace("_", " ")
    factor, unit, digits = (100.0, "%", 2) if accuracy else (1.0, "", 4)
    if metric.goal == "target" and metric.target is not None:
        name = f"distance of {name} from {factor * metric.target:g}{' ' * accuracy}{unit}"
    return Measure(name, 1 if metric.goal == "maximize" else -1, factor, unit, digits)


def in_words(values: Mapping[str, Any]) -> str:
    """A configuration in a line: "activation relu, learning rate 0.001, weight decay 0"."""
    return "; ".join(f"{name.replace('_', ' ')} {spelled(value)}" for name, value in values.items())
