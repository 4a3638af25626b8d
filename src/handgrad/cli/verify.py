"""`handgrad verify`: the check of somebody's network, or of a class."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from rich.table import Column, Table

from handgrad.cli.commands import Parser
from handgrad.errors import FileSystemError, UsageError
from handgrad.files import atomic_write
from handgrad.reports.render import write_html
from handgrad.screen import Screen, working
from handgrad.verify.outcome import NOTE, RIGHT, UNCHECKED, WRONG, Outcome
from handgrad.verify.report import COLUMNS, class_csv, class_rows, lines, page
from handgrad.verify.subject import ADAPTER
from handgrad.verify.verify import check_class, isolated, verify

EXIT_CODES = {RIGHT: 0, WRONG: 1, UNCHECKED: 7, NOTE: 0}


def run_verify(tokens: list[str]) -> int:
    """Print what is right and wrong in a folder; exit code 1 when something is wrong, 7 when nothing was checked."""
    arguments = Parser("verify").arguments(tokens)
    folder = vars(arguments)["class"] or arguments.folder
    if (folder is None) or (arguments.folder and vars(arguments)["class"]):
        raise UsageError("give one folder of code, or --class and a folder of folders")
    if not folder.is_dir():
        raise FileSystemError(f"cannot read {folder}: no such folder. Check the path")
    if arguments.adapter:
        return _write_adapter(folder)
    if vars(arguments)["class"]:
        return _check_class(folder, arguments)
    with working(f"checking {folder}"):
        outcome = verify(folder.resolve(), isolated(arguments.trust))
    screen = Screen(highlight=False)
    for line in lines(outcome):
        screen.print(line, markup=False, soft_wrap=True, style="red" if line.startswith("  WRONG") else None)
    if arguments.html:
        write_html(page(outcome), arguments.html)
    if arguments.json:
        atomic_write(arguments.json, json.dumps(outcome.mapping(), indent=1) + "\n")
    return EXIT_CODES[outcome.verdict]


def _write_adapter(folder: Path) -> int:
    path = folder / f"{ADAPTER}.py"
    if path.exists():
        raise UsageError(f"{path} is there already: fill it in, or remove it")
    atomic_write(path, (files("handgrad.verify") / "adapter.py.j2").read_bytes())
    print(f"wrote {path}: fill in its five bodies, then run `handgrad verify {folder}`")
    return 0


def _check_class(folder: Path, arguments: Any) -> int:
    """A page and a file for each student, and the table of all."""
    screen = Screen(highlight=False)

    def report(outcome: Outcome, known: bool) -> None:
        write_html(page(outcome), arguments.out / f"{outcome.folder}.html")
        how = " (checked before)" if known else f" ({outcome.seconds:.1f} s)"
        screen.print(f"{outcome.folder}: {outcome.verdict}{how}", markup=False, soft_wrap=True)

    outcomes = check_class(folder, arguments.out, isolated(arguments.trust), report)
    table = Table(*(Column(name, overflow="fold") for name in COLUMNS), box=None, padding=(0, 1, 0, 0))
    for row in class_rows(outcomes):
        table.add_row(*map(str, row.values()))
    screen.print(table)
    for path in {arguments.out / "class.csv", arguments.csv or arguments.out / "class.csv"}:
        atomic_write(path, class_csv(outcomes))
    screen.print(f"wrote {arguments.out / 'class.csv'}, and a page and a JSON file for each student", soft_wrap=True)
    return 0
