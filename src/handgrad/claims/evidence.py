"""What is known of an experiment: from the numbers that a document prints, or from run folders."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.claims.document import Document
from handgrad.claims.estimate import MEASURES, OF_COURSE, OF_LAYERS, Evidence, of_config, quantity
from handgrad.claims.printed import ClassCounts, ImageCounts, Printed, Spread, from_matrix, from_shares
from handgrad.config.describe import effective_differences
from handgrad.config.metrics import METRICS, is_share
from handgrad.errors import UsageError
from handgrad.evaluation.difference import Estimate, bare, counted, exact, minus, over_seeds, share, spread
from handgrad.evaluation.predictions import Predictions
from handgrad.runs import Run, open_run
from handgrad.runs.comparison import Setup, setup_of
from handgrad.runs.predictions import predictions_of
from handgrad.training import History
from handgrad.training.layer_statistics import dead_units

LEAST = 1e-12  # what a gradient counts as that is less, or 0: it has a logarithm


def evidence_of(document: Document, name: str, folder: Path = Path()) -> Evidence:
    """All that a document says of an experiment; its run folders are looked for from `folder`.

    Raises  UsageError for runs of one experiment that differ in more than the seed, or have not ended; FileSystemError.
    """
    experiment = document.experiments[name]
    if experiment.runs:
        return _of_folders(document, name, [open_run(folder / path) for path in experiment.runs])
    images = document.images.model_copy(update=experiment.images.model_dump(exclude_none=True))
    printed, scale = experiment.printed, document.scale
    estimates = {measure: _printed(value, measure, images, scale) for measure, value in printed.values()}
    classes = printed.counts or _classes(printed)
    if classes is not None:
        estimates["counted_accuracy"] = counted(classes.right, classes.images, scale)
    if {"train_accuracy", "test_accuracy"} <= set(estimates):
        estimates["gap"] = minus(estimates["train_accuracy"], estimates["test_accuracy"])
    return Evidence(document.title_of(name), document.settings_of(name), estimates, scale, _blind(printed))


def evidence_of_runs(
    document: Document,
    name: str,
    values: Mapping[str, Sequence[float]],
    setups: Sequence[Setup] = (),
    predictions: Callable[[str], Sequence[Predictions]] | None = None,
) -> Evidence:
    """An experiment of the document with results of our own: for each measure one value a run, in its unit."""
    columns = dict(values)
    if {"train_accuracy", "test_accuracy"} <= set(values):
        pairs = zip(values["train_accuracy"], values["test_accuracy"], strict=True)
        columns["gap"] = [train - test for train, test in pairs]
    counts = {measure for measure in columns if quantity(measure).type == "count"}
    estimates = {
        measure: exact(numbers[0]) if measure in counts else over_seeds(list(numbers))
        for measure, numbers in columns.items()
    }
    return Evidence(
        document.title_of(name),
        document.settings_of(name),
        estimates,
        document.scale,
        setups=tuple(setups),
        values={measure: numbers for measure, numbers in columns.items() if measure not in counts},
        predictions=predictions,
        fitted=tuple(document.fitted(name)),
    )


def measured(run: Run, scale: float, wanted: Iterable[str] = ()) -> dict[str, float]:
    """Each measure of a run in its unit; those of its course only where they are `wanted`.

    Raises  UsageError for a run that has not ended; FileSystemError, CorruptDataError.
    """
    metrics = run.metrics
    if not metrics:
        raise UsageError(f"{run.path} has not ended: finish it with `handgrad resume {run.path}`")
    numbers: dict[str, float] = {"parameters": metrics["parameters"], "seconds": metrics["seconds"]}
    for metric in METRICS:
        part, _, name = metric.partition("_")
        value = metrics[part].get(name)
        if value is not None:
            numbers[metric] = value * (scale if is_share(metric) else 1)
    courses = [measure for measure in wanted if measure.partition("@")[0] in OF_COURSE]
    layers = [measure for measure in wanted if measure in OF_LAYERS]
    history = run.read_history() if courses or layers else History()
    found = {measure: of_course(measure, history, run.config.log_every) for measure in courses}
    found |= {measure: of_layers(measure, history, run, scale) for measure in layers}
    return numbers | {measure: value for measure, value in found.items() if value is not None}


def of_course(measure: str, history: History, every: int) -> float | None:
    """A measure of a training's course; None where the course is too short for it, or has no such epochs.

    The loss is that of the loss curve, a mean over `every` iterations. A run that never gets to a loss counts as one
    that has taken all its steps.
    """
    name, _, level = measure.partition("@")
    points = logged(history.losses, every)
    accuracies = [epoch.validation_accuracy for epoch in history.epochs if not math.isnan(epoch.validation_accuracy)]
    if name == "starting_loss":
        return points[0] if points else None
    if name == "steps_to_loss":
        return float(every * (first_at_or_below(points, float(level)) or len(points))) if points else None
    if name == "roughness":
        rough = roughness(points)
        return None if math.isnan(rough) else rough
    if name == "plateau_epoch":
        return bend(accuracies)
    return 1.0 + accuracies.index(max(accuracies)) if accuracies else None


def of_layers(measure: str, history: History, run: Run, scale: float) -> float | None:
    """A measure of a run's layers; None where nobody measured them, or it has too few.

    Gradients are root mean squares over a layer's weights, of the same training images each time: of the first layer
    the mean of their logarithms over all measurements, from the start to the end.
    """
    rows, norms = history.statistics, history.gradient_norms.values()
    if measure == "largest_gradient":
        return math.log10(max(*norms, LEAST)) if norms else None
    network = run.load_model()
    weights = [slot.name for slot in network.parameter_slots if slot.part.penalised]
    if not rows or len(weights) < 2:
        return None
    if measure in ("dead_units", "saturation"):
        dead = dead_units(rows, network)
        flat = [rows[-1].outputs[int(each.layer.split()[0])].flat for each in dead]
        return (
            float(sum(each.dead for each in dead)) if measure == "dead_units" else scale * float(np.mean(flat or 0.0))
        )
    if measure == "symmetry":
        return float(np.mean([rows[-1].parameters[name].symmetry for name in weights[:-1]]))
    first, last = (
        [math.log10(max(row.parameters[name].gradient, LEAST)) for row in rows] for name in (weights[0], weights[-1])
    )
    return float(np.mean(first)) if measure == "first_gradient" else first[0] - last[0]


def logged(losses: Sequence[float], every: int) -> list[float]:
    """The points of a loss curve: means over `every` iterations; a last, shorter stretch is left out.

    Shapes  losses (N,) -> (N // every,)
    """
    whole = len(losses) // every * every
    return [float(mean) for mean in np.reshape(losses[:whole], (-1, every)).mean(axis=1)]


def first_at_or_below(points: Sequence[float], level: float) -> int | None:
    """The number of the first point, from 1, that is at or below `level`; None where none is."""
    return next((number for number, point in enumerate(points, 1) if point <= level), None)


def roughness(points: Sequence[float]) -> float:
    """How far a curve is from a straight line, which has 0; NaN for fewer than three points, or without a range.

    Math    mean |y[i+1] - 2 y[i] + y[i-1]| / (max(y) - min(y))
    Ref     second differences: Whittaker (1923), Proceedings of the Edinburgh Mathematical Society 41
    """
    if len(points) < 3 or not np.ptp(points):
        return math.nan
    return float(np.abs(np.diff(points, 2)).mean() / np.ptp(points))


def bend(points: Sequence[float]) -> int | None:
    """The number of the point, from 1, at which the best line with one bend has it; None for fewer than four points.

    Math    the k with the least squared error of a + b x + c max(x - k, 0), x = 1 ... N, over k = 2 ... N - 1
    Ref     Hudson (1966), Journal of the American Statistical Association 61
    """
    x = np.arange(1, len(points) + 1)

    def error(k: int) -> float:
        columns = np.stack([np.ones_like(x), x, np.maximum(x - k, 0)], axis=1).astype(float)
        rest = np.asarray(points) - columns @ np.linalg.lstsq(columns, np.asarray(points), rcond=None)[0]
        return float(rest @ rest)

    return min(range(2, len(points)), key=error) if len(points) > 3 else None


def _printed(value: Any, measure: str, images: ImageCounts, scale: float) -> Estimate:
    part = MEASURES[measure].part
    number = getattr(images, part) if part else None
    if isinstance(value, Spread):
        return spread(value.mean, value.deviation, value.seeds)
    if isinstance(value, list) and len(value) > 1:
        return over_seeds(value)
    single = value[0] if isinstance(value, list) else value
    if MEASURES[measure].type == "count":
        return exact(single)
    return share(single, number, scale) if number else bare(single)


def _classes(printed: Printed) -> ClassCounts | None:
    if printed.confusion_matrix is not None:
        return from_matrix(printed.confusion_matrix)
    shares = printed.per_class
    return None if shares is None else from_shares(shares.recall, shares.precision, shares.f1, shares.images)


def _blind(printed: Printed) -> tuple[tuple[int, bool], ...]:
    """By the counts, or by a recall of 0: beside it, precision is 0 where the class is predicted, else undefined."""
    if printed.confusion_matrix is not None:
        rows = zip(*from_matrix(printed.confusion_matrix), strict=True)
        return tuple((k, guesses > 0) for k, (right, total, guesses) in enumerate(rows) if total and not right)
    if printed.per_class is None or printed.per_class.precision is None:
        return ()
    pairs = zip(printed.per_class.recall, printed.per_class.precision, strict=True)
    return tuple((k, precision is not None) for k, (recall, precision) in enumerate(pairs) if recall == 0)


def _of_folders(document: Document, name: str, runs: list[Run]) -> Evidence:
    first = runs[0].config
    for run in runs[1:]:
        others = set(effective_differences(first, run.config)) - {"seed"}
        if others:
            raise UsageError(
                f"experiments.{name}.runs: {run.path} differs from {runs[0].path} in {', '.join(sorted(others))}: "
                "the runs of one experiment may differ in their seed only"
            )
    wanted = quantities_of(document, name)
    values = columns([measured(run, document.scale, wanted) for run in runs])
    found = evidence_of_runs(
        document, name, values, [setup_of(run) for run in runs], lambda _: list(map(predictions_of, runs))
    )
    return found._replace(settings=of_config(first))


def quantities_of(document: Document, name: str) -> set[str]:
    """What claims compare of an experiment."""
    claims = [claim for claim in document.claims.values() if name in claim.experiments]
    return {quantity for claim in claims for quantity in claim.quantities}


def columns(rows: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """By measure one value a run, of measures that every run has."""
    names = [name for name in rows[0] if all(name in row for row in rows)] if rows else []
    return {name: [row[name] for row in rows] for name in names}
