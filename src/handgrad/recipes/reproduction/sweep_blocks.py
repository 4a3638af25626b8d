"""What a question shows of a sweep, as blocks of a report."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from handgrad.recipes.document import Document
from handgrad.recipes.measures import MEASURES, written
from handgrad.recipes.questions import VARIANTS, Item
from handgrad.recipes.reproduction.numbers import Row
from handgrad.recipes.reproduction.results import Results
from handgrad.recipes.reproduction.searching import PlannedSweep
from handgrad.reports.blocks import Attachment, Block, Note, Picture, Section, Table, Text
from handgrad.reports.sweep import SweepData
from handgrad.reports.sweep.advice import advice_section
from handgrad.reports.sweep.answer import answer_section
from handgrad.reports.sweep.facts import METHODS, duration
from handgrad.reports.sweep.failures import failures_section
from handgrad.reports.sweep.influence import importance_section, observations_section
from handgrad.reports.sweep.leaderboard import leaderboard_section
from handgrad.reports.sweep.views import course_section, parallel_section, slices_section
from handgrad.sweeps.analysis.result import Entry

SECTIONS: dict[str, Callable[[SweepData], Section]] = {
    "answer": answer_section,
    "leaderboard": leaderboard_section,
    "timeline": course_section,
    "parallel": parallel_section,
    "slices": slices_section,
    "importance": importance_section,
    "observations": observations_section,
    "failures": failures_section,
    "recommendation": advice_section,
}
HEADED = {"as_reported": "as reported", "as_it_can_be": "as it can be"}
ONE_BY_ONE = (
    "Its trials ran one after the other, whatever the number of jobs: what is proposed next depends on the results so "
    "far, so the same command finds the same."
)


def sweep_blocks(results: Results, item: Item) -> list[Block]:
    """A part of a sweep's report in one variant; its outcome is one table of all variants."""
    name = str(item.sweep)
    if item.part == "outcome":
        return _outcome(results, name)
    searched, title = results.searched(name, item.variant), title_of_sweep(results.document, name)
    if len(results.document.sweep_variants(name)) > 1:
        title += f", {HEADED[item.variant]}"
    if searched is None:
        return [Note(f"{title}: it is not over, so there is nothing to show.")]
    section = SECTIONS[str(item.part)](searched)
    if not section.blocks:
        return [Note(f"{title}: there are too few trials for {item.part}.")]
    heading = f"{title}: {section.title[0].lower()}{section.title[1:]}"
    return [
        Text(f"{heading[0].upper()}{heading[1:]}."),
        *(_named(each, f"{name}-{item.variant}") for each in section.blocks),
    ]


def _named(block: Block, name: str) -> Block:
    """A file beside the page with a name that no other sweep's has."""
    return replace(block, name=f"{name}-{block.name}") if isinstance(block, Picture | Attachment) else block


def sweep_row(results: Results, name: str) -> Row:
    """The best that a sweep found of its metric, beside what the report printed."""
    document, printed = results.document, results.document.sweeps[name].printed
    best = {variant: _best(results.searched(name, variant)) for variant in VARIANTS}
    metric = _metric(results, name)
    words = ["–" if entry is None else told(results, metric, entry.objective.mean) for entry in best.values()]
    last = best["as_it_can_be"] or best["as_reported"]
    reported = "–" if printed is None else written(printed, metric, document.scale)
    above = None
    if printed is not None and last is not None:
        ours = float(told(results, metric, last.objective.mean))
        above = ours >= float(reported) if MEASURES[metric].better > 0 else ours <= float(reported)
    measure = f"{MEASURES[metric].words}, best of all trials"
    return Row(name, title_of_sweep(document, name), measure, reported, words[0], words[1], above, "")


def title_of_sweep(document: Document, name: str) -> str:
    """A sweep as a reader calls it."""
    return document.sweeps[name].title or f"sweep {name}"


def told(results: Results, metric: str, value: float) -> str:
    """A value of the sweep's metric in the document's unit."""
    factor = results.document.scale if MEASURES[metric].kind == "share" else 1.0
    return written(factor * value, metric, results.document.scale)


def _outcome(results: Results, name: str) -> list[Block]:
    variants = results.document.sweep_variants(name)
    planned = [results.plan.sweeps[name, variant] for variant in variants]
    columns = [
        _column(results, name, each, results.searched(name, v)) for each, v in zip(planned, variants, strict=True)
    ]
    rows = [(head, *(column[head] for column in columns)) for head in columns[0]]
    heads = ("", *(HEADED[variant] for variant in variants))
    caption = f"{title_of_sweep(results.document, name)}, {METHODS[planned[0].settings.method]}"
    return [Table(heads, rows, caption, heads), Note(ONE_BY_ONE)]


def _column(results: Results, name: str, planned: PlannedSweep, searched: SweepData | None) -> dict[str, str]:
    """What became of a sweep, by words."""
    if searched is None:
        return {"trials": f"{planned.begun} of {planned.wanted}, not over"} | dict.fromkeys(
            ("configurations", "failed", "training", *_ends(results, name)), "–"
        )
    analysis, trials = searched.analysis, searched.trials
    found = {
        "configurations": "without end" if planned.definition.size is None else f"{planned.definition.size:,}",
        "trials": f"{len(trials):,}",
        "failed": str(sum(trial.state == "failed" for trial in trials)),
        "training": duration(sum(trial.seconds for trial in trials)),
    }
    ends = zip(_ends(results, name), (analysis.best, analysis.worst), strict=True)
    return found | {head: _in_words(results, name, entry) for head, entry in ends}


def _ends(results: Results, name: str) -> Sequence[str]:
    words = MEASURES[_metric(results, name)].words
    return f"best {words}", f"worst {words}"


def _in_words(results: Results, name: str, entry: Entry | None) -> str:
    return (
        "–"
        if entry is None
        else f"{told(results, _metric(results, name), entry.objective.mean)}: {entry.trials[0].run}"
    )


def _metric(results: Results, name: str) -> str:
    return next(each for (sweep, _), each in results.plan.sweeps.items() if sweep == name).definition.metric.name


def _best(searched: SweepData | None) -> Entry | None:
    return searched.analysis.best if searched else None
