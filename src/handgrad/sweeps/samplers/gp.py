"""Configurations suggested by a Gaussian process from the results so far."""

import warnings
from collections.abc import Mapping
from typing import Any

from handgrad.sweeps.samplers.tpe import STARTUP, TPE


class GaussianProcess(TPE):
    """Optuna's Gaussian process, for few and slow trials in a space of numbers; it needs PyTorch."""

    needs: Mapping[str, str] = {"optuna": "sweep", "torch": "torch"}

    def sampler(self, seed: int) -> Any:
        import optuna

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.GPSampler(seed=seed, n_startup_trials=STARTUP, deterministic_objective=False)
