"""Predictions of runs: of the parts of their own data set, or of another data set."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.classical import CLASSICAL
from handgrad.config import RunConfig, build_dataset, build_split, data_key
from handgrad.data import Dataset
from handgrad.errors import CorruptDataError, UsageError
from handgrad.evaluation import Predictions, predict, same_images, wilson
from handgrad.runs.store import Run
from handgrad.text import visible_name
from handgrad.training.models import read_tensors, write_tensors

FORMAT = 1
log = logging.getLogger("handgrad")
PARTS = ("test", "validation", "train")
Progress = Callable[[Sequence[Run]], Iterable[Run]]
"""Goes through the runs, and may show how far it is."""


def write_predictions(path: Path, predictions: Mapping[str, Predictions]) -> None:
    """Write those of each part, such as "test".

    Raises  FileSystemError when it cannot be written.
    """
    one = next(iter(predictions.values()))
    document = {
        "kind": "predictions",
        "format": FORMAT,
        "parts": list(predictions),
        "class_names": one.class_names,
        "probabilistic": one.probabilistic,
    }
    tensors = {f"{part}.scores": np.ascontiguousarray(each.scores) for part, each in predictions.items()}
    labels = {f"{part}.labels": np.ascontiguousarray(each.labels) for part, each in predictions.items()}
    write_tensors(path, tensors | labels, document)


def read_predictions(path: Path) -> dict[str, Predictions]:
    """The predictions of each part.

    Raises  FileSystemError when it cannot be read; CorruptDataError when it is torn, altered or something else.
    """
    tensors, document = read_tensors(path, "predictions")
    if document.get("format") != FORMAT:
        raise CorruptDataError(
            f"{path} has format {document.get('format')}, this version reads {FORMAT}: update handgrad"
        )
    try:
        names, probabilistic = tuple(map(visible_name, document["class_names"])), bool(document["probabilistic"])
        return {
            part: Predictions(tensors[f"{part}.scores"], tensors[f"{part}.labels"], names, probabilistic)
            for part in document["parts"]
        }
    except (KeyError, TypeError) as error:
        raise CorruptDataError(f"{path} lacks something of predictions: {error!r}") from error


def predictions_of(run: Run, part: str = "test", dataset: Dataset | None = None) -> Predictions:
    """The predictions of the run's network for the test, validation or training images, by the run's own split.

    Its own data set is loaded unless `dataset` is given, with a warning when it is no longer what the run began with.

    Raises  UsageError when the part is empty, the data set has other classes or image sizes, or the run has no model;
            DivergedError; FileSystemError, CorruptDataError for what cannot be read.
    """
    if part not in PARTS:
        raise UsageError(f"part must be one of {', '.join(PARTS)}, got {part!r} (--on)")
    if run.config.model in CLASSICAL:
        return _kept(run, part, dataset)
    network, config = run.load_model(), run.config
    data = dataset or build_dataset(config)
    if dataset is None:
        warn_of_other_data(run, data)
    if data.classes != network.classes:
        raise UsageError(f"{data.name} has {data.classes} classes, but the network {network.classes} (--dataset)")
    images, labels = images_of(config, data, part)
    if not len(labels):
        raise UsageError(f"{data.name} has no {part} images for {run.path}: choose another part (--on)")
    return predict(network, images, labels, data.class_names)


def _kept(run: Run, part: str, dataset: Dataset | None) -> Predictions:
    """The kept predictions of a model that was not kept itself."""
    if dataset is not None and run.facts.get("data") != dataset.fingerprint:
        raise UsageError(
            f"{run.path} keeps the predictions of its model {run.config.model} for its own images, and not the model: "
            f"it cannot predict {dataset.name}"
        )
    if not os.path.lexists(run.predictions_file):
        raise UsageError(f"{run.path} has no predictions yet: finish it with `handgrad resume {run.path}`")
    kept = read_predictions(run.predictions_file)
    if part not in kept or not len(kept[part].labels):
        with_images = [name for name, each in kept.items() if len(each.labels)]
        raise UsageError(f"{run.path} keeps predictions of its {' and '.join(with_images)} images: choose these (--on)")
    return kept[part]


def warn_of_other_data(run: Run, dataset: Dataset) -> None:
    """Log a warning unless `dataset` has the fingerprint that the run wrote down at its start."""
    if run.facts.get("data", dataset.fingerprint) != dataset.fingerprint:
        log.warning("%s: the data set %s has changed since the run was started", run.path, run.config.dataset)


def images_of(config: RunConfig, dataset: Dataset, part: str) -> tuple[Any, Any]:
    """(images, labels) of a part of the data set, as the run that `config` describes splits it."""
    if part == "test":
        return dataset.x_test, dataset.y_test
    parts = build_split(config, dataset)
    rows = parts.validation_rows if part == "validation" else parts.train_rows
    return parts.x[rows], parts.y[rows]


def predictions_of_all(
    runs: Sequence[Run], part: str = "test", dataset: str | None = None, progress: Progress = iter
) -> list[Predictions]:
    """`predictions_of` each run, on its own data set or on the one that `dataset` names; each is loaded once."""
    loaded: dict[Any, Dataset] = {}
    found = []
    for run in progress(runs):
        config = run.config
        key = data_key(config, dataset)
        if key not in loaded:
            loaded[key] = build_dataset(config, dataset)
        if dataset is None:
            warn_of_other_data(run, loaded[key])
        found.append(predictions_of(run, part, loaded[key]))
    return found


def agreeing(
    runs: Sequence[Run], part: str = "test", dataset: str | None = None, progress: Progress = iter
) -> list[Predictions]:
    """`predictions_of_all`, when they can be compared image by image.

    Raises  UsageError when a run is given twice, or classes or labels differ; as `predictions_of`.
    """
    distinct(runs)
    found = predictions_of_all(runs, part, dataset, progress)
    for run, predictions in zip(runs, found, strict=True):
        if predictions.class_names != found[0].class_names:
            raise UsageError(f"{run.path} has other classes than {runs[0].path}: compare runs of one data set")
        if not same_images(found[0], predictions):
            raise UsageError(
                f"the {part} images of {run.path} are not those of {runs[0].path}: "
                "compare on one data set and part (--dataset, --on test)"
            )
    return found


def distinct(runs: Sequence[Run]) -> None:
    """Raises  UsageError when two of them are one folder: a run agrees with itself."""
    seen: set[Any] = set()
    for run in runs:
        if run.path.resolve() in seen:
            raise UsageError(f"{run.path} is given twice: name each run once")
        seen.add(run.path.resolve())


def kept_epoch(run: Run) -> int:
    """The epoch whose weights the run keeps: the best, where it chose one, or the last."""
    metrics = run.metrics
    return (metrics["best_epoch"] if run.config.keep == "best" else None) or len(metrics["epochs"])


def kept_weights(run: Run) -> str:
    """Which weights, and by how many images they were chosen: "epoch 7 of 20, best of 144 validation images, …"."""
    metrics, config = run.metrics, run.config
    epoch, images = f"epoch {kept_epoch(run)} of {config.epochs}", metrics["validation_images"]
    if config.keep == "last" and metrics["steps"] != metrics["epochs"][-1]["step"]:
        return f"the weights after step {metrics['steps']:,}, in epoch {len(metrics['epochs']) + 1} of {config.epochs}"
    if config.keep == "last" or metrics["best_epoch"] is None:
        why = "" if images else ": there are no validation images to choose by"
        return f"{epoch}, the last one{why if config.keep == 'best' else ''}"
    if config.monitor == "validation_loss":
        return f"{epoch}, least loss on {images:,} validation images"
    if config.monitor != "validation_accuracy":
        return f"{epoch}, best {config.monitor.replace('_', ' ')} on {images:,} images"
    _, low, high, _ = wilson(round(images * metrics["validation"]["accuracy"]), images)
    return f"{epoch}, best of {images:,} validation images, ± {50 * (high - low):.1f} points"
