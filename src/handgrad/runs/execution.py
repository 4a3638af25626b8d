"""From a configuration to a finished run: data, network, training, evaluation, folder."""

import logging
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from handgrad.classical import CLASSICAL
from handgrad.config import (
    RunConfig,
    build_dataset,
    build_layers,
    build_loss,
    build_split,
    data_key,
)
from handgrad.config.build import build_class_weights, build_scaling
from handgrad.config.describe import folder_of_name
from handgrad.config.schema import NETWORKS
from handgrad.data import DATASETS, Dataset, PixelRange, Split
from handgrad.errors import ERROR, CorruptDataError, Diagnostic, DivergedError, UsageError
from handgrad.evaluation import Measure
from handgrad.evaluation.picture import light_background
from handgrad.files import atomic_write
from handgrad.nn import Network
from handgrad.runs.classical import fit_classical, prepare_classical
from handgrad.runs.interruption import InterruptedRunError, stopping_on_signals
from handgrad.runs.recording import Journal, Recorder, writing_log
from handgrad.runs.store import (
    KEYS,
    Run,
    began_with,
    create_run,
    edits,
    existing_run,
    in_words,
    origin_of,
    refusal,
    require_weights,
)
from handgrad.torch_port import BACKENDS, load_weights
from handgrad.training import Callback, LayerRecorder, Settings, Trainer, load_model, load_newest_checkpoint
from handgrad.training.chance import at_chance
from handgrad.training.checkpoint import newest_origin
from handgrad.training.diagnose import diagnose, heed
from handgrad.training.settings import build_settings
from handgrad.training.trainer import environment

log = logging.getLogger("handgrad")
SOON = 1.0  # seconds of training, for which a figure can wait
CallbackMaker = Callable[[RunConfig, Path], Sequence[Callback]]
"""Makes the callbacks of a run from its configuration and its folder."""


def build_network(config: RunConfig, dataset: Dataset, rows: Any) -> Network:
    """The network that `config` describes for the images of `dataset`; `rows` are its training images.

    Raises  UsageError when layers do not fit, or the last one has not one output a class.
    """
    layers = build_layers(config, dataset.classes, dataset.input_shape)
    if config.model == "cnn" and dataset.channels == 3:
        items = " ".join(NETWORKS["cnn"](config, dataset.image_shape))
        log.warning("model cnn for %d x %d pixels in colour: %s", *dataset.image_shape[1:], items)
    network = Network(
        layers,
        dataset.input_shape,
        loss=build_loss(config),
        seed=config.seed,
        dtype=config.dtype,
        scaling=build_scaling(config, dataset, rows),
        class_names=dataset.class_names,
        class_weights=build_class_weights(config, dataset.y_train[rows], dataset.classes),
    )
    if network.classes != dataset.classes:
        raise UsageError(
            f"the network's output has shape {network.plans[-1].output}, expected ({dataset.classes},), "
            f"one for each class of {dataset.name} (--layers)"
        )
    return network


def prepare(config: RunConfig, dataset: Dataset) -> tuple[Network, Split, Settings]:
    """Split, network and settings of a run, all checked, before anything is written or trained."""
    parts = build_split(config, dataset)
    return build_network(config, dataset, parts.train_rows), parts, build_settings(config)


def diagnose_run(config: RunConfig, dataset: Dataset) -> list[Diagnostic]:
    """What is wrong with a run's images, labels and settings, before it trains."""
    if config.model in CLASSICAL:
        return diagnose(build_split(config, dataset), dataset.class_names, dataset)
    network, parts, settings = prepare(config, dataset)
    return diagnose(parts, dataset.class_names, dataset, network, settings)


def diagnose_each(configs: Iterable[RunConfig]) -> list[list[Diagnostic]]:
    """`diagnose_run` of every one, and what else refuses it, on data sets that are loaded once.

    Raises  FileSystemError, CorruptDataError.
    """
    found, datasets = [], dict[Any, Dataset]()
    for config in configs:
        try:
            source = data_key(config)
            if source not in datasets:
                datasets[source] = build_dataset(config)
            found.append(diagnose_run(config, datasets[source]))
        except UsageError as error:
            found.append([Diagnostic(ERROR, str(error))])
    return found


def make_trainer(config: RunConfig, dataset: Dataset, prepared: tuple[Network, Split, Settings]) -> Trainer:
    """The trainer of the backend that `config` names, on what `prepare` made of it.

    Raises  UsageError when that backend is not installed, or lacks a layer, an optimizer or the device.
    """
    test = (dataset.x_test, dataset.y_test) if config.log_test and len(dataset.y_test) else None
    return BACKENDS[config.backend](*prepared, test=test, device=config.device)


def no_callbacks(config: RunConfig, folder: Path) -> Sequence[Callback]:
    """No callbacks."""
    return ()


