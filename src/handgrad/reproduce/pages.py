"""The report of a reproduction: summary, claims, choices, questions, how to get it again; and the files it is in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.claims.judge import FITTED, HOLDS, HOLDS_NOT, ClaimVerdict
from handgrad.claims.questions import VARIANTS, Choice, Question
from handgrad.claims.relations import CONFOUNDED, NO_EXPERIMENT
from handgrad.config.describe import effective_differences, idle
from handgrad.files import atomic_write, write_object
from handgrad.machine import machine
from handgrad.reports.blocks import Block, Code, Details, Headline, Note, Points, Report, Section, Table, Text, spelled
from handgrad.reports.render import markdown_text, write_html, write_markdown
from handgrad.reproduce.numbers import (
    UNKNOWN,
    agreement_counts,
    agreement_words,
    is_whole,
    numbers_blocks,
    numbers_table,
    printed_rows,
    rows_of,
)
from handgrad.reproduce.plan import Plan
from handgrad.reproduce.question_blocks import QuestionBlocks, titles_of
from handgrad.reproduce.results import Results, Verdicts, as_mapping, verdicts
from handgrad.reproduce.sweep_claims import UNDECIDED, SweepVerdict
from handgrad.runs.executor.worker import run_of
from handgrad.text import counted, duration

EXPLAINED = {  # verdicts on our own runs, in the order in which they are listed
    HOLDS: "",
    HOLDS_NOT: "",
    UNDECIDED: " (the difference is within chance)",
    CONFOUNDED: " (something else differs besides what is said to be the cause)",
    FITTED: " (an open setting was chosen so that the printed number comes out, so our runs cannot decide)",
    NO_EXPERIMENT: " (nothing was trained that could decide)",
}
FEW, MANY, LONG = 4, 3, 16  # choices, claims of a question, and claims in all, that stand open
TSNE_IMAGES, QUICK_TSNE_IMAGES = 1000, 300
README_SECTIONS = ("summary", "claims", "choices", "reproduce")


def summary_section(results: Results, found: Mapping[str, Verdicts]) -> Section:
    """How many claims hold, how many numbers agree, and the numbers."""
    rows, whole = printed_rows(results), is_whole(results.plan)
    blocks: list[Block] = [] if whole else [Note(_subset(results.plan))]
    blocks += _verdict_blocks(results, found) if found else []
    blocks += [Text(agreement_words(rows))] if rows and whole else []
    blocks += [*numbers_blocks(rows, whole), Text(_reading(results))] if rows else []
    return Section("summary", "Summary", blocks)


def _verdict_blocks(results: Results, found: Mapping[str, Verdicts]) -> list[Block]:
    """The count in large, and the claims of each verdict; where that decides nothing, what a sweep of values says."""
    groups: dict[str, list[str]] = {verdict: [] for verdict in EXPLAINED}
    printed, everywhere = [], 0
    for name, each in found.items():
        own, words, swept = own_verdict(each), each.printed.says.rstrip("."), results.swept(name)
        if swept and own and own.verdict in (CONFOUNDED, FITTED):
            words, everywhere = f"{words} ({swept.words})", everywhere + swept.everywhere
        if own is None:
            printed.append(f"{words} ({each.printed.verdict})")
        else:
            groups.setdefault(own.verdict, []).append(words)
    many = {verdict: names for verdict, names in groups.items() if len(names) > LONG}
    lines = [
        f"{verdict[0].upper()}{verdict[1:]}{EXPLAINED.get(verdict, '')}: {'; '.join(names)}."
        for verdict, names in groups.items()
        if names and verdict not in many
    ]
    lines += [f"About the report's own numbers alone: {'; '.join(printed)}."] if printed else []
    judged = len(found) - len(printed)
    others = [
        f"{len(names)} {verdict.replace('does', 'does' if len(names) == 1 else 'do')}"
        for verdict, names in groups.items()
        if names and verdict != HOLDS
    ]
    whose = "claims of the report hold in our own runs" if results.document.reports else "expectations hold in the runs"
    words = "; ".join([whose, *([", ".join(others)] if others else [])])
    words += f" ({everywhere} of these hold at every value of the open setting that was tried)" if everywhere else ""
    folded = [Details(f"{len(names)} of verdict: {verdict}", [Points(names)]) for verdict, names in many.items()]
    return [
        *([Headline(f"{len(groups[HOLDS])} of {judged}", f"{words}.")] if judged else []),
        *([Points(lines)] if lines else []),
        *folded,
    ]


def own_verdict(found: Verdicts) -> ClaimVerdict | SweepVerdict | None:
    """That of the replication; without one, that of the retrained runs, then of a sweep."""
    return next((each for each in (*found.seeds.values(), found.sweep) if each is not None), None)


def reason(verdict: ClaimVerdict | SweepVerdict) -> str:
    """What decided it, in a sentence."""
    if isinstance(verdict, SweepVerdict):
        return verdict.words
    return verdict.sentence or " ".join(verdict.arithmetic[:1])


def _reading(results: Results) -> str:
    unit = "per cent" if results.document.unit == "percent" else "shares of 1"
    seeds = results.plan.seeds
    interval = f"the mean of {seeds} seeds with its 95 % interval (Student's t)" if seeds > 1 else "one seed"
    return (
        f"Accuracies are {unit}; ours are {interval}. Replication: trained as the report says or evidently did. "
        "Retrained: the same architecture and number of epochs with settings that sweeps on validation images chose."
    )


def _subset(plan: Plan) -> str:
    changed = []
    if plan.choice.quick:
        quick = plan.document.quick
        epochs = "" if quick.epochs == 1 else f", {100 * quick.epochs:g} % of the epochs"
        trials = f", {quick.trials} trials of a sweep" if plan.sweeps else ""
        changed.append(f"at most {quick.train_images:,} training images{epochs}{trials}")
    if plan.choice.dataset:
        changed.append(f"the data set {plan.choice.dataset} in place of the report's")
    if not plan.document.reports:
        return f"This is not the whole experiment: {' and '.join(changed)}."
    return (
        f"This is not the whole report: {' and '.join(changed)}. Its numbers are not to be held against the reported."
    )


def claims_section(found: Mapping[str, Verdicts]) -> Section:
    """Each claim in a line, with its verdict by the report's numbers and by ours."""
    in_sweeps = any(each.sweep for each in found.values())
    header = ("claim", "by the reported numbers", *(f"ours, {head}" for head in VARIANTS))
    header += ("in the sweep",) if in_sweeps else ()
    rows = []
    for each in found.values():
        verdicts = [each.printed, *each.seeds.values(), each.sweep]
        rows.append((each.printed.says, *(own.verdict if own else "–" for own in verdicts))[: len(header)])
    words = Text(
        "A claim holds, or does not, where the difference over our seeds is beyond chance (p < 0.05), in a sweep where "
        "the 95 % interval of the effect is; it is undecided otherwise. What was compared stands with its question."
    )
    table: Block = Table(header, rows, "", header, badges=header[1:])
    table = Details(f"All {len(rows)} claims, each with its verdicts", [table]) if len(rows) > LONG else table
    return Section("claims", "Claims", [words, table] if rows else [])


