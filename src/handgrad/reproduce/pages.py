"""The report of a reproduction: summary, claims, choices, questions, how to get it again; and the files it is in."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.claims.questions import Question
from handgrad.files import atomic_write
from handgrad.machine import machine
from handgrad.reports.blocks import Block, Code, Details, Note, Points, Report, Section, Text
from handgrad.reports.render import markdown_text, write_html, write_markdown
from handgrad.reproduce.numbers import UNKNOWN, agreement_counts, is_whole, numbers_table, printed_rows, rows_of
from handgrad.reproduce.outcome import choices_section, claim_blocks, claims_section, summary_section
from handgrad.reproduce.plan import Plan
from handgrad.reproduce.question_blocks import QuestionBlocks
from handgrad.reproduce.results import Results, Verdicts, as_mapping, verdicts
from handgrad.runs.executor.worker import run_of
from handgrad.text import counted, duration

TSNE_IMAGES, QUICK_TSNE_IMAGES = 1000, 300
README_SECTIONS = ("summary", "claims", "choices", "reproduce")


class Made(NamedTuple):
    """How the results were got."""

    command: str
    seconds: float
    jobs: int
    machine: Mapping[str, Any]


def build_pages(results: Results, found: Mapping[str, Verdicts], made: Made, log: Callable[[str], None]) -> Report:
    """Everything that the plan's questions ask for; `log` gets what takes long."""
    plan = results.plan
    writer = QuestionBlocks(results, QUICK_TSNE_IMAGES if plan.choice.quick else TSNE_IMAGES, log)
    questions = [_question_section(question, results, found, writer) for question in plan.questions]
    first = [summary_section(results, found), choices_section(results)]
    if plan.document.reports:  # of other documents, the table with each question has every verdict
        first.insert(1, claims_section(found))
    sections = [*first, *questions, _made_section(results, made, writer)]
    part = f"Question {', '.join(plan.choice.questions)} of a report" if plan.choice.questions else "A report"
    return Report(
        title_of_plan(plan),
        f"{part} reproduced by handgrad: its numbers, figures and claims"
        if plan.document.reports
        else "An experiment of handgrad: its numbers, figures and claims",
        _facts(results, made),
        sections,
    )


def title_of_plan(plan: Plan) -> str:
    """The recipe's, with what makes this another thing than a full run of it."""
    title = plan.document.title
    if plan.choice.quick:
        title += ": quick version on a subset"
    return f"{title}, on {plan.choice.dataset}" if plan.choice.dataset else title


def _facts(results: Results, made: Made) -> list[tuple[str, str]]:
    plan = results.plan
    datasets = ", ".join(sorted({config.dataset for config in plan.distinct}))
    return [
        ("data set", datasets),
        ("experiments", str(len(plan.experiments))),
        ("runs", str(len(plan.distinct))),
        ("sweeps", plan.trials),
        ("seeds", str(plan.seeds)),
        ("training", duration(made.seconds)),
    ]


def _question_section(
    question: Question, results: Results, found: Mapping[str, Verdicts], writer: QuestionBlocks
) -> Section:
    """Its claims, then what it shows; the numbers that the report prints stand in the summary."""
    blocks: list[Block] = [Text(question.text)] if question.text else []
    blocks += claim_blocks(results, {name: found[name] for name in question.claims})
    rows = rows_of(results, question.experiments)
    notes = {row.title: row.note for row in rows if row.note}
    blocks += [Note(f"{title}: {note}") for title, note in notes.items()]
    blocks += [Note(line) for line in _failed(question.experiments, results)]
    blocks += writer.blocks(question)
    unprinted = [row for row in rows if row.reported == UNKNOWN]
    if unprinted:
        own = results.document.reports
        title = f"{counted(len(unprinted), 'result')}{' that the report does not print' if own else ''}"
        blocks.append(Details(title, [numbers_table(unprinted, judged=False)]))
    return Section(f"question-{question.id}", f"{question.id}: {question.title}", blocks)


def _failed(names: list[str], results: Results) -> list[str]:
    reached = [results.reached(name, variant) for name in names for variant in results.document.variants(name)]
    failures = {run: why for each in reached if each is not None for run, why in each.failures.items()}
    return [f"{run} has no result: {why}" for run, why in failures.items()]


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
    agreement = agreement_counts(printed_rows(results)) if is_whole(plan) else {}
    more = {"seconds": round(seconds, 3), "machine": made.machine, "agreement": agreement}
    numbers = as_mapping(results, found) | more
    chosen = "".join(f"-{each}" for each in plan.choice.questions)
    part = f"-question{chosen}" if chosen else ""  # some questions only have files of their own beside the whole's
    names = (f"report{part}.html", f"report{part}.md", f"README{part}.md", f"results{part}.json")
    page, text, readme, outcome = (plan.folder / name for name in names)
    written = Written(page, text, readme, outcome, numbers)
    atomic_write(written.results, json.dumps(numbers, indent=1, allow_nan=False) + "\n")
    report = build_pages(results, found, made, log)
    log("writing")
    write_html(report, written.report)
    write_markdown(report, written.markdown)
    kept = [section for section in report.sections if section.anchor in README_SECTIONS]
    atomic_write(written.readme, markdown_text(replace(report, sections=kept), "report"))
    return written
