"""What is known of one experiment, wherever it comes from: numbers as printed, a list over seeds, or run folders."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.config.influence import effective_differences
from handgrad.errors import UsageError
from handgrad.recipes.counts import ClassCounts, from_matrix, from_shares
from handgrad.recipes.document import Document, Experiment, ImageCounts, Printed, Spread
from handgrad.recipes.estimate import Estimate, bare, counted, exact, minus, over_seeds, share, spread
from handgrad.recipes.measures import MEASURES
from handgrad.recipes.settings import Settings, of_config
from handgrad.runs import Run, open_run


class Evidence(NamedTuple):
    """An experiment's settings, its numbers by measure, and classes of which no image is right.

    Each such class comes with whether any image is taken for it.
    """

    title: str
    settings: Settings
    estimates: dict[str, Estimate]
    scale: float
    blind: tuple[tuple[int, bool], ...] = ()


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
