"""What a question shows, figures, tables and parts of a sweep's report, as blocks of a report."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from statistics import fmean
from typing import NamedTuple

import numpy as np

from handgrad.claims.document import Document, Experiment
from handgrad.claims.estimate import MEASURES, written
from handgrad.claims.printed import PerClass
from handgrad.claims.questions import Item, Question
from handgrad.config import validates_on_test
from handgrad.errors import HandgradError
from handgrad.evaluation import ClassReport, Predictions, class_report, ensemble, mean_share, summarise
from handgrad.figures import FIGURES, RunData
from handgrad.reports.blocks import Attachment, Block, Note, Picture, Points, Section, Table, Text, percent
from handgrad.reports.run_report import Gallery, derivation_section
from handgrad.reports.sweep import (
    failures_section,
    leaderboard_section,
    recommendation_section,
    summary_section,
)
from handgrad.reports.sweep_data import METHODS, SweepData
from handgrad.reports.sweep_parameters import (
    importance_section,
    observations_section,
    parallel_section,
    slices_section,
    timeline_section,
)
from handgrad.reproduce.results import Reached, Results, test_folds
from handgrad.runs import Run
from handgrad.runs.classical import loss_of
from handgrad.runs.predictions import predictions_of
from handgrad.text import duration

Log = Callable[[str], None]
OVER_SEEDS = ("compare_loss", "compare_accuracy", "compare_test")  # show every seed, with bands or intervals
KEPT = 6  # runs whose images and predictions are held in memory at a time
SECTIONS: dict[str, Callable[[SweepData], Section]] = {
    "summary": summary_section,
    "leaderboard": leaderboard_section,
    "timeline": timeline_section,
    "parallel": parallel_section,
    "slices": slices_section,
    "importance": importance_section,
    "observations": observations_section,
    "failures": failures_section,
    "recommendation": recommendation_section,
}
HEADED = {"replication": "replication", "retrained": "retrained"}
ONE_BY_ONE = (
    "Its trials ran one after the other, whatever the number of jobs: what is proposed next depends on the results so "
    "far, so the same command finds the same."
)


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
                percent(fmean(getattr(getattr(report, average), share) for report in reports))
                for average in ("macro", "weighted")
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


TABLES: dict[str, Callable[[Subject], list[Block]]] = {
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
    return [(each, loss_of(each)) for each in test_folds(subject.runs[0].config, subject.predictions[0])]


def _word(share: str) -> str:
    return "F1" if share == "f1" else share


def _mean_of(seeds: int) -> str:
    return "one seed" if seeds == 1 else f"mean of {seeds} seeds"


class QuestionBlocks:
    """Turns items into blocks; `left_out` collects why something could not be shown."""

    def __init__(self, results: Results, tsne_images: int, log: Log) -> None:
        self.results, self.log = results, log
        self.left_out: list[str] = []
        self.data = lru_cache(KEPT)(lambda path: RunData(Run(path), tsne_images, log=log))

    def blocks(self, question: Question) -> list[Block]:
        """Everything that the question shows, in its order."""
        return [block for item in question.show for block in self._item(item, question)]

    def _item(self, item: Item, question: Question) -> list[Block]:
        if item.text is not None:
            return [Text(item.text)]
        if item.sweep is not None:
            self.log(f"sweep {item.sweep}: {item.part}")
            return sweep_blocks(self.results, item)
        names = item.experiments or question.experiments
        if item.figure is not None and item.figure not in FIGURES:
            return self._compared(item.figure, names, item.variant)
        return [block for name in names for block in self._one(item, name)]

    def _one(self, item: Item, name: str) -> list[Block]:
        """A figure, a table or the equations of one experiment."""
        title, reached = self._title(name, item.variant), self._reached(name, item.variant)
        self.log(f"{title}: {item.figure or item.table or 'equations'}")
        if reached is None:
            return [Note(f"{title}: no run has a result, so there is nothing to show.")]
        try:
            if item.table is not None:
                return TABLES[item.table](self._subject(name, title, reached, item.variant))
            if not reached.runs:
                return [Note(f"{title} is an ensemble, of which there are tables only.")]
            data = self.data(reached.runs[0].path)
            if item.equations is not None:
                return list(derivation_section(data, self.log).blocks)
        except HandgradError as error:
            self.left_out.append(f"{title}: {error}")
            return []
        return self._pictures(str(item.figure), [data], title, f"{name}-{item.variant}")

    def _compared(self, figure: str, names: list[str], variant: str) -> list[Block]:
        """One figure of several experiments: of all their seeds where it can show them, else of the first."""
        reached = [each for each in (self._reached(name, variant) for name in names) if each is not None]
        seeds = slice(None) if figure in OVER_SEEDS else slice(1)
        paths = list(dict.fromkeys(run.path for each in reached for run in each.runs[seeds]))
        if not paths:
            return [Note(f"{', '.join(names)}: no run has a result, so there is nothing to compare.")]
        self.log(f"{', '.join(names)}: {figure}")
        runs = [self.data(path) for path in paths]
        title = ", ".join(self.results.document.title_of(name) for name in names)
        return self._pictures(figure, runs, title, "-".join((names[0], str(len(names)), variant)))

    def _pictures(self, figure: str, runs: list[RunData], title: str, suffix: str) -> list[Block]:
        gallery = Gallery(runs)
        try:
            pictures: list[Picture] = gallery.pictures(figure)
        except HandgradError as error:
            gallery.left_out.append(str(error))
            pictures = []
        self.left_out += [f"{title}: {reason}" for reason in gallery.left_out]
        return [replace(each, name=f"{figure}-{suffix}", caption=f"{title}. {each.caption}") for each in pictures]

    def _reached(self, name: str, variant: str) -> Reached | None:
        """None also where no seed has a result."""
        reached = self.results.reached(name, variant)
        return reached if reached is not None and reached.values else None

    def _subject(self, name: str, title: str, reached: Reached, variant: str) -> Subject:
        experiment = self.results.document.experiments[name]
        if not experiment.ensemble:
            found = [predictions_of(run) for run in reached.runs]
            return Subject(title, experiment, reached.runs, found)
        members = [self._reached(member, variant) for member in experiment.ensemble]
        together = zip(*(member.runs for member in members if member is not None), strict=True)
        return Subject(title, experiment, (), [ensemble([predictions_of(run) for run in runs]) for runs in together])

    def _title(self, name: str, variant: str) -> str:
        title = self.results.document.title_of(name)
        return title if self.results.document.variants(name) == ("replication",) else f"{title}, {HEADED[variant]}"


def sweep_blocks(results: Results, item: Item) -> list[Block]:
    """A part of a sweep's report."""
    name = str(item.sweep)
    if item.part == "outcome":
        return _outcome(results, name)
    searched, title = results.searched(name), title_of_sweep(results.document, name)
    if searched is None:
        return [Note(f"{title}: it is not over, so there is nothing to show.")]
    section = SECTIONS[str(item.part)](searched)
    if not section.blocks:
        return [Note(f"{title}: there are too few trials for {item.part}.")]
    heading = f"{title}: {section.title[0].lower()}{section.title[1:]}"
    return [
        Text(f"{heading[0].upper()}{heading[1:]}."),
        *(_named(each, name) for each in section.blocks),
    ]


