"""A classical model from its configuration to a finished run: fit, scores, folder."""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.classical import ClassicalModel, Fitted, Stage, check_labels, estimate, fit, scores
from handgrad.config import RunConfig, build_classical, build_split
from handgrad.config.build import build_scaling
from handgrad.data import Dataset, Split, take_fraction
from handgrad.errors import Diagnostic
from handgrad.evaluation import Predictions
from handgrad.nn import Scaling
from handgrad.runs.interruption import InterruptedRunError, stopping_on_signals
from handgrad.runs.predictions import write_predictions
from handgrad.runs.recording import journal, writing_log
from handgrad.runs.store import Run
from handgrad.training import Callback
from handgrad.training.chance import no_better_than_guessing, only_learned
from handgrad.training.diagnose import heed

Array = NDArray[Any]
log = logging.getLogger("handgrad")

MOST_TRAIN_ROWS = 5_000  # of the training images are scored: a kernel's scores of all would take longer than its fit


class _FitProgress:
    """Passes a fit's progress to the callbacks, and ends the fit when asked to stop."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self.callbacks, self.stopped = callbacks, False

    def stop(self, reason: str) -> None:
        self.stopped = True

    def __call__(self, stage: Stage) -> None:
        for callback in self.callbacks:
            callback.fitting(stage)
        if stage.over:
            journal.info("%s: %.1f s, of about %.1f expected", stage.name, stage.seconds, stage.expected)
        if self.stopped:
            raise _StoppedError


class _StoppedError(Exception):
    """A signal came while a model was fitted."""


class Prepared(NamedTuple):
    """A classical model, the rows it is fitted to and scored on, and how pixels enter it."""

    model: ClassicalModel
    parts: Split
    scaling: Scaling

    def vectors(self, images: Array) -> Array:
        """Images as rows of float32, scaled as a network would have them; features as they are."""
        if images.dtype != np.uint8:
            return images
        return self.scaling(images, np.float32).reshape(len(images), -1)

    @property
    def x_train(self) -> Array:
        return self.vectors(self.parts.x[self.parts.train_rows])


def prepare_classical(config: RunConfig, dataset: Dataset) -> Prepared:
    """All that a fit needs, checked before anything is written or fitted.  Raises  UsageError."""
    model, parts = build_classical(config), build_split(config, dataset)
    check_labels(model, parts.y_train)
    pixels = dataset.x_train.dtype == np.uint8
    return Prepared(model, parts, build_scaling(config, dataset, parts.train_rows) if pixels else Scaling())


def fit_classical(
    config: RunConfig, dataset: Dataset, prepared: Prepared, run: Run, callbacks: Sequence[Callback]
) -> Run:
    """Fit the model that `config` describes, and write its run: metrics as of a network, and its predictions.

    Raises  InterruptedRunError. Nothing of a fit can be kept, so resuming starts it again.
    """
    progress = _FitProgress(callbacks)
    with stopping_on_signals(progress) as interruption, writing_log(run):
        if config.track:
            log.warning("model %s has no steps to follow: nothing is sent to %s", config.model, ", ".join(config.track))
        try:
            fitted, predictions = _fit(config, dataset, prepared, progress)
        except _StoppedError:
            raise InterruptedRunError(
                f"stopped; of a fit nothing can be kept. Start it again with: handgrad resume {run.path}",
                interruption.signal,
                at_once=True,
            ) from None
        write_predictions(run.predictions_file, {part: predictions[part] for part in ("test", "validation")})
        metrics = _metrics(config, fitted, predictions)
        if verdict := _at_chance(dataset, prepared.parts, predictions):
            metrics["warning"] = str(verdict)
            heed([verdict])
        run.write_json(run.metrics_file, metrics)
    return run


def _at_chance(dataset: Dataset, parts: Split, predictions: dict[str, Predictions]) -> Diagnostic | None:
    """A warning when nothing was learned."""
    part = "test" if len(dataset.y_test) else "validation"
    train, reached = predictions["train"].right, predictions[part].right
    accuracy = float(reached.mean()) if len(reached) else 0.0
    causes, test = only_learned(int(train.sum()), len(train), parts), (dataset.x_test, dataset.y_test)
    return no_better_than_guessing(parts, accuracy, part, test, causes, "try other model_options")


def _fit(
    config: RunConfig, dataset: Dataset, prepared: Prepared, progress: _FitProgress
) -> tuple[Fitted, dict[str, Predictions]]:
    model, parts, _ = prepared
    x, y = prepared.x_train, parts.y_train
    expected = estimate(model, x, y, config.seed)
    journal.info("%s on %d images of %d numbers, %d for validation", model, *x.shape, len(parts.validation_rows))
    fitted = fit(model, x, y, config.seed, progress, expected.fit)
    for complaint in fitted.complaints:
        log.warning("model %s: %s", config.model, complaint)
    some = take_fraction(y, min(1, MOST_TRAIN_ROWS / len(x)), config.seed)
    if len(some) < len(x):
        journal.info("accuracy on training images is that of %d of them", len(some))
    raw = {
        "test": (dataset.x_test, dataset.y_test),
        "validation": (parts.x[parts.validation_rows], parts.y_validation),
        "train": (parts.x[parts.train_rows[some]], y[some]),
    }
    predictions = {}
    for part, (images, labels) in raw.items():
        values = scores(fitted, prepared.vectors(images), dataset.classes, part, progress, expected.score * len(images))
        predictions[part] = Predictions(values, labels, dataset.class_names, model.probabilistic)
    return fitted, predictions


def _metrics(config: RunConfig, fitted: Fitted, predictions: dict[str, Predictions]) -> dict[str, Any]:
    """The same keys as a network's; it has no epochs and no steps."""
    return {
        **{part: _numbers(each) for part, each in predictions.items()},
        "epochs": [],
        "best_epoch": None,
        "validation_images": len(predictions["validation"].labels),
        "stopped": "finished",
        "steps": 0,
        "seconds": round(fitted.seconds, 6),
        "parameters": fitted.model.size(fitted.estimator),
        "config": config.to_mapping(),
    }


def _numbers(predictions: Predictions) -> dict[str, float | None]:
    """Accuracy and cross-entropy, None of no images."""
    if not len(predictions.labels):
        return {"accuracy": None, "loss": None}
    return {"accuracy": float(predictions.right.mean()), "loss": loss_of(predictions)}


def loss_of(predictions: Predictions) -> float | None:
    """Mean cross-entropy; None where there are no probabilities, or one of 0 for a class that was true."""
    true_scores = predictions.scores[np.arange(len(predictions.labels)), predictions.labels]
    return float(-np.log(true_scores).mean()) if predictions.probabilistic and true_scores.min() > 0 else None
