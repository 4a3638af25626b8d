"""What a question shows, figures, tables and parts of a sweep's report, as blocks of a report."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from handgrad.claims.document import Document
from handgrad.claims.estimate import MEASURES, written
from handgrad.claims.questions import VARIANTS, Item, Question
from handgrad.errors import HandgradError
from handgrad.evaluation import ensemble
from handgrad.figures import COMPARISONS, FIGURES, RunData
from handgrad.reports.blocks import Attachment, Block, Details, Interactive, Note, Picture, Points, Text
from handgrad.reports.run_report import Gallery, derivation_section
from handgrad.reports.sweep import SECTIONS
from handgrad.reports.sweep_data import how_searched
from handgrad.reproduce.experiment_tables import TABLES, Subject, effects_blocks
from handgrad.reproduce.results import Reached, Results
from handgrad.runs import Run
from handgrad.runs.predictions import predictions_of

Log = Callable[[str], None]
# Show every seed, with bands or intervals.
OVER_SEEDS = ("compare_loss", "compare_accuracy", "compare_gradients", "compare_test", "compare_train_test")
EFFECTS = "effects"
MOST_NAMES = 3  # of experiments in a line
FIGURE_WORDS = {name: spec.summary for name, spec in (FIGURES | COMPARISONS).items()}
KEPT = 6  # runs whose images and predictions are held in memory at a time
ONE_BY_ONE = (
    "Its trials ran one after the other, whatever the number of jobs: what is proposed next depends on the results so "
    "far, so the same command finds the same."
)


def _leading(items: Sequence[tuple[Item, Sequence[Block]]]) -> Picture | None:
    """The one figure that a question opens with: its first comparison, else its first."""
    found = [(item, block) for item, blocks in items for block in blocks if isinstance(block, Picture)]
    compared = [block for item, block in found if item.figure in COMPARISONS]
    return next(iter([*compared, *(block for _, block in found)]), None)


def _folded(summary: str, blocks: Sequence[Block], leading: Picture | None) -> list[Block]:
    """The blocks of an item under its summary; the leading figure and mere notes stand open."""
    if not summary or all(isinstance(block, Note) for block in blocks):
        return list(blocks)
    rest = [block for block in blocks if block is not leading]
    opened: list[Block] = [leading] if leading is not None and len(rest) < len(blocks) else []
    return [*opened, *([Details(summary, rest)] if rest else [])]


class QuestionBlocks:
    """Turns items into blocks; `left_out` collects why something could not be shown."""

    def __init__(self, results: Results, tsne_images: int, log: Log) -> None:
        self.results, self.log = results, log
        self.left_out: list[str] = []
        self.data = lru_cache(KEPT)(lambda path, title: RunData(Run(path), tsne_images, log=log, title=title))

    def blocks(self, question: Question) -> list[Block]:
        """Everything that the question shows, in its order."""
        items = [(item, self._item(item, question)) for item in question.show]
        leading = _leading(items)
        return [block for item, blocks in items for block in _folded(self._summary(item, question), blocks, leading)]

    def _summary(self, item: Item, question: Question) -> str:
        """The line under which an item is folded; "" for what stands open."""
        if item.text or item.equations or item.part == "outcome" or item.table == EFFECTS:
            return ""
        document = self.results.document
        if item.sweep is not None:
            what, listed = f"{title_of_sweep(document, item.sweep)}: {item.part}", ""
        else:
            what = FIGURE_WORDS[item.figure] if item.figure else TABLES[str(item.table)][0]
            listed = f": {titles_of(document, item.experiments or question.experiments)}"
        variant = f", {item.variant}" if item.variant != VARIANTS[0] else ""
        return f"{what[0].upper()}{what[1:]}{listed}{variant}"

    def _item(self, item: Item, question: Question) -> list[Block]:
        if item.text is not None:
            return [Text(item.text)]
        if item.sweep is not None:
            self.log(f"sweep {item.sweep}: {item.part}")
            return sweep_blocks(self.results, item)
        names = item.experiments or question.experiments
        if item.table == EFFECTS:
            return effects_blocks(self.results, names)
        if item.figure is not None and item.figure not in FIGURES:
            return self._compared(item, names)
        return [block for name in names for block in self._one(item, name)]

    def _one(self, item: Item, name: str) -> list[Block]:
        """A figure, a table or the equations of one experiment."""
        title, reached = self._title(name, item.variant), self._reached(name, item.variant)
        self.log(f"{title}: {item.figure or item.table or 'equations'}")
        if reached is None:
            return [Note(f"{title}: no run has a result, so there is nothing to show.")]
        try:
            if item.table is not None:
                return TABLES[item.table][1](self._subject(name, title, reached, item.variant))
            if not reached.runs:
                return [Note(f"{title} is an ensemble, of which there are tables only.")]
            data = self.data(reached.runs[0].path, title)
            if item.equations is not None:
                return list(derivation_section(data, self.log).blocks)
        except HandgradError as error:
            self.left_out.append(f"{title}: {error}")
            return []
        return self._pictures(str(item.figure), [data], title, f"{name}-{item.variant}")

    def _compared(self, item: Item, names: list[str]) -> list[Block]:
        """One figure of several experiments: of all their seeds where it can show them, else of the first.

        The trials of a sweep come after them, where they are asked for.
        """
        document, figure, variant = self.results.document, str(item.figure), item.variant
        each_of = [(document.title_of(name), self._reached(name, variant)) for name in names]
        reached = [(title, each) for title, each in each_of if each is not None]
        seeds = slice(None) if figure in OVER_SEEDS else slice(1)
        titles: dict[Path, str] = {}
        for title, each in reached:
            for run in each.runs[seeds]:
                titles.setdefault(run.path, title)
        if item.trials and (searched := self.results.searched(item.trials)):
            for trial in searched.rated:
                title = f"trial {trial.number} of {title_of_sweep(document, item.trials)}"
                titles.setdefault(searched.sweep.run(trial).path, title)
        if not titles:
            return [Note(f"{', '.join(names)}: no run has a result, so there is nothing to compare.")]
        self.log(f"{', '.join(names)}: {figure}")
        runs = [self.data(path, title) for path, title in titles.items()]
        return self._pictures(figure, runs, titles_of(document, names), "-".join((names[0], str(len(names)), variant)))

    def _pictures(self, figure: str, runs: list[RunData], title: str, suffix: str) -> list[Block]:
        gallery = Gallery(runs)
        try:
            pictures: list[Picture] = gallery.pictures(figure)
        except HandgradError as error:
            gallery.left_out.append(str(error))
            pictures = []
        self.left_out += [f"{title}: {reason}" for reason in gallery.left_out]
        return [replace(each, name=f"{figure}-{suffix}") for each in pictures]

    def _reached(self, name: str, variant: str) -> Reached | None:
        """None also where no seed has a result."""
        reached = self.results.reached(name, variant)
        return reached if reached is not None and reached.values else None

    def _subject(self, name: str, title: str, reached: Reached, variant: str) -> Subject:
        experiment = self.results.document.experiments[name]
        if not experiment.ensemble:
            found = [predictions_of(run) for run in reached.runs]
            detailed = variant == VARIANTS[0] and experiment.printed.per_class is not None
            return Subject(title, experiment, reached.runs, found, detailed)
        members = [self._reached(member, variant) for member in experiment.ensemble]
        together = zip(*(member.runs for member in members if member is not None), strict=True)
        return Subject(title, experiment, (), [ensemble([predictions_of(run) for run in runs]) for runs in together])

    def _title(self, name: str, variant: str) -> str:
        title = self.results.document.title_of(name)
        return title if self.results.document.variants(name) == ("replication",) else f"{title}, {variant}"


def sweep_blocks(results: Results, item: Item) -> list[Block]:
    """A part of a sweep's report, without what is folded there."""
    name = str(item.sweep)
    if item.part == "outcome":
        return _outcome(results, name)
    searched, title = results.searched(name), title_of_sweep(results.document, name)
    if searched is None:
        return [Note(f"{title}: it is not over, so there is nothing to show.")]
    section = SECTIONS[str(item.part)](searched)
    if not section.blocks:
        return [Note(f"{title}: there are too few trials for {item.part}.")]
    return [_beside(each, name) for each in section.blocks if not isinstance(each, Details)]


