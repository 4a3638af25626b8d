"""The report of a reproduction: numbers, questions, claims, how to get it again; and the files it is written to."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from handgrad.claims.document import Document
from handgrad.claims.estimate import MEASURES, written
from handgrad.claims.judge import ClaimVerdict
from handgrad.claims.printed import Printed, Spread
from handgrad.claims.questions import VARIANTS, Question
from handgrad.evaluation import Interval, mean_interval
from handgrad.figures.run_data import MANY, RunData
from handgrad.files import atomic_write
from handgrad.machine import machine
from handgrad.reports.blocks import Block, Code, Note, Points, Report, Section, Table, Text
from handgrad.reports.render import markdown_text, write_html, write_markdown
from handgrad.reproduce.plan import Plan
from handgrad.reproduce.question_blocks import HEADED, QuestionBlocks, in_unit, metric_of, title_of_sweep
from handgrad.reproduce.results import Reached, Results, Verdicts, as_mapping, verdicts
from handgrad.reproduce.sweep_claims import SweepVerdict
from handgrad.runs.executor.worker import run_of
from handgrad.text import duration

TSNE_IMAGES, QUICK_TSNE_IMAGES = 1000, 300
YES_NO = {True: "yes", False: "no", None: "–"}
NOT_JUDGED = "–"
README_SECTIONS = ("numbers", "claims", "reproduce")


class Made(NamedTuple):
    """How the results were got."""

    command: str
    seconds: float
    jobs: int
    machine: Mapping[str, Any]


class Row(NamedTuple):
    """One reported number, and what ours came to in each variant; None where it is not trained so, or has failed.

    `above` tells whether the best of ours is at or above it (at or below, where less is better); None if it cannot be.
    """

    experiment: str
    title: str
    measure: str
    reported: str
    replication: str
    retrained: str
    above: bool | None
    note: str


def rows_of(results: Results, names: list[str]) -> list[Row]:
    """A row for each number that the report prints of these; one without any gets its test accuracy."""
    found = []
    for name in names:
        printed: list[tuple[str, Any]] = list(printed_beside(results.document, name).values())
        printed += [] if printed else [("test_accuracy", None)]
        found += [_row(results, name, measure, value) for measure, value in printed]
        found += _few_images(results, name)
    return found


def _few_images(results: Results, name: str) -> list[Row]:
    """Of the few images that the report shows: how many are right, ours on those of the figure `compare_20`."""
    counts = results.document.experiments[name].printed.counts
    if counts is None or counts.images != MANY:
        return []
    ours = [_right(results.reached(name, variant)) for variant in VARIANTS]
    last = next((right for right in reversed(ours) if right), [])
    words = [f"{fmean(right):.4g}" if right else "–" for right in ours]
    above = fmean(last) >= counts.right if last else None
    measure = f"right of {counts.images} images shown"
    return [Row(name, results.document.title_of(name), measure, str(counts.right), words[0], words[1], above, "")]


def _right(reached: Reached | None) -> list[int]:
    """One number a seed."""
    runs = map(RunData, reached.runs if reached else ())
    return [int(data.predictions().right[data.random_test_rows()].sum()) for data in runs]


def _row(results: Results, name: str, measure: str, value: Any) -> Row:
    document, experiment = results.document, results.document.experiments[name]
    ours = {variant: results.reached(name, variant) for variant in VARIANTS}
    last = ours["retrained"] or ours["replication"]
    number = _middle(value)
    other = document.beside(name)
    note = f"The reported numbers are those of {document.title_of(other)}." if other != name else ""
    return Row(
        name,
        document.title_of(name),
        MEASURES[measure].words,
        "–" if number is None else written(number, measure, document.scale),
        cell(ours["replication"], measure, document.scale),
        cell(ours["retrained"], measure, document.scale),
        _above(number, last, measure, document.scale),
        " ".join(part for part in (experiment.note, note) if part),
    )


def printed_beside(document: Document, name: str) -> Printed:
    """The reported numbers that an experiment's own stand beside."""
    return document.experiments[document.beside(name)].printed


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
    if MEASURES[measure].type == "count" or interval.low != interval.low:
        return mean
    if MEASURES[measure].type == "share":
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
    if MEASURES[measure].type == "count":
        return ours == theirs
    return ours >= theirs if MEASURES[measure].better > 0 else ours <= theirs


def _as_written(value: float, measure: str, scale: float) -> float:
    return float(written(value, measure, scale).replace(",", ""))


def sweep_row(results: Results, name: str) -> Row:
    """The best that a sweep found of its metric, beside what the report printed."""
    document, printed = results.document, results.document.sweeps[name].printed
    searched, metric = results.searched(name), metric_of(results, name)
    best = searched.analysis.best if searched else None
    words = "–" if best is None else in_unit(results, metric, best.objective.mean)
    reported = "–" if printed is None else written(printed, metric, document.scale)
    above = None
    if printed is not None and best is not None:
        above = float(words) >= float(reported) if MEASURES[metric].better > 0 else float(words) <= float(reported)
    measure = f"{MEASURES[metric].words}, best of all trials"
    return Row(name, title_of_sweep(document, name), measure, reported, words, "–", above, "")


