"""Configurations chosen by Optuna from the results so far."""

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.config import RunConfig
from handgrad.errors import UsageError
from handgrad.sweeps.brains.axes import Axes
from handgrad.sweeps.brains.brain import Brain
from handgrad.sweeps.brains.favourites import favourites
from handgrad.sweeps.brains.independent import Random
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.trial import FAILED, STOPPED, Trial

ASKS = 3  # before a model is left aside for once that proposes what was tried already
STARTUP = 10  # trials drawn at random, before there is something to learn from


class Bayes(Brain):
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
        self._settled: set[int] = set()

    def sampler(self, seed: int) -> Any:
        """Optuna's sampler for one configuration."""
        import optuna

        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)

    def propose(self, ordinal: int, taken: Collection[str], trials: Sequence[Trial]) -> dict[str, Any] | None:
        """What the model thinks best of what nobody has had.

        In a finite space it soon proposes what was tried already, again and again: then the new one whose values have
        done best; for want of that, a random one.
        """
        if self.definition.size is not None and len(taken) >= self.definition.size:
            return None
        for trial in trials:
            if trial.number not in self._settled:
                self._reflect(trial)
        self._study.sampler = self.sampler(int(np.random.SeedSequence([self.seed, ordinal]).generate_state(1)[0]))
        for _ in range(ASKS):
            values = self._ask()
            if self._new(values, taken):
                return values
        untried = (each for each in favourites(self.definition, values, trials) if self._new(each, taken))
        return next(untried, None) or Random(self.definition, self.base, self.seed).propose(ordinal, taken, trials)

    def _ask(self) -> dict[str, Any]:
        import optuna

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            asked = self._study.ask(self.axes.distributions)
        self._study.tell(asked, state=optuna.trial.TrialState.FAIL)  # the one that is taken comes back as a trial
        return self.axes.values(asked.params)

    def _new(self, values: dict[str, Any], taken: Collection[str]) -> bool:
        """Whether nobody has had these values, and they can go together."""
        if self.definition.key(values) in taken:
            return False
        try:
            self.definition.to_config(values, self.base)
        except UsageError:
            return False
        return True

    def _reflect(self, trial: Trial) -> None:
        """Bring the mirror's copy of a trial up to date."""
        from optuna.trial import TrialState, create_trial

        if trial.number not in self._ids:
            params = self.axes.params(trial.values)
            copy = create_trial(state=TrialState.RUNNING, params=params, distributions=self.axes.distributions)
            self._ids[trial.number] = self._storage.create_new_trial(0, copy)
        if not trial.settled:
            return
        self._settled.add(trial.number)
        copy_id, objective = self._ids[trial.number], self.definition.metric.objective
        if trial.state == FAILED or trial.objective is None:
            self._storage.set_trial_state_values(copy_id, TrialState.FAIL)
            return
        if trial.state == STOPPED:
            for epoch, value in trial.epochs.items():
                self._storage.set_trial_intermediate_value(copy_id, epoch, objective(value))
        state = TrialState.PRUNED if trial.state == STOPPED else TrialState.COMPLETE
        self._storage.set_trial_state_values(copy_id, state, [objective(trial.objective)])


class GaussianProcess(Bayes):
    """Optuna's Gaussian process, for few and slow trials in a space of numbers; it needs PyTorch."""

    needs: Mapping[str, str] = {"optuna": "sweep", "torch": "torch"}

    def sampler(self, seed: int) -> Any:
        """Optuna's sampler for one configuration."""
        import optuna

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.GPSampler(seed=seed, n_startup_trials=STARTUP, deterministic_objective=False)
