"""Tables of a reproduction: printed beside reproduced numbers, and those that a question asks for by name."""

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from handgrad.claims.document import Document, Experiment, PerClass, Printed, Spread
from handgrad.claims.estimate import MEASURES, written
from handgrad.claims.questions import VARIANTS
from handgrad.config import build_dataset, validates_on_test
from handgrad.data import folds_of_test
from handgrad.evaluation import ClassReport, Interval, Predictions, class_report, mean_interval, mean_share, summarise
from handgrad.figures.run_data import MANY, RunData
from handgrad.reports.blocks import Block, Note, Points, Table, Text, percent
from handgrad.reproduce.results import Reached, Results
from handgrad.runs import Run
from handgrad.runs.classical import loss_of

FOLDS = 5
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
    printed = subject.experiment.printed.per_class
    names = reports[0].class_names
    theirs = _printed_columns(printed, len(names))
    ours = [[fmean(getattr(report, share)[k] for report in reports) for share in SHARES] for k in range(len(names))]
    support = reports[0].support
    rows = [
        (
            name,
            *(
                cell
                for share, number in zip(SHARES, ours[k], strict=True)
                for cell in (*theirs(share, k), percent(number))
            ),
            f"{support[k]:,}",
        )
        for k, name in enumerate(names)
    ]
    heads = [
        head for share in SHARES for head in ((f"{_word(share)}, reported", "ours") if printed else (_word(share),))
    ]
    caption = f"{subject.title}: each class on the test images, {_mean_of(len(reports))}"
    return [Table(("class", *heads, "images"), rows, caption, ("class",)), *_undefined(reports)]


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
    rows = [
        (
            _word(share),
            *(
                percent(fmean(getattr(getattr(report, kind), share) for report in reports))
                for kind in ("macro", "weighted")
            ),
        )
        for share in SHARES
    ]
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
    ]


def sample(subject: Subject) -> list[Block]:
    """The first test image of the class that the report shows one of; it does not say which it took."""
    shown = subject.experiment.printed.sample
    first = subject.predictions[0]
    if shown is None or str(shown.truth) not in first.class_names:
        return [Note(f"{subject.title}: the report shows no image of a class of this data set.")]
    row = int(np.argmax(first.labels == first.class_names.index(str(shown.truth))))
    guess = int(first.predicted[row])
    sure = f"{first.scores[row, guess]:.4f}" if first.probabilistic else "–"
    rows = [
        ("reported", str(shown.truth), str(shown.predicted), f"{shown.probability:g}"),
        ("ours", str(shown.truth), first.class_names[guess], sure),
    ]
    caption = f"{subject.title}: one test image, ours being number {row}, the first of its class"
    return [Table(("", "true class", "predicted class", "softmax probability"), rows, caption, ("", "true class"))]


SHOWN: dict[str, Callable[[Subject], list[Block]]] = {
    "classes": classes,
    "averages": averages,
    "folds": folds,
    "confusions": confusions,
    "sample": sample,
}


def _printed_columns(printed: PerClass | None, count: int) -> Callable[[str, int], tuple[str, ...]]:
    """What stands in front of our number of a class: nothing, or the report's."""

    def cells(share: str, k: int) -> tuple[str, ...]:
        if printed is None:
            return ()
        column = getattr(printed, share)
        return (percent(column[k]) if column and k < len(column) else "–",)

    return cells


def _folds(subject: Subject) -> list[tuple[Predictions, float | None]]:
    config, whole = subject.runs[0].config, subject.predictions[0]
    count = int(config.fold.rpartition("/")[2]) if config.fold else FOLDS
    cut = [
        whole._replace(scores=whole.scores[rows], labels=whole.labels[rows])
        for rows in folds_of_test(build_dataset(config), count, config.seed)
    ]
    return [(each, loss_of(each)) for each in cut]


def _word(share: str) -> str:
    return "F1" if share == "f1" else share


def _mean_of(seeds: int) -> str:
    return "one seed" if seeds == 1 else f"mean of {seeds} seeds"


class Row(NamedTuple):
    """One reported number, and what ours came to in each variant; None where it is not trained so, or has failed.

    `above` tells whether the best of ours is at or above it (at or below, where less is better); None if it cannot be.
    """

    experiment: str
    title: str
    measure: str
    reported: str
    as_reported: str
    as_it_can_be: str
    above: bool | None
    note: str


