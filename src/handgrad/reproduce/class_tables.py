"""Tables of one experiment's predictions: classes, averages, folds, the most frequent confusions, and one image."""

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np

from handgrad.claims.document import Experiment
from handgrad.config import validates_on_test
from handgrad.evaluation import (
    ClassReport,
    Confusion,
    Predictions,
    class_report,
    confusion_counts,
    mean_share,
    summarise,
)
from handgrad.evaluation.tables import percent
from handgrad.reports.blocks import Block, Details, Note, Points, Table, Text
from handgrad.reproduce.results import test_folds
from handgrad.runs import Run
from handgrad.runs.classical import loss_of

SHARES = ("precision", "recall", "f1")


class Subject(NamedTuple):
    """What a table is of: predictions of the test images, one a run; the runs, none of an ensemble; how far it goes."""

    title: str
    experiment: Experiment
    runs: Sequence[Run]
    predictions: Sequence[Predictions]
    detailed: bool = True


def classes(subject: Subject) -> list[Block]:
    """Means over seeds, beside what the report prints."""
    reports = [class_report(each) for each in subject.predictions]
    names, printed = reports[0].class_names, subject.experiment.printed.per_class
    heads, columns = ["class"], [list(names)]
    for share in SHARES:
        if printed:
            theirs = getattr(printed, share) or []
            heads.append(f"{_word(share)} %, reported")
            columns.append([percent(theirs[k]) if k < len(theirs) else "–" for k in range(len(names))])
        heads.append("ours" if printed else f"{_word(share)} %")
        columns.append([percent(fmean(getattr(each, share)[k] for each in reports)) for k in range(len(names))])
    rows = list(zip(*columns, (f"{count:,}" for count in reports[0].support), strict=True))
    caption = f"{subject.title}: each class on the test images, {_mean_of(len(reports))}"
    return [Table((*heads, "images"), rows, caption, ("class",)), *_undefined(reports)]


def _undefined(reports: Sequence[ClassReport]) -> list[Note]:
    """One note on everything that stands as 0 for want of something to be a share of."""
    count, lines = len(reports), Counter(line for report in reports for line in report.undefined)
    where = {line: f" ({found} of {count} seeds)" * (count > 1) for line, found in lines.items()}
    return [Note(f"Undefined: {'; '.join(line + seeds for line, seeds in where.items())}.")] if lines else []


def averages(subject: Subject) -> list[Block]:
    """Macro and weighted, which are not the same thing, and accuracy, which is micro-averaged recall."""
    reports = [class_report(each) for each in subject.predictions]
    means = [[getattr(each, mean) for each in reports] for mean in ("macro", "weighted")]
    rows = [(_word(s), *(percent(fmean(getattr(each, s) for each in mean)) for mean in means)) for s in SHARES]
    accuracy = percent(fmean(float(each.right.mean()) for each in subject.predictions))
    caption = f"{subject.title}: averages over classes, {_mean_of(len(reports))}; accuracy {accuracy} %"
    return [Table(("", "macro %", "weighted by images %"), rows, caption, ("",))]


def folds(subject: Subject) -> list[Block]:
    """One training, tested on each of the folds that its test set is cut into; classes and confusions are folded."""
    found = test_folds(subject.runs[0].config, subject.predictions[0])
    reports = [class_report(each) for each in found]
    accuracies, losses = [float(each.right.mean()) for each in found], map(loss_of, found)
    rows = [
        (
            *(str(number), f"{len(each.labels):,}", *map(percent, (accuracy, *report.macro))),
            "–" if loss is None else f"{loss:.4f}",
        )
        for number, (each, report, accuracy, loss) in enumerate(zip(found, reports, accuracies, losses, strict=True), 1)
    ]
    mean, low, high, _ = mean_share(accuracies)
    watched = "All but the last fold were looked at after each epoch, and chose nothing: the last epoch was kept. "
    caption = (
        f"{subject.title}: one training (the first seed) on each fold of the test images, macro averages. "
        f"{watched if validates_on_test(subject.runs[0].config) else ''}"
        f"Mean accuracy {percent(mean)} %, 95 % interval {percent(low)} to {percent(high)}, of this one training"
    )
    header = ("fold", "images", "accuracy %", "precision %", "recall %", "F1 %", "loss")
    numbers = range(1, 1 + len(found) * subject.detailed)
    return [Table(header, rows, caption), *map(_fold, numbers, found, reports)]


