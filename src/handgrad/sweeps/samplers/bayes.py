"""Samplers that learn from the results so far: a tree-structured Parzen estimator, and a Gaussian process."""

import heapq
import json
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from handgrad.config import RunConfig
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.samplers.base import Random, Sampler
from handgrad.sweeps.space import Axis
from handgrad.sweeps.store import FAILED, STOPPED, Trial

NEAREST = 6  # values of a long list that are considered, on either side of the one proposed
ASKS = 3  # before a model is left aside for once that suggests what was tried already
STARTUP = 10  # trials drawn at random, before there is something to learn from


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
        found = {}
        for name, value in values.items():
            distribution = self.definition.varying[name]
            if (axis := distribution.axis).type == "categorical":
                found[name] = next(_label(choice) for choice in axis.choices if _label(choice) == _label(value))
            else:
                found[name] = value if axis.natural else distribution.probability(value)
        return found

    def values(self, params: dict[str, Any]) -> dict[str, Any]:
        """Optuna's parameters as values of the sweep."""
        found = {}
        for name, distribution in self.definition.varying.items():
            if (axis := distribution.axis).type == "categorical":
                found[name] = next(choice for choice in axis.choices if _label(choice) == params[name])
            else:
                found[name] = params[name] if axis.natural else distribution.quantile(params[name])
        return self.definition.canonical(found)


def _optuna(axis: Axis) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if axis.type == "categorical":
        return CategoricalDistribution([_label(choice) for choice in axis.choices])
    if not axis.natural:
        return FloatDistribution(0.0, 1.0)
    if axis.type == "int":
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log, step=max(1, int(axis.step)))
    return FloatDistribution(axis.low, axis.high, log=axis.log, step=axis.step or None)


def _label(choice: Any) -> Any:
    return choice if isinstance(choice, str | int | float | bool | None) else json.dumps(choice)


def greedy_fallback(
    definition: SweepDefinition, values: dict[str, Any], trials: Sequence[Trial]
) -> Iterator[dict[str, Any]]:
    """Every configuration around `values` once, those first whose values have done best so far.

    A value counts for the mean rank of its trials, from 0 for the best to 1 for the worst, and a configuration for the
    sum over its parameters. Parameters without end of values stay as they are in `values`.
    """
    objective = definition.metric.objective
    rated = sorted((trial for trial in trials if trial.rated), key=lambda trial: objective(trial.objective or 0.0))
    ranks: dict[tuple[str, str], list[float]] = defaultdict(list)
    for rank, trial in enumerate(rated):
        for name, value in trial.values.items():
            ranks[name, str(value)].append(rank / max(1, len(rated) - 1))
    # Their mean, with one in the middle besides: little is known of a value with few trials
    ladders = [
        sorted(
            (fmean([0.5, *ranks[name, str(each)]]), place, each)
            for place, each in enumerate(_around(definition, name, v))
        )
        for name, v in values.items()
    ]
    for steps in _by_sum([[progress for progress, _, _ in ladder] for ladder in ladders]):
        yield {name: ladder[step][2] for name, ladder, step in zip(values, ladders, steps, strict=True)}


def _by_sum(ladders: list[list[float]]) -> Iterator[tuple[int, ...]]:
    """One place on each ascending ladder, every combination once, in the order of the sum of what stands there."""
    first = (0,) * len(ladders)
    heap, seen = [(sum(ladder[0] for ladder in ladders), first)], {first}
    while heap:
        total, places = heapq.heappop(heap)
        yield places
        for i, ladder in enumerate(ladders):
            place = places[i] + 1
            further = (*places[:i], place, *places[i + 1 :])
            if place < len(ladder) and further not in seen:
                seen.add(further)
                heapq.heappush(heap, (total + ladder[place] - ladder[place - 1], further))


