"""What each row of a list of the five reports asks, where it is shown, and whether ours agrees: coverage.yaml, checked,
becomes coverage.md. Agreement is read from results.json, which collect.py beside this file writes.

python docs/reports/coverage.py ROWS.tsv, whose columns are id, report, …, value; a value of a row that names a number
must be the one that the recipe has as printed.
"""

import csv
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from handgrad import strict_yaml
from handgrad.claims import REPORTS, Document, read_document, report_file
from handgrad.claims.estimate import MEASURES
from handgrad.cli.main import COMMANDS
from handgrad.evaluation import mean_interval
from handgrad.files import atomic_write

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
REMARK = re.compile(r"\([^()]* [^()]*\)")
FOUND_LATER = "R"  # the first letter of rows that a second reading of the reports added to the list
NOT_MEASURED = "not measured yet"
NUMBER = re.compile(r"^~?[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|^nan|^\(undefined\)")


class Entry(BaseModel):
    """One entry of coverage.yaml; its comment says what each key means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: str
    what: str | list[str]
    experiment: str | None = None
    numbers: list[str] = []
    settings: list[str] = []
    figures: list[str] = []
    tables: list[str] = []
    sweep_parts: list[str] = []
    questions: list[str] = []
    claims: list[str] = []
    tests: list[str] = []
    commands: list[str] = []
    docs: list[str] = []
    because: str = ""


class Row(NamedTuple):
    """One row of the list: what it is in words, its entry, and which of the entry's numbers it is."""

    id: str
    report: str
    what: str
    entry: Entry
    number: str | None


def read_rows(path: Path = HERE / "coverage.yaml") -> list[Row]:
    """All rows in order.

    Raises  ValueError for an entry with more or fewer words or numbers than rows.
    """
    return [
        row
        for report, entries in strict_yaml.load_mapping(path).items()
        for entry in entries
        for row in _rows(report, Entry(**entry))
    ]


def _rows(report: str, entry: Entry) -> Iterator[Row]:
    first, _, last = entry.rows.partition("-")
    ids = [f"{first[0]}{number:03d}" for number in range(int(first[1:]), int((last or first)[1:]) + 1)]
    words = [entry.what] * len(ids) if isinstance(entry.what, str) else entry.what
    numbers = entry.numbers or [None] * len(ids)
    for row, what, number in zip(ids, words, numbers, strict=True):
        yield Row(row, report, what, entry, number)


def missing(entry: Entry, document: Document) -> list[str]:
    """What an entry names that is not there; what it must have and has not."""
    asked = [question for question in document.questions if question.id in entry.questions]
    shown = [item for question in asked or document.questions for item in question.show]
    there: dict[str, set[Any]] = {
        "figures": {item.figure for item in shown},
        "tables": {item.table for item in shown},
        "sweep_parts": {item.part for item in shown},
        "questions": {question.id for question in document.questions},
        "claims": set(document.claims),
        "commands": set(COMMANDS),
        "tests": {test for test in entry.tests if _is_test(test)},
        "docs": {name for name in entry.docs if (ROOT / name).is_file()},
        "settings": {*document.settings_of(entry.experiment), *document.choices(entry.experiment)}
        if entry.experiment in document.experiments
        else set(),
    }
    gone = [f"{kind} {name}" for kind, known in there.items() for name in getattr(entry, kind) if name not in known]
    if entry.experiment and entry.experiment not in document.experiments:
        return [*gone, f"experiment {entry.experiment}"]
    gone += [
        f"number {each} of {entry.experiment}" for each in entry.numbers if _printed(entry, each, document) is None
    ]
    targets = entry.model_dump(exclude={"rows", "what"}, exclude_defaults=True)
    return gone if targets else [*gone, "anything"]


def _is_test(name: str) -> bool:
    """Whether there is such a test: tests/file.py::function."""
    file, _, function = name.partition("::")
    path = ROOT / file
    return path.is_file() and f"\ndef {function}(" in path.read_text()


def _printed(entry: Entry, number: str, document: Document) -> Any:
    """A number of the recipe, by its path such as per_class.recall."""
    value: Any = document.experiments[entry.experiment or ""].printed
    for step in number.split("."):
        value = getattr(value, step, None)
    return value


def disagreements(rows: list[Row], listed: list[Mapping[str, str]], documents: Mapping[str, Document]) -> list[str]:
    """Rows that the list has and coverage.yaml has not, or the other way round; numbers that are not the list's."""
    by_id = {row.id: row for row in rows}
    twice = [row for row, count in Counter(row.id for row in rows).items() if count > 1]
    known = {each["id"]: each for each in listed}
    found = [f"{row} stands twice" for row in twice]
    found += [f"{row} is not covered" for row in known if row not in by_id]
    found += [f"{row} is not in the list" for row in by_id if row not in known and not row.startswith(FOUND_LATER)]
    for row in rows:
        each = known.get(row.id, {"report": row.report, "value": ""})
        if each["report"] != row.report:
            found.append(f"{row.id} belongs to {each['report']}")
        if row.number and not _same(_printed(row.entry, row.number, documents[row.report]), each["value"]):
            found.append(f"{row.id}: the list has {each['value']}")
    return found


