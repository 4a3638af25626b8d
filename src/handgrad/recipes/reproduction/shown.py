"""What a question shows, as blocks of a report."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from handgrad.errors import HandgradError
from handgrad.evaluation import ensemble
from handgrad.figures import FIGURES, RunData
from handgrad.recipes.questions import Item, Question
from handgrad.recipes.reproduction.numbers import title_of
from handgrad.recipes.reproduction.results import Reached, Results
from handgrad.recipes.reproduction.sweep_blocks import HEADED, sweep_blocks
from handgrad.recipes.reproduction.tables import SHOWN, Subject
from handgrad.reports.blocks import Block, Note, Picture, Text
from handgrad.reports.gather import Gallery
from handgrad.reports.sections.derivation import derivation_section
from handgrad.runs import Run
from handgrad.runs.predictions import predictions_of

Say = Callable[[str], None]
OVER_SEEDS = ("compare_loss", "compare_accuracy", "compare_test")  # show every seed, with bands or intervals
KEPT = 6  # runs whose images and predictions are held in memory at a time


class Showing:
    """Turns items into blocks; `left_out` collects why something could not be shown."""

    def __init__(self, results: Results, tsne_images: int, say: Say) -> None:
        self.results, self.say = results, say
        self.left_out: list[str] = []
        self.data = lru_cache(KEPT)(lambda path: RunData(Run(path), tsne_images, say=say))

    def blocks(self, question: Question) -> list[Block]:
        """Everything that the question shows, in its order."""
        return [block for item in question.show for block in self._item(item, question)]

    def _item(self, item: Item, question: Question) -> list[Block]:
        if item.text is not None:
            return [Text(item.text)]
        if item.sweep is not None:
            self.say(f"sweep {item.sweep}: {item.part}")
            return sweep_blocks(self.results, item)
        names = item.experiments or question.experiments
        if item.figure is not None and item.figure not in FIGURES:
            return self._compared(item.figure, names, item.variant)
        return [block for name in names for block in self._one(item, name)]

    def _one(self, item: Item, name: str) -> list[Block]:
        """A figure, a table or the equations of one experiment."""
        title, reached = self._title(name, item.variant), self._reached(name, item.variant)
        self.say(f"{title}: {item.figure or item.table or 'equations'}")
        if reached is None:
            return [Note(f"{title}: no run has a result, so there is nothing to show.")]
        try:
            if item.table is not None:
                return SHOWN[item.table](self._subject(name, title, reached, item.variant))
            if not reached.runs:
                return [Note(f"{title} is an ensemble, of which there are tables only.")]
            data = self.data(reached.runs[0].path)
            if item.equations is not None:
                return list(derivation_section(data, self.say).blocks)
        except HandgradError as error:
            self.left_out.append(f"{title}: {error}")
            return []
        return self._pictures(str(item.figure), [data], title, f"{name}-{item.variant}")

    def _compared(self, figure: str, names: list[str], variant: str) -> list[Block]:
        """One figure of several experiments: of all their seeds where it can show them, else of the first."""
        reached = [each for each in (self._reached(name, variant) for name in names) if each is not None]
        shown = slice(None) if figure in OVER_SEEDS else slice(1)
        paths = list(dict.fromkeys(run.path for each in reached for run in each.runs[shown]))
        if not paths:
            return [Note(f"{', '.join(names)}: no run has a result, so there is nothing to compare.")]
        self.say(f"{', '.join(names)}: {figure}")
        runs = [self.data(path) for path in paths]
        title = ", ".join(title_of(self.results.document, name) for name in names)
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
        title = title_of(self.results.document, name)
        return title if self.results.document.variants(name) == ("as_reported",) else f"{title}, {HEADED[variant]}"