def build_pages(results: Results, found: Mapping[str, Verdicts], made: Made, log: Callable[[str], None]) -> Report:
    """Everything that the plan's questions ask for; `log` gets what takes long."""
    plan = results.plan
    writer = QuestionBlocks(results, QUICK_TSNE_IMAGES if plan.choice.quick else TSNE_IMAGES, log)
    questions = [_question_section(question, results, found, writer) for question in plan.questions]
    sections = [numbers_section(results), *questions, claims_section(found), _made_section(results, made, writer)]
    nonempty = [section for section in sections if section.blocks]
    return Report(title_of_plan(plan), _subtitle(plan), _facts(results, made), nonempty)


def title_of_plan(plan: Plan) -> str:
    """The recipe's, with what makes this another thing than a full run of it."""
    title = plan.document.title
    if plan.choice.quick:
        title += ": quick version on a subset"
    return f"{title}, on {plan.choice.dataset}" if plan.choice.dataset else title


def _subtitle(plan: Plan) -> str:
    chosen = plan.choice.questions
    part = f"Question {', '.join(chosen)} of a report" if chosen else "A report"
    return f"{part} reproduced by handgrad: its numbers, figures and claims"


def _facts(results: Results, made: Made) -> list[tuple[str, str]]:
    plan = results.plan
    datasets = ", ".join(sorted({config.dataset for config in plan.distinct}))
    cores = made.machine.get("cores", 1)
    found = [
        ("data set", datasets),
        ("experiments", str(len(plan.experiments))),
        ("runs", str(len(plan.distinct))),
        ("sweeps", plan.trials),
        ("seeds", str(plan.seeds)),
        ("training", duration(made.seconds)),
        ("processor", f"{made.machine.get('processor', '')}, {cores} core{'s' * (cores != 1)}"),
    ]
    return [(name, value) for name, value in found if value]


def numbers_section(results: Results) -> Section:
    """Every reported number of the experiments that the questions ask of."""
    names = [name for name in results.plan.experiments if printed_beside(results.document, name).values()]
    sweeps = [name for name in results.plan.sweeps if results.document.sweeps[name].printed is not None]
    if not names and not sweeps:
        return Section("numbers", "", [])
    whole = is_whole(results.plan)
    blocks: list[Block] = [] if whole else [Note(_subset(results.plan))]
    rows = [*rows_of(results, names), *(sweep_row(results, name) for name in sweeps)]
    blocks += [Text(_reading(results)), numbers_table(rows, whole)]
    return Section("numbers", "Reported and reproduced", blocks)


def is_whole(plan: Plan) -> bool:
    """Whether it is trained as the report was, so that its numbers can be held against the reported ones."""
    return not plan.choice.quick and plan.choice.dataset is None


def _reading(results: Results) -> str:
    unit = "per cent" if results.document.unit == "percent" else "shares of 1"
    seeds = results.plan.seeds
    interval = f"the mean of {seeds} seeds with its 95 % interval (Student's t)" if seeds > 1 else "one seed"
    words = (
        f"Accuracies are {unit}; ours are {interval}. Replication: trained as the report says or evidently did. "
        "Retrained: the same architecture and number of epochs with settings that the recipe's author chose; "
        "on which images is not recorded."
    )
    above = (
        " At or above: whether the latter, or the former where it is all there is, reaches the reported number, both "
        "as written here."
    )
    return words + above if is_whole(results.plan) else words


def _subset(plan: Plan) -> str:
    changed = []
    if plan.choice.quick:
        quick = plan.document.quick
        epochs = "" if quick.epochs == 1 else f", {100 * quick.epochs:g} % of the epochs"
        trials = f", {quick.trials} trials of a sweep" if plan.sweeps else ""
        changed.append(f"at most {quick.train_images:,} training images{epochs}{trials}")
    if plan.choice.dataset:
        changed.append(f"the data set {plan.choice.dataset} in place of the report's")
    return (
        f"This is not the whole report: {' and '.join(changed)}. Its numbers are not to be held against the reported."
    )


def numbers_table(rows: list[Row], judged: bool, caption: str = "") -> Table:
    """One row a number; where they are `judged`, whether it is reached, and the rows where it is not stand out."""
    words = ("experiment", "measure")
    header = (*words, "reported", *HEADED.values())
    if not judged:
        return Table(header, [row[1:6] for row in rows], caption, words)
    missed = frozenset(place for place, row in enumerate(rows) if row.above is False)
    return Table((*header, "at or above"), [(*row[1:6], YES_NO[row.above]) for row in rows], caption, words, missed)


def _question_section(
    question: Question, results: Results, found: Mapping[str, Verdicts], writer: QuestionBlocks
) -> Section:
    blocks: list[Block] = [Text(question.text)] if question.text else []
    rows = rows_of(results, question.experiments)
    if rows:
        blocks.append(numbers_table(rows, is_whole(results.plan), "Reported and reproduced"))
        blocks += [
            Note(f"{row.title}: {row.note}") for row in {row.experiment: row for row in rows}.values() if row.note
        ]
    blocks += [Note(line) for line in _failed(question.experiments, results)]
    blocks += writer.blocks(question)
    for name in question.claims:
        blocks += _claim_blocks(found[name])
    return Section(f"question-{question.id}", f"{question.id}: {question.title}", blocks)


