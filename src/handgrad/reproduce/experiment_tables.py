"""Tables of experiments: classes, averages, folds, confusions, one image; and what changes do, alone and together."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from handgrad.claims.document import Experiment
from handgrad.claims.estimate import quantity, unit_of, written
from handgrad.claims.wording import probability
from handgrad.config import validates_on_test
from handgrad.evaluation import (
    ClassReport,
    Confusion,
    Difference,
    Predictions,
    class_report,
    confusion_counts,
    holm,
    mean_share,
    summarise,
)
from handgrad.evaluation.difference import paired
from handgrad.evaluation.tables import percent
from handgrad.reports.blocks import Block, Details, Note, Points, Table, Text
from handgrad.reproduce.results import Results, test_folds
from handgrad.runs import Run
from handgrad.runs.classical import loss_of
from handgrad.runs.comparison import differing, setup_of

SHARES = ("precision", "recall", "f1")
MEASURE = "test_accuracy"
HEADER = ("change", "accuracy", "difference [95 %]", "p (Holm)", "interaction [95 %]")


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
    table, count = Table((*heads, "images"), rows, caption, ("class",)), len(reports)
    # What stands as 0 for want of something to be a share of
    undefined = Counter(line for report in reports for line in report.undefined)
    lines = [line + f" ({found} of {count} seeds)" * (count > 1) for line, found in undefined.items()]
    return [table, Note(f"Undefined: {'; '.join(lines)}.")] if lines else [table]


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


class Effect(NamedTuple):
    """Some changes of the base, what they make of it, and what they do beyond the sum of their parts.

    `interaction` is None for a single change, and where a part of the changes was not trained. `wholly` where every
    subset of the changes was: then it is the interaction of them all; else what exceeds the single effects' sum.
    """

    title: str
    changes: dict[str, Any]
    value: float
    difference: Difference
    interaction: Difference | None
    wholly: bool
    p_holm: float


class Effects(NamedTuple):
    """Of a base with its value; `left_out` says which experiments have no runs to be paired."""

    base: str
    value: float
    seeds: int
    scale: float
    effects: list[Effect]
    left_out: list[str]

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """As HEADER has them."""
        base = (self.base, written(self.value, MEASURE, self.scale), *("–",) * 3)
        return [base, *(self._row(effect) for effect in self.effects)]

    def _row(self, effect: Effect) -> tuple[str, ...]:
        together = self._signed(effect.interaction) if effect.interaction else "–"
        value = written(effect.value, MEASURE, self.scale)
        p = "unknown" if math.isnan(effect.p_holm) else probability(effect.p_holm).removeprefix("= ")
        return effect.title, value, self._signed(effect.difference), p, together

    def _signed(self, found: Difference) -> str:
        """With its interval, where there is one."""
        known = [each for each in (found.value, found.low, found.high) if not math.isnan(each)]
        number, *ends = (written(each, MEASURE, self.scale) for each in known)
        return f"{'+' * (found.value > 0)}{number}" + (f" [{', '.join(ends)}]" if ends else "")

    @property
    def words(self) -> str:
        """How to read the table."""
        over = (
            f"paired over {self.seeds} seeds: shared are split, order of images, first weights of equal layers"
            if self.seeds > 1
            else ("one seed each, so nothing tells how sure they are")
        )
        unit = unit_of(MEASURE, self.scale)
        whole = all(effect.wholly for effect in self.effects if effect.interaction)
        beyond = "all of their parts do" if whole else "each of them does alone"
        lead = f"Differences of {quantity(MEASURE).words} from {self.base}{unit and f', in{unit}'}"
        return (
            f"{lead}, {over}. An interaction is what several changes do together beyond what {beyond}. "
            f"p is after Holm's correction over {len(self.effects)} differences."
        )


def effects_of(results: Results, names: Sequence[str]) -> Effects | None:
    """Of all but the first of some experiments, whose changes are what their runs' settings differ in from its own.

    None where the first has no result.
    """
    document, values, changes, left_out = results.document, dict[str, dict[int, float]](), {}, []
    for name in names:
        reached = results.reached(name, "replication")
        column = reached.values.get(MEASURE) if reached else None
        if reached is None or not column:
            left_out.append(f"{document.title_of(name)} has no result")
            continue
        setups = [setup_of(run) for run in reached.runs]
        values[name] = {setup.config.seed: value for setup, value in zip(setups, column, strict=True)}
        changes[name] = setups[0]
    if names[0] not in values:
        return None
    base = names[0]
    differ = {
        name: {key: ends[1] for key, ends in differing(changes[base], own).items()} for name, own in changes.items()
    }
    seeds = sorted(set.intersection(*(set(each) for each in values.values())))
    columns = {name: [each[seed] for seed in seeds] for name, each in values.items()}
    found = []
    for name in [each for each in values if each != base]:
        parts = _parts(name, differ)
        difference = paired(columns[name], columns[base])
        interaction = paired(*_contrast(name, base, parts, columns)) if parts else None
        wholly = len(parts) == 2 ** len(differ[name]) - 2
        title = document.title_of(name)
        found.append(Effect(title, differ[name], fmean(columns[name]), difference, interaction, wholly, math.nan))
    known = [place for place, each in enumerate(found) if not math.isnan(each.difference.p)]
    for place, p_holm in zip(known, holm([found[place].difference.p for place in known]), strict=True):
        found[place] = found[place]._replace(p_holm=p_holm)
    return Effects(document.title_of(base), fmean(columns[base]), len(seeds), document.scale, found, left_out)


def _parts(name: str, differ: dict[str, dict[str, Any]]) -> dict[str, int]:
    """The experiments with some, not all, of an experiment's changes, and their signs in its interaction.

    All subsets of the changes with alternating signs; without them all, each single change; nothing without these.

    Math    interaction of F = sum over S in F of (-1)^(|F| - |S|) y_S, y of the base being S = {}
    """
    own = differ[name]
    by_changes = {_key(each): other for other, each in differ.items()}
    subsets = [dict(some) for size in range(1, len(own)) for some in combinations(own.items(), size)]
    parts = {_key(some): (-1) ** (len(own) - len(some)) for some in subsets}
    if not set(parts) <= set(by_changes):
        parts = {_key(dict([one])): -1 for one in own.items()}
    return {by_changes[key]: sign for key, sign in parts.items()} if parts and set(parts) <= set(by_changes) else {}


def _contrast(
    name: str, base: str, parts: dict[str, int], columns: dict[str, list[float]]
) -> tuple[list[float], list[float]]:
    """What the interaction adds, and what it takes away, by seed; all signs, that of the base too, add up to 0."""
    signs = {name: 1, **parts}
    signs[base] = -sum(signs.values())

    def total(sign: int) -> list[float]:
        chosen = [(abs(weight), columns[each]) for each, weight in signs.items() if weight * sign > 0]
        return [sum(weight * column[seed] for weight, column in chosen) for seed in range(len(columns[base]))]

    return total(1), total(-1)


def _key(changes: dict[str, Any]) -> str:
    return repr(sorted(changes.items()))


def effects_blocks(results: Results, names: Sequence[str]) -> list[Block]:
    """The table, and how to read it."""
    found = effects_of(results, names)
    if found is None:
        return [Note(f"{results.document.title_of(names[0])} has no result, so there is nothing to compare with.")]
    return [Table(HEADER, found.rows, found.words, HEADER[:1]), *map(Note, found.left_out)]
