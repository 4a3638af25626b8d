"""What is known of one experiment: numbers as printed, counts behind its tables, a list over seeds, or run folders."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.claims.document import Document, Experiment, ImageCounts, Printed, Spread
from handgrad.claims.estimate import (
    MEASURES,
    Estimate,
    Evidence,
    bare,
    counted,
    exact,
    minus,
    over_seeds,
    share,
    spread,
)
from handgrad.claims.settings import of_config
from handgrad.config.describe import effective_differences
from handgrad.errors import UsageError
from handgrad.runs import Run, open_run

Array = NDArray[Any]

PRECISE = 1e-7  # shares printed to seven digits or more: no other fraction of so few images lies that near
MOST_CHOICES, MOST_WAYS = 10_000, 100_000  # to try; shares as simple as 0.5 fit more counts than can be told apart


class ClassCounts(NamedTuple):
    """Of each class: images that are right, that there are, and that are taken for it."""

    rights: list[int]
    totals: list[int]
    guesses: list[int]

    @property
    def right(self) -> int:
        """Images that are right, of all classes."""
        return sum(self.rights)

    @property
    def images(self) -> int:
        """Images of all classes."""
        return sum(self.totals)


def from_matrix(matrix: Sequence[Sequence[int]]) -> ClassCounts:
    """Diagonal, sums of rows and sums of columns of a confusion matrix with the true class in rows."""
    rights = [row[k] for k, row in enumerate(matrix)]
    return ClassCounts(rights, [sum(row) for row in matrix], [sum(column) for column in zip(*matrix, strict=True)])


def from_shares(
    recall: Sequence[float | None],
    precision: Sequence[float | None] | None,
    f1: Sequence[float | None] | None,
    images: int,
) -> ClassCounts | None:
    """The only counts that give these recalls and precisions (or F1) of `images` images; None if they leave a choice.

    Math    right / total = recall;  right / guesses = precision;  2 right / (total + guesses) = F1
    """
    columns = [column or [None] * len(recall) for column in (precision, f1)]
    choices = [_choices(r, p, f, images) for r, p, f in zip(recall, *columns, strict=True)]
    blind = [k for k, found in enumerate(choices) if found is None]
    if len(blind) > 1 or any(precision is None or precision[k] is not None for k in blind):
        return None  # who is taken for a class that is never right, and how often, is not in the table
    ways = _ways([found for found in choices if found is not None], images)
    complete = [way for way in ways if sum(way.guesses) == images and (way.images < images) == bool(blind)]
    if len(complete) != 1:
        return None
    for k in blind:
        complete[0].rights.insert(k, 0)
        complete[0].guesses.insert(k, 0)
        complete[0].totals.insert(k, images - complete[0].images)
    return complete[0]


def _choices(recall: float | None, precision: float | None, f1: float | None, images: int) -> list[list[int]] | None:
    """Every (right, total, guesses) of one class; none where there are too many; None for one without a right image."""
    if not recall:
        return None
    totals = np.arange(1, images + 1)
    rights = np.rint(recall * totals)
    guesses, misfit = _guesses(rights, totals, precision, f1)
    fit = (np.abs(rights / totals - recall) < PRECISE) & (guesses > 0) & (misfit < PRECISE)
    if np.count_nonzero(fit) > MOST_CHOICES:
        return []
    found: list[list[int]] = np.stack([rights, totals, guesses], axis=1)[fit].astype(np.int64).tolist()
    return found


def _guesses(rights: Array, totals: Array, precision: float | None, f1: float | None) -> tuple[Array, Array]:
    """How many images are taken for the class, by F1 where it is printed, else by precision; how far off that is."""
    if f1:
        guesses = np.rint(2 * rights / f1) - totals
        return guesses, np.abs(2 * rights / (totals + np.maximum(guesses, 1)) - f1)
    guesses = np.rint(rights / precision) if precision else np.zeros_like(rights)
    return guesses, np.abs(rights / np.maximum(guesses, 1) - (precision or 0))


def _ways(choices: Sequence[Sequence[Sequence[int]]], images: int) -> list[ClassCounts]:
    """Every combination of one choice for each class within the number of images; none where there are too many."""
    if not all(choices):
        return []
    ways = [ClassCounts([], [], [])]
    least = [tuple(min(each[column] for each in found) for column in (1, 2)) for found in choices]
    for k, found in enumerate(choices):
        if len(ways) * len(found) > MOST_WAYS:
            return []
        total_room, guess_room = (images - sum(later[column] for later in least[k + 1 :]) for column in (0, 1))
        ways = [
            ClassCounts([*way.rights, right], [*way.totals, total], [*way.guesses, guesses])
            for way in ways
            for right, total, guesses in found
            if way.images + total <= total_room and sum(way.guesses) + guesses <= guess_room
        ]
    return ways


def evidence_of(document: Document, name: str, folder: Path = Path()) -> Evidence:
    """All that a document says of an experiment; its run folders are looked for from `folder`.

    Raises  UsageError for runs of one experiment that differ in more than the seed, or have not ended; FileSystemError.
    """
    experiment = document.experiments[name]
    if experiment.runs:
        return _of_runs(document, name, [open_run(folder / path) for path in experiment.runs])
    images = _images(document, experiment)
    classes = _classes(experiment.printed)
    estimates = {
        measure: _printed(value, measure, images, document.scale) for measure, value in experiment.printed.values()
    }
    if classes is not None:
        estimates["counted_accuracy"] = counted(classes.right, classes.images, document.scale)
    if experiment.printed.counts is not None:
        counts = experiment.printed.counts
        estimates["counted_accuracy"] = counted(counts.right, counts.images, document.scale)
    title = experiment.title or name.replace("_", " ")
    return Evidence(title, document.settings_of(name), _with_gap(estimates), document.scale, _blind(experiment.printed))


def evidence_over_seeds(document: Document, name: str, values: Mapping[str, Sequence[float]]) -> Evidence:
    """An experiment of the document with results of our own: for each measure one value a seed, in its unit."""
    estimates = {
        measure: exact(numbers[0]) if MEASURES[measure].kind == "count" else over_seeds(list(numbers))
        for measure, numbers in values.items()
    }
    if {"train_accuracy", "test_accuracy"} <= set(values):
        pairs = zip(values["train_accuracy"], values["test_accuracy"], strict=True)
        estimates["gap"] = over_seeds([train - test for train, test in pairs])
    title = document.experiments[name].title or name.replace("_", " ")
    return Evidence(title, document.settings_of(name), estimates, document.scale)


def _images(document: Document, experiment: Experiment) -> ImageCounts:
    own = experiment.images.model_dump(exclude_none=True)
    return document.images.model_copy(update=own)


def _printed(value: Any, measure: str, images: ImageCounts, scale: float) -> Estimate:
    kind = MEASURES[measure]
    number = getattr(images, kind.part) if kind.part else None
    if isinstance(value, Spread):
        return spread(value.mean, value.deviation, value.seeds)
    if isinstance(value, list) and len(value) > 1:
        return over_seeds(value)
    single = value[0] if isinstance(value, list) else value
    if kind.kind == "count":
        return exact(single)
    return share(single, number, scale) if number else bare(single)


def _with_gap(estimates: dict[str, Estimate]) -> dict[str, Estimate]:
    """Math  gap = train_accuracy - test_accuracy"""
    if {"train_accuracy", "test_accuracy"} <= set(estimates):
        return estimates | {"gap": minus(estimates["train_accuracy"], estimates["test_accuracy"])}
    return estimates


def _classes(printed: Printed) -> ClassCounts | None:
    if printed.confusion_matrix is not None:
        return from_matrix(printed.confusion_matrix)
    shares = printed.per_class
    return None if shares is None else from_shares(shares.recall, shares.precision, shares.f1, shares.images)


def _blind(printed: Printed) -> tuple[tuple[int, bool], ...]:
    """By the counts, or by a recall of 0: beside it, precision is 0 where the class is predicted, else undefined."""
    if printed.confusion_matrix is not None:
        counts = from_matrix(printed.confusion_matrix)
        rows = zip(counts.rights, counts.totals, counts.guesses, strict=True)
        return tuple((k, guesses > 0) for k, (right, total, guesses) in enumerate(rows) if total and not right)
    shares = printed.per_class
    if shares is None or shares.precision is None:
        return ()
    pairs = zip(shares.recall, shares.precision, strict=True)
    return tuple((k, precision is not None) for k, (recall, precision) in enumerate(pairs) if recall == 0)


def _of_runs(document: Document, name: str, runs: list[Run]) -> Evidence:
    first = runs[0].config
    for run in runs[1:]:
        others = set(effective_differences(first, run.config)) - {"seed"}
        if others:
            raise UsageError(
                f"experiments.{name}.runs: {run.path} differs from {runs[0].path} in {', '.join(sorted(others))}: "
                "the runs of one experiment may differ in their seed only"
            )
    each = [_metrics(run, document.scale) for run in runs]
    values = {measure: [numbers[measure] for numbers in each] for measure in each[0]}
    title = document.experiments[name].title or name.replace("_", " ")
    return Evidence(title, of_config(first), _run_estimates(values, document, name), document.scale)


def _run_estimates(values: dict[str, list[float]], document: Document, name: str) -> dict[str, Estimate]:
    images = _images(document, document.experiments[name])
    estimates = {measure: _printed(numbers, measure, images, document.scale) for measure, numbers in values.items()}
    estimates["parameters"] = exact(values["parameters"][0])
    if len(values["test_accuracy"]) > 1:
        gaps = [a - b for a, b in zip(values["train_accuracy"], values["test_accuracy"], strict=True)]
        return estimates | {"gap": over_seeds(gaps)}
    return _with_gap(estimates)


def _metrics(run: Run, scale: float) -> dict[str, float]:
    """Raises  UsageError for a run that has not ended."""
    metrics = run.metrics
    if not metrics:
        raise UsageError(f"{run.path} has not ended: finish it with `handgrad resume {run.path}`")
    numbers: dict[str, float] = {"parameters": metrics["parameters"], "seconds": metrics["seconds"]}
    for part in ("test", "train", "validation"):
        if metrics[part]["accuracy"] is not None:
            numbers[f"{part}_accuracy"] = scale * metrics[part]["accuracy"]
            numbers[f"{part}_loss"] = metrics[part]["loss"]
    return numbers