def _failed(names: list[str], results: Results) -> list[str]:
    reached = [results.reached(name, variant) for name in names for variant in results.document.variants(name)]
    failures = {run: why for each in reached if each is not None for run, why in each.failures.items()}
    return [f"{run} has no result: {why}" for run, why in failures.items()]


def _claim_blocks(verdicts: Verdicts) -> list[Block]:
    """A statement with what the report's numbers say of it, and ours."""
    printed = verdicts.printed
    points = [f"The report's own numbers: {printed.verdict}. {' '.join(printed.arithmetic)}".strip()]
    for variant, verdict in verdicts.seeds.items():
        if verdict is not None:
            points.append(f"Ours, {HEADED[variant]}: {verdict.verdict}. {' '.join(verdict.arithmetic)}".strip())
    if verdicts.sweep is not None:
        points.append(f"The sweep: {verdicts.sweep.verdict}. {verdicts.sweep.words}")
    points += [printed.note] if printed.note else []
    return [Text(f"Claim: {printed.says}"), Points(points)]


def claims_section(found: Mapping[str, Verdicts]) -> Section:
    """All verdicts on one page."""
    in_sweeps = any(each.sweep for each in found.values())
    rows = [
        (
            each.printed.says,
            each.printed.verdict,
            *map(_verdict, [*each.seeds.values(), *([each.sweep] if in_sweeps else ())]),
        )
        for each in found.values()
    ]
    if not rows:
        return Section("claims", "", [])
    header = ("claim", "by the reported numbers", *(f"ours, {head}" for head in HEADED.values()))
    header += ("in the sweep",) if in_sweeps else ()
    words = Text(
        "A claim is a comparison of experiments. It holds, or does not, where the difference over our seeds is beyond "
        "chance (p < 0.05), and is undecided otherwise; the arithmetic stands with the question."
        + (" In a sweep it does where the 95 % interval of the effect, all else equal, is." if in_sweeps else "")
    )
    return Section("claims", "Claims", [words, Table(header, rows, "Verdicts", header)])


def _verdict(verdict: ClaimVerdict | SweepVerdict | None) -> str:
    return verdict.verdict if verdict is not None else NOT_JUDGED


def _made_section(results: Results, made: Made, writer: QuestionBlocks) -> Section:
    machine = ", ".join(
        f"{name.replace('_', ' ')} {', '.join(value) if isinstance(value, list) else value}"
        for name, value in made.machine.items()
        if value
    )
    done = ", ".join(part for part in (f"{len(results.plan.distinct)} runs", results.plan.trials) if part)
    blocks: list[Block] = [
        Text("This command trains, draws and judges all of it again; runs that are over are not run again:"),
        Code(made.command),
        Text(f"{done}, {duration(made.seconds)} of training in all, {made.jobs} at a time. {machine}."),
        Text("Each run is a folder below `runs`; `handgrad report` and `handgrad evaluate` show more of each."),
    ]
    if writer.left_out:
        blocks += [Text("Not shown here:"), Points(list(dict.fromkeys(writer.left_out)))]
    return Section("reproduce", "How to reproduce it", blocks)


def readme(report: Report) -> str:
    """Markdown of the report's table of numbers and of its claims."""
    kept = [section for section in report.sections if section.anchor in README_SECTIONS]
    return markdown_text(replace(report, sections=kept), "report")


class Written(NamedTuple):
    """Where the outcome of a reproduction is."""

    report: Path
    markdown: Path
    readme: Path
    results: Path
    numbers: dict[str, Any]


def write_outcome(plan: Plan, failures: dict[str, str], command: str, jobs: int, log: Callable[[str], None]) -> Written:
    """results.json, report.html, report.md with its figures, and README.md in the plan's folder, from its runs.

    Raises  HandgradError for run folders that cannot be read; FileSystemError.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    results = Results(plan, failures)
    log("numbers and claims")
    found = verdicts(results)
    seconds = sum(run_of(config).metrics.get("seconds", 0.0) for config in plan.distinct) + results.searching_seconds
    made = Made(command, seconds, jobs, machine())
    numbers = as_mapping(results, found) | {"seconds": round(seconds, 3), "machine": made.machine}
    written = _places(plan, numbers)
    atomic_write(written.results, json.dumps(numbers, indent=1, allow_nan=False) + "\n")
    report = build_pages(results, found, made, log)
    log("writing")
    write_html(report, written.report)
    write_markdown(report, written.markdown)
    atomic_write(written.readme, readme(report))
    return written


def _places(plan: Plan, numbers: dict[str, Any]) -> Written:
    """Some questions only have files of their own beside those of the whole."""
    chosen = "".join(f"-{each}" for each in plan.choice.questions)
    home, part = plan.folder, f"-question{chosen}" if chosen else ""
    report, markdown, results = home / f"report{part}.html", home / f"report{part}.md", home / f"results{part}.json"
    return Written(report, markdown, home / f"README{part}.md", results, numbers)