def claim_blocks(results: Results, found: Mapping[str, Verdicts]) -> list[Block]:
    """What was compared for each claim of a question, in a sentence; the arithmetic is folded."""
    rows, arithmetic = [], list[Block]()
    for name, each in found.items():
        own, swept = own_verdict(each) or each.printed, results.swept(name)
        words = reason(own)
        rows.append((each.printed.says, own.verdict, f"{words} It {swept.words}." if swept else words))
        tried = zip(swept.values, swept.verdicts, strict=True) if swept else ()
        by_value = ", ".join(f"{spelled(value)} {verdict.verdict}" for value, verdict in tried)
        lines = [f"By {swept.setting}: {by_value}."] if swept else []
        arithmetic += [Text(f"{name.replace('_', ' ')}:"), Points([*_arithmetic(each), *lines])]
    header = ("claim", "verdict", "what was compared")
    what = "What was compared, and the arithmetic" if len(found) > MANY else "Arithmetic"
    whose = ": by the report's numbers, and by ours" if results.document.reports else ""
    folded = f"{what} of {counted(len(found), 'verdict')}{whose}"
    table = Table(header, rows, "", header, badges=("verdict",))
    long = len(rows) > MANY
    return [*([] if long else [table]), Details(folded, [*([table] if long else []), *arithmetic])] if rows else []


def _arithmetic(verdicts: Verdicts) -> list[str]:
    """A point each: the report's numbers, ours, and the sweep's."""
    printed = verdicts.printed
    words = f"Reported: {printed.verdict}. {' '.join(printed.arithmetic)}"
    points = [words] if printed.verdict != NO_EXPERIMENT else []
    for variant, verdict in verdicts.seeds.items():
        if verdict is not None:
            points.append(f"{variant.capitalize()}: {verdict.verdict}. {' '.join(verdict.arithmetic)}")
    if verdicts.sweep is not None:
        points.append(f"Sweep: {verdicts.sweep.verdict}. {verdicts.sweep.words}")
    return [*points, *([printed.note] if printed.note else [])]


