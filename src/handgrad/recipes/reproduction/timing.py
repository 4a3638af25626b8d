"""How long the runs and sweeps of a plan would take."""

from collections.abc import Sequence
from typing import Any

from handgrad.classical import CLASSICAL
from handgrad.classical import estimate as estimate_fit
from handgrad.config import RunConfig, build_dataset
from handgrad.errors import HandgradError
from handgrad.recipes.reproduction.plan import Plan, digest
from handgrad.recipes.reproduction.searching import PlannedSweep
from handgrad.recipes.reproduction.work import over
from handgrad.runs import make_trainer, prepare, prepare_classical
from handgrad.sweeps.timing import estimate as estimate_trial
from handgrad.training.estimate import estimate_seconds

START_SECONDS = 3.0  # of a process
RUN_SECONDS = 0.3  # loading data, writing the folder, measuring at the end
# What a step's time does not hang on.
WITHOUT_COST = (
    "seed",
    "schedule",
    "learning_rate",
    "weight_init",
    "momentum",
    "beta",
    "beta1",
    "beta2",
    "log_test",
)


def estimated_seconds(plan: Plan, jobs: int) -> float:
    """For what is missing, `jobs` at a time; each kind of training is timed for a moment, and projected.

    What a sweep is yet to find takes as long as its trials do on average.

    Math    start + max(sum over runs and sweeps / jobs, the longest of them)
    """
    seconds = _of_runs([config for config in plan.distinct if not over(config)])
    for key, planned in plan.sweeps.items():
        if not planned.over:
            trial = _of_trial(planned)
            seconds.append(trial * (planned.wanted - planned.begun))
            seconds += [trial] * plan.seeds * sum(plan.origin(each) == key for each in plan.lacking)
    return START_SECONDS + max(sum(seconds) / jobs, max(seconds, default=0.0))


def _of_runs(configs: Sequence[RunConfig]) -> list[float]:
    epoch: dict[str, float] = {}
    seconds = []
    for config in configs:
        kind = _kind(config)
        key = digest(kind)
        if key not in epoch:
            epoch[key] = _seconds(kind)
        seconds.append(RUN_SECONDS + epoch[key] * (1 if config.model in CLASSICAL else config.epochs))
    return seconds


def _of_trial(planned: PlannedSweep) -> float:
    """On average; 0 where nothing can be trained."""
    try:
        return RUN_SECONDS + estimate_trial(planned.definition, planned.base).seconds
    except HandgradError:
        return 0.0


def _kind(config: RunConfig) -> RunConfig:
    """One epoch of a training that takes as long as the config's."""
    if config.model in CLASSICAL:
        return config.replaced(seed=0)
    return config.replaced(epochs=1, **{name: RunConfig.model_fields[name].default for name in WITHOUT_COST})


def _seconds(config: RunConfig) -> float:
    """0 for what will be refused, which takes no time."""
    try:
        dataset = build_dataset(config)
        if config.model in CLASSICAL:
            return _of_fit(prepare_classical(config, dataset), len(dataset.y_test), config.seed)
        return estimate_seconds(make_trainer(config, dataset, prepare(config, dataset)))
    except HandgradError:
        return 0.0


def _of_fit(prepared: Any, test_images: int, seed: int) -> float:
    expected = estimate_fit(prepared.model, prepared.x_train, prepared.parts.y_train, seed)
    scored = test_images + len(prepared.parts.y_validation) + min(len(prepared.x_train), 10_000)
    return float(expected.fit + expected.score * scored)
