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
from handgrad.reports.blocks import Block, Note, Points, Table, Text, percent
from handgrad.reproduce.results import test_folds
from handgrad.runs import Run
from handgrad.runs.classical import loss_of

SHARES = ("precision", "recall", "f1")


class Subject(NamedTuple):
    """What a table is of: predictions of the test images, one a run; the runs, none of an ensemble; and its name."""

    title: str
    experiment: Experiment
    runs: Sequence[Run]
    predictions: Sequence[Predictions]


def classes(subject: Subject) -> list[Block]:
    """Means over seeds, beside what the report prints."""
    reports = [class_report(each) for each in subject.predictions]
    names, printed = reports[0].class_names, subject.experiment.printed.per_class
    heads, columns = ["class"], [list(names)]
    for share in SHARES:
        if printed:
            theirs = getattr(printed, share) or []
            heads.append(f"{_word(share)}, reported")
            columns.append([percent(theirs[k]) if k < len(theirs) else "–" for k in range(len(names))])
        heads.append("ours" if printed else _word(share))
        columns.append([percent(fmean(getattr(each, share)[k] for each in reports)) for k in range(len(names))])
    rows = list(zip(*columns, (f"{count:,}" for count in reports[0].support), strict=True))
    caption = f"{subject.title}: each class on the test images, {_mean_of(len(reports))}"
    return [Table((*heads, "images"), rows, caption, ("class",)), *_undefined(reports)]


def _undefined(reports: Sequence[ClassReport]) -> list[Note]:
    """One note on everything that stands as 0 for want of something to be a share of."""
    lines = Counter(line for report in reports for line in report.undefined)
    if not lines:
        return []
    words = [f"{line} ({_in(count, len(reports))})" if len(reports) > 1 else line for line, count in lines.items()]
    return [Note(f"Undefined: {'; '.join(words)}.")]


def _in(count: int, seeds: int) -> str:
    return "every seed" if count == seeds else f"{count} of {seeds} seeds"


def averages(subject: Subject) -> list[Block]:
    """Macro and weighted, which are not the same thing, and accuracy, which is micro-averaged recall."""
    reports = [class_report(each) for each in subject.predictions]
    means = [
        [
            percent(fmean(getattr(getattr(each, average), share) for each in reports))
            for average in ("macro", "weighted")
        ]
        for share in SHARES
    ]
    rows = [(_word(share), *cells) for share, cells in zip(SHARES, means, strict=True)]
    accuracy = percent(fmean(float(each.right.mean()) for each in subject.predictions))
    caption = f"{subject.title}: averages over classes, {_mean_of(len(reports))}; accuracy {accuracy}"
    return [Table(("", "macro", "weighted by images"), rows, caption, ("",))]


def folds(subject: Subject) -> list[Block]:
    """One training, tested on each of the folds that its test set is cut into."""
    rows = []
    for number, (predictions, loss) in enumerate(_folds(subject), 1):
        report = class_report(predictions)
        shares = (float(predictions.right.mean()), *report.macro)
        rows.append(
            (str(number), f"{len(predictions.labels):,}", *map(percent, shares), "–" if loss is None else f"{loss:.4f}")
        )
    accuracies = [float(predictions.right.mean()) for predictions, _ in _folds(subject)]
    mean, low, high, _ = mean_share(accuracies)
    watched = "All but the last fold were looked at after each epoch, and chose nothing: the last epoch was kept. "
    watched = watched if validates_on_test(subject.runs[0].config) else ""
    caption = (
        f"{subject.title}: one training (the first seed) on each fold of the test images, macro averages. {watched}"
        f"Mean accuracy {percent(mean)}, 95 % interval {100 * low:.2f} to {100 * high:.2f}, of this one training"
    )
    return [Table(("fold", "images", "accuracy", "precision", "recall", "F1", "loss"), rows, caption)]


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


def _folds(subject: Subject) -> list[tuple[Predictions, float | None]]:
    return [(each, loss_of(each)) for each in test_folds(subject.runs[0].config, subject.predictions[0])]


def _word(share: str) -> str:
    return "F1" if share == "f1" else share


def _mean_of(seeds: int) -> str:
    return "one seed" if seeds == 1 else f"mean of {seeds} seeds"