def _named(block: Block, name: str) -> Block:
    """A file beside the page with a name that no other sweep's has."""
    return replace(block, name=f"{name}-{block.name}") if isinstance(block, Picture | Attachment) else block


def title_of_sweep(document: Document, name: str) -> str:
    """A sweep as a reader calls it."""
    return document.sweeps[name].title or f"sweep {name}"


def in_unit(results: Results, metric: str, value: float) -> str:
    """A value of the sweep's metric in the document's unit."""
    factor = results.document.scale if MEASURES[metric].type == "share" else 1.0
    return written(factor * value, metric, results.document.scale)


def _outcome(results: Results, name: str) -> list[Block]:
    planned, searched, metric = results.plan.sweeps[name], results.searched(name), metric_of(results, name)
    title = title_of_sweep(results.document, name)
    if searched is None:
        return [Note(f"{title}: {planned.begun} of {planned.wanted} trials, not over.")]
    trials, size = searched.trials, planned.definition.size
    rows = [
        ("configurations", "without end" if size is None else f"{size:,}"),
        ("trials", f"{len(trials):,}"),
        ("failed", str(sum(trial.state == "failed" for trial in trials))),
        ("training", duration(sum(trial.seconds for trial in trials))),
    ]
    for end, entry in (("best", searched.analysis.best), ("worst", searched.analysis.worst)):
        if entry is not None:
            value = in_unit(results, metric, entry.objective.mean)
            rows.append((f"{end} {MEASURES[metric].words}", f"{value}: {entry.trials[0].run}"))
    caption = f"{title}, {METHODS[planned.settings.method]}"
    return [Table(("", "sweep"), rows, caption, ("", "sweep")), Note(ONE_BY_ONE)]


def metric_of(results: Results, name: str) -> str:
    """The metric of a sweep."""
    return results.plan.sweeps[name].definition.metric.name
