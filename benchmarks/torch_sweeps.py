"""Sweeps with PyTorch by Optuna and by Ray Tune.

A configuration is trained as a good program does it: data as tensors, one thread, fused or foreach updates.
"""

import multiprocessing
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.sweepers import Job, Swept

PARTS = ("x_train", "y_train", "x_validation", "y_validation")
FUSED = ("SGD", "Adam", "AdamW", "Adagrad")  # the others have a foreach version
STUDY, CHOICE = "sweep", "configuration"
QUIET_RAY = {"RAY_USAGE_STATS_ENABLED": "0", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "RAY_AIR_NEW_OUTPUT": "0"}
WEIGHTS = {
    "xavier": lambda weight, std: nn.init.xavier_uniform_(weight),
    "random": lambda weight, std: nn.init.normal_(weight, std=std),
}


def read(folder: Path) -> dict[str, Any]:
    """The arrays of a folder as tensors.  Shapes  x (N, D) float32 in [0, 1]; y (N,) int64"""
    arrays = {part: np.load(folder / f"{part}.npy") for part in PARTS}
    return {part: torch.from_numpy(array) for part, array in arrays.items()}


def train(trial: dict[str, Any], data: dict[str, Any], trained: Any = lambda accuracy: None) -> dict[str, Any]:
    """Train as `trial` says; `trained` is called with the validation accuracy after each epoch.

    The trial's keys: sizes of the layers, activation (a class of torch.nn), weights (a row of WEIGHTS) with their std,
    optimizer (a class of torch.optim) with its arguments, weight_decay, batch_size, epochs, seed.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(trial["seed"])
    model = network(trial)
    optimizer = build_optimizer(model, trial)
    x, y, accuracies, stepped = data["x_train"], data["y_train"], [], 0.0
    for _ in range(trial["epochs"]):
        model.train()
        for rows in torch.randperm(len(x)).split(trial["batch_size"]):
            optimizer.zero_grad()
            functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
            stepped = stepped or time.time()
        accuracies.append(accuracy(model, data["x_validation"], data["y_validation"]))
        trained(accuracies[-1])
    return {"accuracies": accuracies, "stepped": stepped, "over": time.time()}


def network(trial: dict[str, Any]) -> Any:
    """Linear layers with the activation between them; biases zero."""
    modules: list[Any] = []
    for inputs, outputs in zip(trial["sizes"], trial["sizes"][1:], strict=False):
        layer = nn.Linear(inputs, outputs)
        WEIGHTS[trial["weights"]](layer.weight, trial["std"])
        nn.init.zeros_(layer.bias)
        modules += [layer, getattr(nn, trial["activation"])()]
    return nn.Sequential(*modules[:-1])


def build_optimizer(model: Any, trial: dict[str, Any]) -> Any:
    """The optimizer of that name; weights decay, biases do not."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    groups: list[dict[str, Any]] = [{"params": list(model.parameters())}]
    if trial["weight_decay"]:
        groups = [{"params": weights, "weight_decay": trial["weight_decay"]}]
        groups += [{"params": [p for p in model.parameters() if p.ndim == 1]}]
    quick = {"fused": True} if trial["optimizer"] in FUSED else {"foreach": True}
    return getattr(torch.optim, trial["optimizer"])(groups, **trial["arguments"], **quick)


def accuracy(model: Any, images: Any, labels: Any) -> float:
    """The share of right answers."""
    model.eval()
    with torch.inference_mode():
        return float((model(images).argmax(1) == labels).float().mean())


def sweep_with_optuna(job: Job) -> list[Swept]:
    """A process a core on one study, which holds every configuration in the order given; they share the images."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    data = read(job.images)
    study = optuna.create_study(study_name=STUDY, storage=_storage(job), direction="maximize")
    for number in range(len(job.trials)):
        study.enqueue_trial({CHOICE: number})
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_optuna_worker, args=(job, data)) for _ in range(job.slots)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    done = {t.params[CHOICE]: t.user_attrs for t in study.get_trials() if t.state == optuna.trial.TrialState.COMPLETE}
    return [Swept(number, **trained) for number, trained in sorted(done.items())]


def _optuna_worker(job: Job, data: dict[str, Any]) -> None:
    import optuna
    from optuna.trial import TrialState

    study = optuna.load_study(study_name=STUDY, storage=_storage(job), sampler=optuna.samplers.RandomSampler(seed=0))
    count = len(job.trials)

    def objective(trial: Any) -> float:
        if trial.number >= count:  # drawn in the moment in which another process took the last one
            trial.study.stop()
            raise optuna.TrialPruned
        trained = train(job.trials[trial.suggest_int(CHOICE, 0, count - 1)], data)
        for name, value in trained.items():
            trial.set_user_attr(name, value)
        return float(max(trained["accuracies"]))

    enough = optuna.study.MaxTrialsCallback(count, states=(TrialState.COMPLETE, TrialState.RUNNING))
    study.optimize(objective, callbacks=[enough])


def _storage(job: Job) -> Any:
    """A file that processes share, which Optuna takes for its quickest storage of that kind."""
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    return JournalStorage(JournalFileBackend(str(job.folder / "journal.log")))


def sweep_with_ray(job: Job) -> list[Swept]:
    """A grid over the configurations: a core a trial, images in the object store, a report after each epoch."""
    import ray

    os.environ.update(QUIET_RAY)
    with tempfile.TemporaryDirectory(prefix="ray") as short:  # paths of its sockets may have 107 bytes
        ray.init(
            num_cpus=job.slots, include_dashboard=False, log_to_driver=False, logging_level="ERROR", _temp_dir=short
        )
        try:
            return _tuned(job)
        finally:
            ray.shutdown()


def _tuned(job: Job) -> list[Swept]:
    from ray import tune

    arrays = {part: tensor.numpy() for part, tensor in read(job.images).items()}
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(_ray_trial, arrays=arrays), {"cpu": 1}),
        param_space={"number": tune.grid_search(list(range(len(job.trials)))), "trials": job.trials},
        tune_config=tune.TuneConfig(metric="accuracy", mode="max", max_concurrent_trials=job.slots),
        run_config=tune.RunConfig(storage_path=str(job.folder), verbose=0),
    )
    found = [result.metrics for result in tuner.fit()]
    lacking = [number for number, trained in enumerate(found) if "trained" not in (trained or {})]
    if lacking:
        raise RuntimeError(f"trial {lacking[0]} of {len(found)} has no result")
    return [Swept(trained["config"]["number"], **trained["trained"]) for trained in found]


def _ray_trial(config: dict[str, Any], arrays: dict[str, Any]) -> None:
    from ray import tune

    data = {part: torch.from_numpy(array) for part, array in arrays.items()}
    trained = train(config["trials"][config["number"]], data, lambda accuracy: tune.report({"accuracy": accuracy}))
    tune.report({"accuracy": max(trained["accuracies"]), "trained": trained})