def execute(
    config: RunConfig,
    callbacks: CallbackMaker = no_callbacks,
    start: Path | None = None,
    *,
    dataset: Dataset | None = None,
    trial_mode: bool = False,
    quiet: bool = False,
) -> Run:
    """Train as `config` says, in a new folder below its `runs_dir`; from the weights in the file `start`, if given.

    `dataset` is the one that `config` names, where it is loaded already. A run in `trial_mode` is one of many, of which
    few will be chosen: it ends with the validation images alone, never the test images, keeps no checkpoint, and waits
    for no disk: `Run.flush` does, where it matters. `quiet`: warnings of `diagnose_run` were logged before.

    Raises  UsageError, FileSystemError, CorruptDataError; DivergedError; InterruptedRunError. The run stays in its
            folder, to be looked at or resumed, when training had begun.
    """
    if not isinstance(config, RunConfig):
        raise UsageError(f"execute takes a handgrad.RunConfig, got {config!r:.60}")
    dataset = dataset or build_dataset(config)
    if not trial_mode:
        heed(diagnose_run(config, dataset), quiet=quiet)
    if start is not None and config.model in CLASSICAL:
        raise UsageError(f"model {config.model} does not start from weights: leave out --model_path")
    origin = origin_of(config, dataset, start)
    job = _job(config, dataset, start, origin)
    name = folder_of_name(config.name) if config.name else config.auto_name()

    def fill(run: Run) -> None:
        atomic_write(run.config_file, config.to_yaml(), run.durable)
        run.write_json(run.facts_file, _facts(config, dataset, origin) | {"environment": job.environment})

    run = create_run(Path(os.path.expanduser(config.runs_dir)), name, config.name is None, not trial_mode, fill)
    with _begun(run):
        return job.fill(run, callbacks(config, run.path), trial_mode)


@contextmanager
def _begun(run: Run) -> Iterator[None]:
    """The run's lock; a Ctrl-C that comes before or after the training, which has its own way to stop, is reported."""
    try:
        with run.locked():
            yield
    except KeyboardInterrupt:
        raise InterruptedRunError(f"stopped. Go on with: handgrad resume {run.path}", signal.SIGINT) from None


def _facts(config: RunConfig, dataset: Dataset, origin: Mapping[str, Any]) -> dict[str, Any]:
    """What is known at the start; for images to come, the shape, the range of pixels and the ground of these."""
    shape = {"image_shape": dataset.image_shape} if dataset.pictures else {}
    pixels = {"pixel_range": dataset.pixel_range} if dataset.pixel_range != PixelRange() else {}
    own = not dataset.pictures and dataset.channels == 1 and dataset.name not in DATASETS
    drawn = {"light_background": light_background(dataset.x_train)} if own else {}
    return {"command": config.command(), **origin, **shape, **pixels, **drawn}


def resume(
    path: Path, callbacks: CallbackMaker = no_callbacks, *, dataset: Dataset | None = None, trial_mode: bool = False
) -> Run:
    """Go on with the run in `path` from its newest checkpoint; one that is over is left as it is.

    `dataset` and `trial_mode` are as for `execute`.

    Raises  as `execute`; UsageError when its configuration was edited; CorruptDataError when the data set or the first
            weights are others than the run began with.
    """
    run = existing_run(path, durable=not trial_mode)
    with _begun(run):
        over, config = run.complete, run.config
        began = began_with(run, over)
        if not over:
            dataset = dataset or build_dataset(config)
        found = edits(began, config, dataset.fingerprint if dataset else "", over)
        if found:
            raise UsageError(refusal(run, config, found, began.get("start")))
        if over or dataset is None:
            return run
        if began.get("data", dataset.fingerprint) != dataset.fingerprint:
            raise CorruptDataError(
                f"the data set {config.dataset} is not the one that {path} began with: restore it to resume"
            )
        # Without a valid checkpoint, a run from given weights begins with them again.
        start = require_weights(began) if newest_origin(run.checkpoints) is None else None
        origin = {name: value for name, value in began.items() if name in KEYS} | {"config": config.to_mapping()}
        job = _job(config, dataset, start, {**origin, "data": dataset.fingerprint})
        if "command" not in began or began.get("config") != origin["config"]:
            facts = {"environment": job.environment, **began, **_facts(config, dataset, job.origin)}
            run.write_json(run.facts_file, facts)
        return job.fill(run, callbacks(config, run.path), trial_mode)


class Job(NamedTuple):
    """What fills the folder of a run, checked as far as possible before there is one."""

    fill: Callable[[Run, Sequence[Callback], bool], Run]
    environment: dict[str, Any]
    origin: Mapping[str, Any]


def _job(config: RunConfig, dataset: Dataset, start: Path | None, origin: Mapping[str, Any]) -> Job:
    if config.model in CLASSICAL:
        fitting = partial(fit_classical, config, dataset, prepare_classical(config, dataset))
        return Job(lambda run, callbacks, trial_mode: fitting(run, callbacks), environment(), origin)
    prepared = prepare(config, dataset)
    if start is not None:
        load_weights(prepared[0], start)
    trainer = make_trainer(config, dataset, prepared)
    return Job(partial(_train, config, dataset, trainer, origin), trainer.environment(), origin)