def _around(definition: SweepDefinition, name: str, value: Any) -> list[Any]:
    """The values of a parameter, of a long list those near this one; only this one where there is no end to them."""
    if definition.parameters[name].size is None:
        return [value]
    every = definition.grid(name)
    place = every.index(value)
    return every[max(0, place - NEAREST) : place + 1 + NEAREST]


class TPE(Sampler):
    """The tree-structured Parzen estimator: what good trials have in common and bad ones have not.

    It asks a study in memory that mirrors the sweep's, so that asking costs no commit, and what was proposed in vain
    leaves no trace. Its sampler is seeded for each configuration anew: a resumed sweep goes on as if it never stopped.

    Ref     Bergstra et al., Algorithms for Hyper-Parameter Optimization, 2011
    """

    needs: Mapping[str, str] = {"optuna": "sweep"}

    def __init__(self, definition: SweepDefinition, base: RunConfig, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        super().__init__(definition, base, seed)
        self.axes = Axes(definition)
        self._storage = optuna.storages.InMemoryStorage()
        self._study = optuna.create_study(storage=self._storage, study_name="mirror", direction="minimize")
        self._ids: dict[int, int] = {}
        self._copied: set[int] = set()

    def sampler(self, seed: int) -> Any:
        import optuna

        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)

    def suggest(self, ordinal: int, taken: Collection[str], trials: Sequence[Trial]) -> dict[str, Any] | None:
        """What the model thinks best of what nobody has had.

        In a finite space it soon suggests what was tried already, again and again: then the new one whose values have
        done best; for want of that, a random one.
        """
        if self.definition.size is not None and len(taken) >= self.definition.size:
            return None
        for trial in trials:
            if trial.number not in self._copied:
                self._copy(trial)
        self._study.sampler = self.sampler(int(np.random.SeedSequence([self.seed, ordinal]).generate_state(1)[0]))
        for _ in range(ASKS):
            values = self._ask()
            if self._new(values, taken):
                return values
        untried = (each for each in greedy_fallback(self.definition, values, trials) if self._new(each, taken))
        return next(untried, None) or Random(self.definition, self.base, self.seed).suggest(ordinal, taken, trials)

    def _ask(self) -> dict[str, Any]:
        import optuna

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            proposed = self._study.ask(self.axes.distributions)
        self._study.tell(proposed, state=optuna.trial.TrialState.FAIL)  # the one that is taken comes back as a trial
        return self.axes.values(proposed.params)

    def _new(self, values: dict[str, Any], taken: Collection[str]) -> bool:
        """Whether nobody has had these values, and they can go together."""
        return self.definition.key(values) not in taken and self.definition.is_possible(values, self.base)

    def _copy(self, trial: Trial) -> None:
        """Bring the mirror's copy of a trial up to date."""
        from optuna.trial import TrialState, create_trial

        if trial.number not in self._ids:
            params = self.axes.params(trial.values)
            copy = create_trial(state=TrialState.RUNNING, params=params, distributions=self.axes.distributions)
            self._ids[trial.number] = self._storage.create_new_trial(0, copy)
        if not trial.ended:
            return
        self._copied.add(trial.number)
        copy_id, objective = self._ids[trial.number], self.definition.metric.objective
        if trial.state == FAILED or trial.objective is None:
            self._storage.set_trial_state_values(copy_id, TrialState.FAIL)
            return
        if trial.state == STOPPED:
            for epoch, value in trial.epochs.items():
                self._storage.set_trial_intermediate_value(copy_id, epoch, objective(value))
        state = TrialState.PRUNED if trial.state == STOPPED else TrialState.COMPLETE
        self._storage.set_trial_state_values(copy_id, state, [objective(trial.objective)])


class GaussianProcess(TPE):
    """Optuna's Gaussian process, for few and slow trials in a space of numbers; it needs PyTorch."""

    needs: Mapping[str, str] = {"optuna": "sweep", "torch": "torch"}

    def sampler(self, seed: int) -> Any:
        import optuna

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.GPSampler(seed=seed, n_startup_trials=STARTUP, deterministic_objective=False)