def choices_section(results: Results) -> Section:
    """The settings that the report leaves open, those that decide open, and those that the retrained runs change."""
    found: dict[str, tuple[str, Choice, list[str]]] = {}
    for (name, variant), runs in results.plan.runs.items():
        for setting, choice in results.document.choices(name).items() if variant == VARIANTS[0] else ():
            if setting not in idle(runs[0]):
                found.setdefault(f"{setting} {choice!r}", (setting, choice, []))[2].append(name)
    chosen = list(found.values())
    top = [each for each in chosen if len(chosen) <= FEW or each[1].fitted or each[1].chosen_by]
    rest = [each for each in chosen if each not in top]
    what = "the report does not state" if results.document.reports else "is left open"
    blocks: list[Block] = [Text(f"What {what}, and what was taken in its place:")] if chosen else []
    blocks += [_choices_table(top, results)] if top else []
    blocks += [Details(f"{len(rest)} more, as the field chooses", [_choices_table(rest, results)])] if rest else []
    changes = _changes(results)
    if changes:
        blocks.append(Details("Every setting in which retrained differs from the replication", [changes]))
    return Section("choices", "Choices", blocks)


def _choices_table(chosen: Sequence[tuple[str, Choice, list[str]]], results: Results) -> Table:
    rows = [
        (setting, spelled(choice.value), _of(names, results), choice.why, choice.how, choice.tried or "–")
        for setting, choice, names in chosen
    ]
    header = ("setting", "value", "of", "why", "how it was chosen", "what was tried")
    return Table(header, rows, "", header, compact=True)


def _of(names: Sequence[str], results: Results) -> str:
    return "all" if len(names) == len(results.plan.experiments) > 1 else titles_of(results.document, names)


def _changes(results: Results) -> Table | None:
    found: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for name in results.plan.experiments:
        pair = [results.plan.runs.get((name, variant)) for variant in VARIANTS]
        if all(pair):
            one, other = (runs[0] for runs in pair if runs)
            changed = {key: ends for key, ends in effective_differences(one, other).items() if key != "seed"}
            tuned = results.plan.tuning(name)
            key = tuple((setting, spelled(a), spelled(b), tuned) for setting, (a, b) in changed.items())
            found.setdefault(key, []).append(name)
    rows = [(_of(names, results), *change) for key, names in found.items() for change in key]
    header = ("of", "setting", *VARIANTS, "chosen on validation images by")
    return Table(header, rows, words=header) if rows else None


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
    title = f"{plan.document.title}{': quick version on a subset' if plan.choice.quick else ''}"
    return Report(
        f"{title}, on {plan.choice.dataset}" if plan.choice.dataset else title,
        f"{part} reproduced by handgrad: its numbers, figures and claims"
        if plan.document.reports
        else "An experiment of handgrad: its numbers, figures and claims",
        [
            ("data set", ", ".join(sorted({config.dataset for config in plan.distinct}))),
            ("experiments", str(len(plan.experiments))),
            ("runs", str(len(plan.distinct))),
            ("sweeps", plan.trials),
            ("seeds", str(plan.seeds)),
            ("training", duration(made.seconds)),
        ],
        sections,
    )


def _question_section(
    question: Question, results: Results, found: Mapping[str, Verdicts], writer: QuestionBlocks
) -> Section:
    """Its claims, then what it shows; the numbers that the report prints stand in the summary."""
    blocks: list[Block] = [Text(question.text)] if question.text else []
    blocks += claim_blocks(results, {name: found[name] for name in question.claims})
    rows = rows_of(results, question.experiments)
    notes = {row.title: row.note for row in rows if row.note}
    blocks += [Note(f"{title}: {note}") for title, note in notes.items()]
    reached = [results.reached(each, variant) for each in question.experiments for variant in VARIANTS]
    failures = {run: why for each in reached if each is not None for run, why in each.failures.items()}
    blocks += [Note(f"{run} has no result: {why}") for run, why in failures.items()]
    blocks += writer.blocks(question)
    unprinted = [row for row in rows if row.reported == UNKNOWN]
    if unprinted:
        own = results.document.reports
        title = f"{counted(len(unprinted), 'result')}{' that the report does not print' if own else ''}"
        blocks.append(Details(title, [numbers_table(unprinted, judged=False)]))
    return Section(f"question-{question.id}", f"{question.id}: {question.title}", blocks)


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
    write_object(written.results, numbers)
    report = build_pages(results, found, made, log)
    log("writing")
    write_html(report, written.report)
    write_markdown(report, written.markdown)
    kept = [section for section in report.sections if section.anchor in README_SECTIONS]
    atomic_write(written.readme, markdown_text(replace(report, sections=kept), "report"))
    return written
