"""Trials put together by their configuration."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any, NamedTuple

from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.trial import Trial


class Configuration(NamedTuple):
    """Rated replicates of one configuration; `gain` is their mean objective, turned so that more is better."""

    values: dict[str, Any]
    trials: tuple[Trial, ...]
    objectives: tuple[float, ...]
    gain: float

    @property
    def mean(self) -> float:
        """Of the objectives."""
        return fmean(self.objectives)


def configurations(sweep: Sweep, trials: Sequence[Trial]) -> list[Configuration]:
    """Those with an objective, the best first; equal ones in the order of their trials."""
    together: dict[str, list[Trial]] = {}
    for trial in sorted(trials, key=lambda trial: trial.number):
        if trial.rated:
            together.setdefault(sweep.definition.key(trial.values), []).append(trial)
    found = [_configuration(sweep, tuple(group)) for group in together.values()]
    return sorted(found, key=lambda each: (-each.gain, each.trials[0].number))


def told(sweep: Sweep, objective: float) -> float:
    """An objective as it is told: the metric's value, or how far it is from the target that it is to come near."""
    metric = sweep.definition.metric
    return metric.objective(objective) if metric.goal == "target" else objective


def _configuration(sweep: Sweep, trials: tuple[Trial, ...]) -> Configuration:
    objectives = tuple(told(sweep, trial.objective) for trial in trials if trial.objective is not None)
    sign = 1 if sweep.definition.metric.goal == "maximize" else -1
    return Configuration(trials[0].values, trials, objectives, sign * fmean(objectives))