def _train(
    config: RunConfig,
    dataset: Dataset,
    trainer: Trainer,
    origin: Mapping[str, Any],
    run: Run,
    callbacks: Sequence[Callback],
    trial_mode: bool,
) -> Run:
    run.checkpoints.mkdir(exist_ok=True)
    history = run.read_history()

    def foreign(other: Mapping[str, Any]) -> str:
        return in_words(edits(other, config, dataset.fingerprint))

    step = load_newest_checkpoint(trainer, run.checkpoints, len(history.losses), foreign)
    trainer.history, digest = run.rewrite_history(history, step)
    if trial_mode:
        trainer.test = None
    statistics = () if trial_mode else (LayerRecorder(),)
    with stopping_on_signals(trainer) as interruption, writing_log(run):
        recorder = Recorder(run, config.checkpoint_seconds, trial_mode, origin, digest)
        trainer.callbacks = (*statistics, recorder, Journal(), *callbacks)
        failure = _run(trainer)
        trainer.restore_best()
        measures = _last_epoch(config, trainer) if trial_mode else _measures(dataset, trainer)
        metrics = _metrics(config, trainer, measures)
        # The last update may have overflowed where no validation set showed it.
        if not trial_mode and metrics["train"]["loss"] is None:
            what = "training diverged: the final network's outputs are NaN. Lower --learning_rate"
            failure = failure or DivergedError(what)
            metrics["stopped"] = "diverged"
        else:
            run.save_model(trainer.network)
        if not trial_mode and not failure and not interruption.signal:
            _judge(metrics, trainer, dataset, measures)
        run.write_json(run.metrics_file, metrics)
        if run.complete:
            run.drop_checkpoints(_soon_repeated(run))
    for callback in callbacks:
        callback.finished(trainer, run)
    if failure:
        raise failure
    if interruption.signal:
        raise InterruptedRunError(
            f"stopped at step {trainer.step} of {trainer.total_steps}, saved. Go on with: handgrad resume {run.path}",
            interruption.signal,
        )
    return run


def first_epoch_network(run: Run, dataset: Dataset) -> Network | None:
    """The network after the first of several epochs: kept, or trained again where that is soon done; else None."""
    if run.first_epoch_file.exists():
        return load_model(run.first_epoch_file)
    if not _soon_repeated(run):
        return None
    trainer = make_trainer(run.config, dataset, prepare(run.config, dataset))
    trainer.seconds_for(trainer.steps_per_epoch)
    return trainer.network


def _soon_repeated(run: Run) -> bool:
    """Whether the first of several epochs took no longer than SOON, and its weights follow from the settings alone."""
    config, epochs = run.config, run.read_history().epochs
    repeatable = config.epochs > 1 and config.backend == "handgrad" and "start" not in run.facts
    return repeatable and bool(epochs) and epochs[0].seconds < SOON


def _run(trainer: Trainer) -> DivergedError | None:
    """The divergence that the training ended with, whose best network is worth as much as any other."""
    try:
        trainer.run()
    except DivergedError as error:
        return error
    return None


def _measures(dataset: Dataset, trainer: Trainer) -> dict[str, Measure]:
    parts = trainer.split
    return {
        "test": trainer.measure(dataset.x_test, dataset.y_test),
        "train": trainer.measure(parts.x, parts.y, parts.train_rows),
        "validation": trainer.measure(parts.x, parts.y, parts.validation_rows),
    }


def _judge(metrics: dict[str, Any], trainer: Trainer, dataset: Dataset, measures: dict[str, Measure]) -> None:
    """Say, and write down, when nothing was learned."""
    part = "test" if len(dataset.y_test) else "validation"
    verdict = at_chance(trainer, measures[part], part, (dataset.x_test, dataset.y_test))
    if verdict:
        metrics["warning"] = str(verdict)
        heed([verdict])


def _last_epoch(config: RunConfig, trainer: Trainer) -> dict[str, Measure]:
    """What was measured on the validation images when the network had the weights that it keeps."""
    unknown, history = Measure(), trainer.history
    best = history.best(config.monitor) if config.keep == "best" else None
    kept = best or (history.epochs[-1] if history.epochs else None)
    validation = Measure(*(getattr(kept, f"validation_{name}") for name in Measure._fields)) if kept else unknown
    return {"test": unknown, "train": unknown, "validation": validation}


def _metrics(config: RunConfig, trainer: Trainer, measures: dict[str, Measure]) -> dict[str, Any]:
    history = trainer.history
    best = history.best(config.monitor)
    return {
        **{part: _numbers(values) for part, values in measures.items()},
        "epochs": [epoch.row() for epoch in history.epochs],
        "best_epoch": best.epoch if best else None,
        "validation_images": len(trainer.split.validation_rows),
        "stopped": history.stopped,
        "steps": trainer.step,
        "seconds": round(trainer.seconds, 6),
        "parameters": int(trainer.network.parameters.size),
        "config": config.to_mapping(),
    }


def _numbers(values: Measure) -> dict[str, float | None]:
    """JSON has no NaN; right answers of a network whose loss is none are an accident of argmax."""
    return {name: value if np.isfinite(values.loss) else None for name, value in values._asdict().items()}