def _same(ours: Any, listed: str) -> bool:
    """Whether a number, or one for each class, is what a cell of the list begins with."""
    theirs = [match[0].lstrip("~") for match in map(NUMBER.match, REMARK.sub(" ", listed).split()) if match]
    expected = ours if isinstance(ours, list) else [ours]
    pairs = zip(expected, theirs[: len(expected)], strict=False)
    return len(theirs) >= len(expected) and all(_equal(a, b) for a, b in pairs)


def _equal(ours: float | None, theirs: str) -> bool:
    return not theirs[0].isdigit() and theirs[0] not in ".-+" if ours is None else float(ours) == float(theirs)


def read_results(path: Path = HERE / "results.json") -> dict[str, Any]:
    """What the reproductions came to, by report; empty where none was collected."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def agreement(row: Row, document: Document, results: Mapping[str, Any]) -> str:
    """Where the printed number lies beside our interval, or the verdicts on the row's claims."""
    entry, found = row.entry, results.get(row.report, {"experiments": {}, "claims": {}})
    verdicts = [found["claims"].get(name, NOT_MEASURED) for name in entry.claims]
    parts = [] if row.number is None else [_placed(_printed(entry, row.number, document), row, found["experiments"])]
    if not parts and not verdicts:
        shown = entry.figures or entry.tables or entry.sweep_parts or entry.questions
        return "shown" if shown else "tested" if entry.tests else "–"
    return "; ".join(dict.fromkeys([*parts, *verdicts]))


def _placed(reported: Any, row: Row, experiments: Mapping[str, Any]) -> str:
    if isinstance(reported, list):
        return "shown beside it"
    if row.entry.experiment not in experiments:
        return NOT_MEASURED
    values = experiments[row.entry.experiment].get(row.number, [])
    if len(values) < 2:
        return "no interval"
    mean, low, high, _ = mean_interval(values)
    side = "inside" if low <= reported <= high else "ours above" if mean > reported else "ours below"
    return f"{side} ({mean:.4g} [{low:.4g}, {high:.4g}])"


def markdown(rows: list[Row], documents: Mapping[str, Document], results: Mapping[str, Any]) -> str:
    """The page: a table for each report, a line for each row."""
    bare = sum(not _targets(row) for row in rows)
    lines = [
        "# What the recipes cover",
        "",
        f"The five reports ask for {len(rows)} things: capabilities, figures, numbers, claims. Of these,",
        f"{len(rows) - bare} are covered by an experiment, a figure, a table, a claim, a test or a command;",
        f"{bare} {'is not, and says' if bare == 1 else 'are not, and say'} why.",
        "Whether ours agrees is said of numbers (the reported one inside our 95 % interval, ours above or below) and",
        "of claims (the verdict over our own runs, and at how many values of a fitted setting it holds).",
        "Made by `coverage.py` beside this file, from `coverage.yaml` and `results.json`.",
    ]
    listed = {row.report for row in rows}
    for report in (report for report in REPORTS if report in listed):
        lines += ["", f"## {report}", "", "| row | asked | shown where | agrees or not |", "|---|---|---|---|"]
        lines += [
            f"| {row.id} | {_words(row, documents[report])} | {_covered(row)} | "
            f"{agreement(row, documents[report], results)} |"
            for row in rows
            if row.report == report
        ]
    return "\n".join(lines) + "\n"


def _words(row: Row, document: Document) -> str:
    if row.number is None:
        return row.what
    value = _printed(row.entry, row.number, document)
    of = MEASURES[row.number].words if row.number in MEASURES else row.number.rpartition(".")[2]
    return f"{row.what}, {of} of each class" if isinstance(value, list) else f"{row.what}, {of}: {value:g}"


def _targets(row: Row) -> list[str]:
    """Where to look, most telling first."""
    entry = row.entry
    found = [f"experiment `{entry.experiment}`"] if entry.experiment else []
    for kind in ("figures", "tables", "sweep_parts", "claims", "commands", "docs", "tests"):
        names = getattr(entry, kind)
        found += (
            [f"{(kind[:-1] if len(names) == 1 else kind).replace('_', ' ')} {', '.join(f'`{name}`' for name in names)}"]
            if names
            else []
        )
    if entry.questions:
        found.append(f"question{'s' * (len(entry.questions) > 1)} {', '.join(entry.questions)}")
    return found


def _covered(row: Row) -> str:
    because = [row.entry.because] if row.entry.because else []
    return ". ".join([*(["; ".join(_targets(row))] if _targets(row) else []), *because])


def main(arguments: list[str]) -> int:
    """Write coverage.md, or say what does not hold."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    with open(arguments[0], encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file, delimiter="\t"))
    documents = {report: read_document(report_file(report)) for report in REPORTS}
    rows = read_rows()
    wrong = disagreements(rows, listed, documents)
    wrong += [f"{row.id}: there is no {each}" for row in rows for each in missing(row.entry, documents[row.report])]
    for line in wrong:
        print(line, file=sys.stderr)
    if not wrong:
        atomic_write(HERE / "coverage.md", markdown(rows, documents, read_results()))
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
