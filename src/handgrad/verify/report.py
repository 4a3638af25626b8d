"""The result of a check as lines of a terminal, as a page for the student, as JSON, and as a table of a class."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from handgrad.reports.blocks import Block, Headline, Points, Report, Section, Table, Text
from handgrad.strict_yaml import load_mapping
from handgrad.text import counted, csv_text
from handgrad.verify.contracts import contracts
from handgrad.verify.outcome import NOTE, RIGHT, UNCHECKED, WRONG, Check, Outcome

COLUMNS = ("student", "verdict", "faults", "first", "mistake", "match", "right", "contract", "seconds")


@cache
def explanations() -> dict[str, str]:
    """What each mistake means."""
    return load_mapping((files("handgrad.verify") / "explanations.yaml").read_text(encoding="utf-8"))


def explanation_of(mistake: str) -> str:
    """What a mistake means, in a sentence or two; nothing where the sentence of the check says all."""
    table = explanations()
    word = next(
        (
            name
            for name in (mistake, mistake.removeprefix("sign and "), mistake.partition(" ")[0] if mistake else "")
            if name in table
        ),
        "",
    )
    return table.get(word, "")


def number(value: float | None) -> str:
    """An error as it is printed."""
    return "" if value is None else "0" if value == 0 else f"{value:.1e}"


def lines(outcome: Outcome) -> list[str]:
    """What a terminal shows: what was found, what is wrong with its explanation, notes, and what is right in brief."""
    title = contracts()[outcome.contract].title if outcome.contract in contracts() else "no known course"
    printed = [f"{outcome.folder}: {title}; isolated by {outcome.isolation}; {outcome.seconds:.1f} s"]
    printed += [f"  found    {text}" for text in outcome.found]
    printed += [f"  note     {text}" for text in outcome.remarks]
    for check in outcome.checks:
        if check.status == WRONG:
            printed += ["", f"  WRONG    {check.name}: {check.words}", f"           {evidence(check)}"]
            printed += [f"           {explanation_of(check.mistake)}"] if explanation_of(check.mistake) else []
    printed += [""]
    printed += [f"  note     {check.name}: {check.words}" for check in outcome.checks if check.status == NOTE]
    printed += [f"  unknown  {check.name}: {check.words}" for check in outcome.checks if check.status == UNCHECKED]
    printed += [
        f"  right    {check.name}: {check.words}{f' (to {number(check.error)})' * (check.error is not None)}"
        for check in outcome.checks
        if check.status == RIGHT
    ]
    return [*printed, "", summary(outcome)]


def evidence(check: Check) -> str:
    """Where it is, how far off the numbers are, and how well the mistake reproduces them."""
    parts = [f"see {check.where}" if check.where else "", f"off by {number(check.error)}" if check.error else ""]
    parts.append(
        f"the mistake `{check.mistake}` reproduces your numbers to {number(check.match)}"
        if check.match is not None
        else ""
    )
    return "; ".join(part for part in parts if part)


def summary(outcome: Outcome) -> str:
    """The verdict in one line."""
    right = sum(check.status == RIGHT for check in outcome.checks)
    if outcome.verdict == WRONG:
        first = outcome.first
        where = f", first in {first.layer}: {first.mistake}" if first and first.layer else ""
        return f"{outcome.folder}: {counted(len(outcome.faults), 'fault')}{where}"
    if outcome.verdict == UNCHECKED:
        return f"{outcome.folder}: nothing could be checked"
    return f"{outcome.folder}: right, {counted(right, 'check')} passed"


def page(outcome: Outcome) -> Report:
    """A page for the student: the verdict, what to look at first and why, then every check."""
    faults = outcome.faults
    blocks: list[Block] = [Headline(str(len(faults)), "things to mend" if len(faults) != 1 else "thing to mend")]
    for check in faults:
        blocks.append(Text(f"{check.name}: {check.words}. {evidence(check)}"))
        if explanation_of(check.mistake):
            blocks.append(Text(explanation_of(check.mistake)))
    if not faults:
        blocks = [Text(summary(outcome))]
    notes = [f"{check.name}: {check.words}" for check in outcome.checks if check.status in (NOTE, UNCHECKED)]
    rows = [
        (check.name, check.status, check.words, check.layer, number(check.error), check.where)
        for check in outcome.checks
    ]
    header = ("check", "verdict", "what was found", "layer", "error", "place")
    how = (
        "Weights, images and labels were drawn anew for this check, after your code was loaded. Your outputs and "
        "gradients were compared with those of a reference in float64, checked by finite differences of your own "
        "forward pass. Where they differ, each known mistake was built into the reference, and the one that gives your "
        "numbers is named. The page says where and what; the repair is yours."
    )
    sections = [
        Section("mend", "What to look at", blocks),
        Section("notes", "Notes", [Points([*notes, *outcome.remarks])] if notes or outcome.remarks else []),
        Section("found", "What was found", [Points(outcome.found)] if outcome.found else []),
        Section("checks", "Every check", [Table(header, rows, words=header, badges=("verdict",))]),
        Section("how", "How it was checked", [Text(how)]),
    ]
    facts = [("Contract", outcome.contract), ("Isolation", outcome.isolation), ("Time", f"{outcome.seconds:.1f} s")]
    return Report(f"Check of {outcome.folder}", summary(outcome), facts, sections)


def class_rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A row for each student."""
    rows = []
    for outcome in outcomes:
        first = outcome.first
        values = (
            outcome.folder,
            outcome.verdict,
            len(outcome.faults),
            first.layer if first else "",
            first.mistake if first else "",
            number(first.match) if first else "",
            sum(check.status == RIGHT for check in outcome.checks),
            outcome.contract,
            f"{outcome.seconds:.1f}",
        )
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def class_csv(outcomes: Sequence[Outcome]) -> str:
    """The table of a class as CSV."""
    return csv_text([COLUMNS, *(row.values() for row in class_rows(outcomes))])