def _beside(block: Block, name: str) -> Block:
    """A file beside the page with a name that no other sweep's has; the interactive figure is in the sweep's report."""
    if isinstance(block, Interactive):
        return Picture(f"{name}-{block.name}", block.svg, block.caption, block.alt, block.csv)
    return replace(block, name=f"{name}-{block.name}") if isinstance(block, Picture | Attachment) else block


def title_of_sweep(document: Document, name: str) -> str:
    """A sweep as a reader calls it."""
    return document.sweeps[name].title or f"sweep {name}"


def titles_of(document: Document, names: Sequence[str]) -> str:
    """Experiments as a reader calls them, the last of many only counted."""
    titles = [document.title_of(name) for name in names]
    more = len(titles) - MOST_NAMES
    return ", ".join(titles[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def in_unit(results: Results, metric: str, value: float) -> str:
    """A value of the sweep's metric in the document's unit."""
    factor = results.document.scale if MEASURES[metric].type == "share" else 1.0
    return written(factor * value, metric, results.document.scale)


def _outcome(results: Results, name: str) -> list[Block]:
    """How it was searched, the best and the worst."""
    planned, searched, metric = results.plan.sweeps[name], results.searched(name), metric_of(results, name)
    title = title_of_sweep(results.document, name)
    if searched is None:
        return [Note(f"{title}: {planned.begun} of {planned.wanted} trials, not over.")]
    ends = (("best", searched.analysis.best), ("worst", searched.analysis.worst))
    lines = [
        f"The {end} {MEASURES[metric].words}: {in_unit(results, metric, entry.objective.mean)}: {entry.trials[0].run}"
        for end, entry in ends
        if entry is not None
    ]
    return [Text(f"{title}. {how_searched(searched)} {ONE_BY_ONE}"), Points(lines)]


def metric_of(results: Results, name: str) -> str:
    """The metric of a sweep."""
    return results.plan.sweeps[name].definition.metric.name
