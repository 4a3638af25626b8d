"""From a configuration to a finished run: data, network, training, evaluation, folder."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.config import RunConfig, build_layers, build_links, build_loss, build_optimizer, build_schedule
from handgrad.data import Dataset, Split, load, split
from handgrad.errors import CorruptDataError, DivergedError, UsageError
from handgrad.evaluation import Measure, measure
from handgrad.files import atomic_write
from handgrad.nn import Network, Scaling
from handgrad.runs.folder import Run, create_run, open_run
from handgrad.runs.interruption import InterruptedRunError, stopping_on_signals
from handgrad.runs.journal import Journal, writing_log
from handgrad.runs.recorder import Recorder
from handgrad.training import Augmentation, Observer, Settings, Trainer, load_newest_checkpoint
from handgrad.training.checkpoint import PATTERN
from handgrad.training.environment import environment
from handgrad.training.weights import load_weights


def build_network(config: RunConfig, dataset: Dataset, rows: Any) -> Network:
    """The network that `config` describes for the images of `dataset`; `rows` are its training images.

    Raises  UsageError when layers do not fit, or the last one has not one output a class.
    """
    layers = build_layers(config, dataset.classes)
    network = Network(
        layers,
        dataset.image_shape,
        loss=build_loss(config),
        seed=config.seed,
        dtype=config.dtype,
        scaling=_scaling(config, dataset, rows),
        class_names=dataset.class_names,
    )
    if network.classes != dataset.classes:
        raise UsageError(
            f"the network's output has shape {network.plans[-1].output}, expected ({dataset.classes},), "
            f"one for each class of {dataset.name} (--layers)"
        )
    return network


def build_settings(config: RunConfig) -> Settings:
    """What the training loop is told, from a configuration."""
    names = (
        "epochs",
        "batch_size",
        "seed",
        "patience",
        "monitor",
        "keep",
        "time_limit",
        "log_every",
        "evaluate_every",
    )
    augmentation = {name: getattr(config, name) for name in ("noise", "shift", "elastic", "elastic_sigma")}
    return Settings(
        optimizer=build_optimizer(config),
        schedule=build_schedule(config),
        links=build_links(config),
        augmentation=Augmentation(**augmentation),
        **{name: getattr(config, name) for name in names},
    )


def prepare(config: RunConfig, dataset: Dataset) -> tuple[Network, Split, Settings]:
    """Split, network and settings of a run, all checked, before anything is written or trained."""
    parts = split(dataset, config.validation_fraction, config.seed, config.train_fraction)
    return build_network(config, dataset, parts.train_rows), parts, build_settings(config)


ObserverMaker = Callable[[RunConfig, Path], Sequence[Observer]]
"""Makes the observers of a run from its configuration and its folder."""


def no_observers(config: RunConfig, folder: Path) -> Sequence[Observer]:
    """Nobody watches."""
    return ()


def execute(
    config: RunConfig,
    observers: ObserverMaker = no_observers,
    start: Path | None = None,
    *,
    dataset: Dataset | None = None,
    lean: bool = False,
) -> Run:
    """Train as `config` says, in a new folder below its `runs_dir`; from the weights in the file `start`, if given.

    `dataset` is the one that `config` names, where it is loaded already. A `lean` run is one of many, of which few will
    be chosen: at its end it looks at the validation images alone, never at the test images, and keeps no checkpoint.

    Raises  UsageError, FileSystemError, CorruptDataError; DivergedError; InterruptedRunError. The run stays in its
            folder, to be looked at or resumed, when training had begun.
    """
    dataset = dataset or load(config.dataset, config.resize)
    prepared = prepare(config, dataset)
    if start is not None:
        load_weights(prepared[0], start)
    name = config.name or config.auto_name()
    run = create_run(Path(os.path.expanduser(config.runs_dir)), name, numbered=config.name is None)
    with run.locked():
        atomic_write(run.config_file, config.to_yaml())
        facts = {"command": config.command(), "data": dataset.fingerprint, "environment": environment()}
        run.write_json(run.facts_file, facts | ({"start": str(start.resolve())} if start else {}))
        return _train(run, config, dataset, prepared, observers(config, run.path), lean)


def resume(
    path: Path,
    observers: ObserverMaker = no_observers,
    *,
    dataset: Dataset | None = None,
    lean: bool = False,
) -> Run:
    """Go on with the run in `path` from its newest checkpoint; one that is over is left as it is.

    `dataset` and `lean` are as for `execute`.

    Raises  as `execute`; CorruptDataError when the data set is another one than the run began with.
    """
    run = open_run(path)
    with run.locked():
        if run.complete:
            return run
        config = run.config
        dataset = dataset or load(config.dataset, config.resize)
        if run.facts.get("data", dataset.fingerprint) != dataset.fingerprint:
            raise CorruptDataError(
                f"the data set {config.dataset} is not the one that {path} began with: restore it to resume"
            )
        run.checkpoints.mkdir(exist_ok=True)
        prepared = prepare(config, dataset)
        if "start" in run.facts and not any(run.checkpoints.glob(PATTERN)):  # killed before the first one was written
            load_weights(prepared[0], Path(run.facts["start"]))
        return _train(run, config, dataset, prepared, observers(config, run.path), lean)


def _train(
    run: Run,
    config: RunConfig,
    dataset: Dataset,
    prepared: tuple[Network, Split, Settings],
    observers: Sequence[Observer],
    lean: bool,
) -> Run:
    network, parts, settings = prepared
    test = (dataset.x_test, dataset.y_test) if config.log_test and len(dataset.y_test) and not lean else None
    trainer = Trainer(network, parts, settings, (), test)
    history = run.read_history()
    step = load_newest_checkpoint(trainer, run.checkpoints, len(history.losses))
    trainer.history = run.rewrite_history(history, step)
    trainer.observers = (Recorder(run, config.checkpoint_seconds, lean), Journal(), *observers)
    with stopping_on_signals(trainer) as interruption, writing_log(run):
        failure = _run(trainer)
        trainer.restore_best()
        metrics = _metrics(config, trainer, _last_epoch(config, trainer) if lean else _measures(dataset, trainer))
        if not lean and metrics["train"]["loss"] is None:  # the last update overflowed, and no validation set showed it
            failure = failure or DivergedError(
                "training diverged: the network that it ended with answers NaN. Lower --learning_rate"
            )
            metrics["stopped"] = "diverged"
        else:
            run.save_model(network)
        run.write_json(run.metrics_file, metrics)
        if lean and run.complete:
            run.drop_checkpoints()
    for observer in observers:
        observer.finished(trainer, run)
    if failure:
        raise failure
    if interruption.signal:
        raise InterruptedRunError(
            f"stopped at step {trainer.step} of {trainer.total_steps}, saved. Go on with: handgrad resume {run.path}",
            interruption.signal,
        )
    return run


def _run(trainer: Trainer) -> DivergedError | None:
    """The divergence that the training ended with, whose best network is worth as much as any other."""
    try:
        trainer.run()
    except DivergedError as error:
        return error
    return None


def _measures(dataset: Dataset, trainer: Trainer) -> dict[str, Measure]:
    network, parts = trainer.network, trainer.split
    return {
        "test": measure(network, dataset.x_test, dataset.y_test),
        "train": measure(network, parts.x, parts.y, parts.train_rows),
        "validation": measure(network, parts.x, parts.y, parts.validation_rows),
    }


def _last_epoch(config: RunConfig, trainer: Trainer) -> dict[str, Measure]:
    """What was measured on the validation images when the network had the weights that it keeps."""
    unknown, history = Measure(np.nan, np.nan), trainer.history
    best = history.best(config.monitor) if config.keep == "best" else None
    kept = best or (history.epochs[-1] if history.epochs else None)
    validation = Measure(kept.validation_accuracy, kept.validation_loss) if kept else unknown
    return {"test": unknown, "train": unknown, "validation": validation}


def _metrics(config: RunConfig, trainer: Trainer, measures: dict[str, Measure]) -> dict[str, Any]:
    history = trainer.history
    best = history.best(config.monitor)
    return {
        **{part: _numbers(values) for part, values in measures.items()},
        "epochs": [epoch.row() for epoch in history.epochs],
        "best_epoch": best.epoch if best else None,
        "stopped": history.stopped,
        "steps": trainer.step,
        "seconds": round(trainer.seconds, 6),
        "parameters": int(trainer.network.parameters.size),
        "config": config.to_mapping(),
    }


def _numbers(values: Measure) -> dict[str, float | None]:
    """JSON has no NaN; right answers of a network whose loss is none are an accident of argmax."""
    return {name: value if np.isfinite(values.loss) else None for name, value in values._asdict().items()}


def _scaling(config: RunConfig, dataset: Dataset, rows: Any) -> Scaling:
    """Pixels to [0, 1], or to mean 0 and deviation 1 over the training images (rows of x_train)."""
    if config.normalize != "standard":
        return Scaling()
    counts = np.zeros(256, np.int64)
    for part in np.array_split(rows, max(1, len(rows) // 1000)):
        counts += np.bincount(dataset.x_train[part].ravel(), minlength=256)
    mean = np.average(np.arange(256), weights=counts)
    deviation = np.sqrt(np.average((np.arange(256) - mean) ** 2, weights=counts)) or 1.0
    return Scaling(float(1 / deviation), float(-mean / deviation))
