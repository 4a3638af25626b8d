"""Ray Tune with PyTorch: one core a trial, the images once in its object store, actors used again."""

import os
import tempfile
from typing import Any

import ray
from ray import tune

from handgrad.bench.sweepers import Job, Swept
from handgrad.bench.sweepers.torch_trial import read, train

QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "RAY_AIR_NEW_OUTPUT": "0"}


def sweep(job: Job) -> list[Swept]:
    """A grid over the configurations, in the order given; every trial reports after each epoch."""
    os.environ.update(QUIET)
    with tempfile.TemporaryDirectory(prefix="ray") as short:  # paths of its sockets may have 107 bytes
        ray.init(
            num_cpus=job.slots, include_dashboard=False, log_to_driver=False, logging_level="ERROR", _temp_dir=short
        )
        try:
            return _tuned(job)
        finally:
            ray.shutdown()


def _tuned(job: Job) -> list[Swept]:
    arrays = {part: tensor.numpy() for part, tensor in read(job.images).items()}
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(_trial, arrays=arrays), {"cpu": 1}),
        param_space={"number": tune.grid_search(list(range(len(job.trials)))), "trials": job.trials},
        tune_config=tune.TuneConfig(metric="accuracy", mode="max", max_concurrent_trials=job.slots),
        run_config=tune.RunConfig(storage_path=str(job.folder), verbose=0),
    )
    found = [result.metrics for result in tuner.fit()]
    lacking = [number for number, told in enumerate(found) if "told" not in (told or {})]
    if lacking:
        raise RuntimeError(f"trial {lacking[0]} of {len(found)} has no result")
    return [Swept(told["config"]["number"], **told["told"]) for told in found]


def _trial(config: dict[str, Any], arrays: dict[str, Any]) -> None:
    import torch

    data = {part: torch.from_numpy(array) for part, array in arrays.items()}
    told = train(config["trials"][config["number"]], data, lambda accuracy: tune.report({"accuracy": accuracy}))
    tune.report({"accuracy": max(told["accuracies"]), "told": told})