def _fold(number: int, predictions: Predictions, report: ClassReport) -> Details:
    """A fold's confusion matrix with precision, recall and F1 of each class."""
    shares = zip(report.precision, report.recall, report.f1, strict=True)
    rows = [
        (name, *map(str, counts), *map(percent, each))
        for name, counts, each in zip(report.class_names, confusion_counts(predictions), shares, strict=True)
    ]
    header = ("true class", *report.class_names, "precision %", "recall %", "F1 %")
    caption = "Images of each true class by the class that they are taken for"
    return Details(f"Fold {number}", [Table(header, rows, caption, header[:1], compact=True)])


def confusions(subject: Subject) -> list[Block]:
    """Of the first seed."""
    summary = summarise(subject.predictions[0])
    if not summary.confusions:
        return [Text(f"{subject.title}: not one test image was taken for another class.")]
    return [
        Text(f"{subject.title}: the most frequent mistakes on {summary.images:,} test images."),
        Points([confusion.sentence for confusion in summary.confusions]),
        *_named(subject),
    ]


def _named(subject: Subject) -> list[Block]:
    """How often ours makes the mistakes that the report names."""
    first, known = subject.predictions[0], {name: k for k, name in enumerate(subject.predictions[0].class_names)}
    pairs = [(str(each.truth), str(name)) for each in subject.experiment.printed.confusions for name in each.predicted]
    counts, lines = confusion_counts(first), []
    for truth, guess in [pair for pair in pairs if set(pair) <= set(known)]:
        row, times = counts[known[truth]], int(counts[known[truth], known[guess]])
        place = 1 + int(np.count_nonzero(np.delete(row, known[truth]) > times))
        lines.append(f"{Confusion(truth, guess, times, times / row.sum()).sentence}; number {place} of its mistakes")
    return [Text("The mistakes that the report names, in ours:"), Points(lines)] if lines else []


def sample(subject: Subject) -> list[Block]:
    """The first test image of the class that the report shows one of; it does not say which it took."""
    printed = subject.experiment.printed.sample
    first = subject.predictions[0]
    if printed is None or str(printed.truth) not in first.class_names:
        return [Note(f"{subject.title}: the report shows no image of a class of this data set.")]
    row = int(np.argmax(first.labels == first.class_names.index(str(printed.truth))))
    guess = int(first.predicted[row])
    sure = f"{first.scores[row, guess]:.4f}" if first.probabilistic else "–"
    rows = [
        ("reported", str(printed.truth), str(printed.predicted), f"{printed.probability:g}"),
        ("ours", str(printed.truth), first.class_names[guess], sure),
    ]
    caption = f"{subject.title}: one test image, ours being number {row}, the first of its class"
    return [Table(("", "true class", "predicted class", "softmax probability"), rows, caption, ("", "true class"))]


TABLES: dict[str, tuple[str, Callable[[Subject], list[Block]]]] = {
    "classes": ("precision, recall and F1 of each class", classes),
    "averages": ("macro and weighted precision, recall and F1", averages),
    "folds": ("accuracy, precision, recall and F1 on each fold of the test images", folds),
    "confusions": ("the most frequent confusions in words", confusions),
    "sample": ("one test image of the class that the report shows", sample),
}


def _word(share: str) -> str:
    return "F1" if share == "f1" else share


def _mean_of(seeds: int) -> str:
    return "one seed" if seeds == 1 else f"mean of {seeds} seeds"