def rows_of(results: Results, names: list[str]) -> list[Row]:
    """A row for each number that the report prints of these; one without any gets its test accuracy."""
    found = []
    for name in names:
        printed: list[tuple[str, Any]] = list(printed_beside(results.document, name).values())
        printed += [] if printed else [("test_accuracy", None)]
        found += [_row(results, name, measure, value) for measure, value in printed]
        found += _shown_images(results, name)
    return found


def _shown_images(results: Results, name: str) -> list[Row]:
    """Of the few images that the report shows: how many are right, ours on those of the figure `compare_20`."""
    counts = results.document.experiments[name].printed.counts
    if counts is None or counts.images != MANY:
        return []
    ours = [_right(results.reached(name, variant)) for variant in VARIANTS]
    last = next((right for right in reversed(ours) if right), [])
    words = [f"{fmean(right):.4g}" if right else "–" for right in ours]
    above = fmean(last) >= counts.right if last else None
    measure = f"right of {counts.images} images shown"
    return [Row(name, title_of(results.document, name), measure, str(counts.right), words[0], words[1], above, "")]


def _right(reached: Reached | None) -> list[int]:
    """One number a seed."""
    found = []
    for run in reached.runs if reached else ():
        data = RunData(run)
        found.append(int(data.predictions().right[data.random_test_rows()].sum()))
    return found


def _row(results: Results, name: str, measure: str, value: Any) -> Row:
    document, experiment = results.document, results.document.experiments[name]
    ours = {variant: results.reached(name, variant) for variant in VARIANTS}
    last = ours["as_it_can_be"] or ours["as_reported"]
    number = _middle(value)
    other = document.beside(name)
    note = f"The reported numbers are those of {title_of(document, other)}." if other != name else ""
    return Row(
        name,
        title_of(document, name),
        MEASURES[measure].words,
        "–" if number is None else written(number, measure, document.scale),
        cell(ours["as_reported"], measure, document.scale),
        cell(ours["as_it_can_be"], measure, document.scale),
        _above(number, last, measure, document.scale),
        " ".join(part for part in (experiment.note, note) if part),
    )


def printed_beside(document: Document, name: str) -> Printed:
    """The reported numbers that an experiment's own stand beside."""
    return document.experiments[document.beside(name)].printed


def title_of(document: Document, name: str) -> str:
    """An experiment as a reader calls it."""
    return document.experiments[name].title or name.replace("_", " ")


def cell(reached: Reached | None, measure: str, scale: float) -> str:
    """The mean with its interval over seeds, or why there is none."""
    if reached is None:
        return "–"
    values = reached.values.get(measure)
    diverged = all("diverged" in why for why in reached.failures.values())
    failed = f"{len(reached.failures)} {'diverged' if diverged else 'failed'}" if reached.failures else ""
    if not values:
        return failed or "–"
    numbers = in_words(mean_interval(values), measure, scale)
    return f"{numbers}, {failed}" if failed else numbers


def in_words(interval: Interval, measure: str, scale: float) -> str:
    """As in "97.21 [97.05, 97.37]"; where all values are one, or there is one only, that."""
    mean = written(interval.mean, measure, scale)
    if MEASURES[measure].kind == "count" or interval.low != interval.low:
        return mean
    if MEASURES[measure].kind == "share":
        interval = interval.within(0, scale)
    _, low, high, _ = interval
    return f"{mean} [{written(low, measure, scale)}, {written(high, measure, scale)}]"


def _middle(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, Spread):
        return value.mean
    return fmean(value) if isinstance(value, list) else float(value)


def _above(reported: float | None, reached: Reached | None, measure: str, scale: float) -> bool | None:
    """Compared as they are written: nobody reads more digits than that."""
    values = reached.values.get(measure) if reached else None
    if reported is None or not values or measure == "seconds":
        return None
    ours, theirs = (_as_written(each, measure, scale) for each in (fmean(values), reported))
    if MEASURES[measure].kind == "count":
        return ours == theirs
    return ours >= theirs if MEASURES[measure].better > 0 else ours <= theirs


def _as_written(value: float, measure: str, scale: float) -> float:
    return float(written(value, measure, scale).replace(",", ""))
