"""What a tracker is: a callback that sends a run's numbers, tables and model to a program that shows many runs."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from handgrad.config import RunConfig, build_dataset
from handgrad.evaluation import class_report, predict
from handgrad.evaluation.metrics import Array, confusion_counts, shares_of_true_class
from handgrad.evaluation.predictions import Predictions
from handgrad.plugins import how_to_install
from handgrad.training import Callback, Epoch, Evaluation, Trainer
from handgrad.training.layer_statistics import dead_units

log = logging.getLogger("handgrad")
PICTURES = 32  # images in a table


class Rows(NamedTuple):
    """A table: rows of texts and numbers, and of arrays (H, W) or (H, W, 3) in a column called image."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Results(NamedTuple):
    """What is worth seeing of a run besides its curves; tables only where the test images were looked at.

    `numbers` are by part and name ("test_accuracy"); `confusion` has a row for each true and predicted class, with the
    share of the true class's images in per cent; `tables` are classes, sample and mistakes.
    """

    stopped: str
    numbers: dict[str, float]
    model_file: Path
    confusion: Rows | None = None
    tables: dict[str, Rows] = {}  # noqa: RUF012  a NamedTuple's default

    @property
    def every_table(self) -> dict[str, Rows]:
        """The confusion matrix among the others."""
        return self.tables | ({"confusion_matrix": self.confusion} if self.confusion else {})


def results_of(config: RunConfig, trainer: Trainer, run: Any) -> Results:
    """The results of a run whose folder is complete."""
    metrics = run.metrics
    numbers = {
        f"{part}_{name}": value
        for part in ("test", "validation", "train")
        for name, value in metrics[part].items()
        if value is not None
    }
    results = Results(metrics["stopped"], numbers, run.model_file)
    if metrics["test"]["accuracy"] is None:
        return results
    dataset = build_dataset(config)
    predictions = predict(trainer.network, dataset.x_test, dataset.y_test, dataset.class_names)
    report, names = class_report(predictions), predictions.class_names
    classes = zip(
        names, *(each.tolist() for each in (report.precision, report.recall, report.f1, report.support)), strict=True
    )
    shares = 100 * shares_of_true_class(confusion_counts(predictions))
    cells = [(true, guess, float(shares[k, j])) for k, true in enumerate(names) for j, guess in enumerate(names)]
    wrong = np.flatnonzero(~predictions.right)
    surest = wrong[np.argsort(-predictions.scores.max(axis=1)[wrong], kind="stable")][:PICTURES]
    spread = np.unique(np.linspace(0, len(dataset.y_test) - 1, PICTURES).astype(int))
    tables = {"classes": Rows(("class", "precision", "recall", "f1", "images"), list(classes))}
    tables["sample"], tables["mistakes"] = (_pictures(dataset.x_test, predictions, rows) for rows in (spread, surest))
    return results._replace(confusion=Rows(("true class", "predicted", "% of the true class"), cells), tables=tables)


def _pictures(images: Array, predictions: Predictions, rows: Array) -> Rows:
    columns = "number", "true class", "predicted", "probability", "probability of the true class"
    names, labels, guesses, scores = (
        predictions.class_names,
        predictions.labels,
        predictions.predicted,
        predictions.scores,
    )
    found = [
        (int(n), names[labels[n]], names[guesses[n]], float(scores[n, guesses[n]]), float(scores[n, labels[n]]))
        for n in rows
    ]
    if images.ndim < 3:  # features, and no pictures
        return Rows(columns, found)
    pictures = [np.moveaxis(images[n], 0, -1).squeeze() if images.ndim == 4 else images[n] for n in rows]
    return Rows(("image", *columns), [(image, *row) for image, row in zip(pictures, found, strict=True)])


def _layers(trainer: Trainer) -> dict[str, float]:
    """The newest statistics of layers and parameters, by names such as "layers/1 ReLU/mean"."""
    if not trainer.history.statistics:
        return {}
    newest, layers = trainer.history.statistics[-1], trainer.network.layers
    outputs = {f"{k} {type(layers[k]).__name__}": output._asdict() for k, output in newest.outputs.items()}
    for each in dead_units(trainer.history.statistics, trainer.network):
        outputs[each.layer]["dead_units"] = each.dead
    sizes = {f"{name} rms": size._asdict() for name, size in newest.parameters.items()}
    every = (outputs | sizes).items()
    numbers = {f"layers/{place}/{name}": float(number) for place, row in every for name, number in row.items()}
    return {name: number for name, number in numbers.items() if not np.isnan(number)}


class Tracker(Callback):
    """A subclass sets `title`, `package`, what it imports, and `extra`, the one of pyproject.toml that brings it if one
    does. It overrides four methods: `open`, `log_numbers`, `log_results` and `close`.

    Whatever one of them raises switches the tracker off with one warning; the training goes on.
    """

    title = ""
    extra = ""
    package = ""

    def __init__(self, config: RunConfig, folder: Path) -> None:
        self.config, self.folder, self._off = config, folder, False
        self.name, self.project = config.name or folder.name, config.wandb_project or "handgrad"

    def open(self, trainer: Trainer) -> None:
        """Begin."""

    def log_numbers(self, step: int, numbers: dict[str, float]) -> None:
        """Numbers by name after `step` iterations; a row with "epoch" is an epoch's, or within one."""

    def log_results(self, step: int, results: Results) -> None:
        """The run is complete."""

    def close(self) -> None:
        """End."""

    def started(self, trainer: Trainer) -> None:
        self._guarded(self.open, trainer)

    def stepped(self, trainer: Trainer, first: int, losses: Any, correct: Any, norms: dict[int, float]) -> None:
        """Every `log_every` iterations: loss, accuracy, learning rate and gradient norm."""
        every = trainer.settings.log_every
        for index in range(-first % every, len(losses), every):
            step = first + index
            numbers = {
                "iteration/loss": losses[index],
                "iteration/accuracy": correct[index] / trainer.batch_rows(step),
                "iteration/learning_rate": trainer.learning_rate_at(step),
            }
            norm = {"iteration/gradient_norm": norms[step]} if step in norms else {}
            self._guarded(self.log_numbers, step, numbers | norm)

    def evaluated(self, trainer: Trainer, evaluation: Evaluation) -> None:
        """Validation numbers in the middle of an epoch."""
        epoch = evaluation.step / trainer.steps_per_epoch
        numbers = {"validation_loss": evaluation.validation_loss, "validation_accuracy": evaluation.validation_accuracy}
        self._guarded(self.log_numbers, evaluation.step, {"epoch": epoch} | numbers)

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """An epoch's row, and how every layer is."""
        row = {name: value for name, value in epoch.row().items() if name != "step" and value is not None}
        self._guarded(self.log_numbers, epoch.step, row | _layers(trainer))

    def finished(self, trainer: Trainer, run: Any) -> None:
        """Results, of a training that has not diverged; then the end."""
        if np.isfinite(trainer.network.parameters).all():
            self._guarded(lambda: self.log_results(trainer.step, results_of(self.config, trainer, run)))
        self._guarded(self.close)

    def _guarded(self, action: Callable[..., None], *arguments: Any) -> None:
        if self._off:
            return
        try:
            action(*arguments)
        except ImportError:
            command = f": {how_to_install(self.extra)}" if self.extra else ""
            log.warning("%s is not installed, so nothing is sent to it%s", self.title, command)
            self._off = True
        except Exception as error:  # a tracker must never fail a run, whatever it raises
            log.warning("%s is switched off for this run: %s", self.title, " ".join(str(error).split())[:200])
            self._off = True
