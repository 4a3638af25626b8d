"""`handgrad report --init FOLDER RUN …` and `handgrad report FOLDER`: a hand-in begun, and written as a report."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from handgrad.claims.questions import Question
from handgrad.cli.report import path_for, write_all
from handgrad.errors import UsageError
from handgrad.reproduce.handin import grouped, open_hand_in, questions_of, write_skeleton
from handgrad.reproduce.weave import Woven
from handgrad.run_folder import WORDS, YAML, is_hand_in
from handgrad.runs import open_run
from handgrad.screen import echo
from handgrad.text import counted


def run_hand_in(arguments: Any) -> int:
    """Begin one about runs (--init), or write the report of one.  Raises  UsageError."""
    if any(map(is_hand_in, arguments.runs)):
        if len(arguments.runs) > 1 or arguments.init:
            raise UsageError("a hand-in names its runs itself: give its folder alone")
        return _report(arguments)
    runs = [open_run(path) for path in arguments.runs]
    groups = grouped(runs, arguments.init)
    about = {name: each.model_dump(include={"title", "runs"}) for name, each in groups.items()}
    title = " against ".join(groups) if len(groups) > 1 else f"A network for {runs[0].config.dataset}"
    return begin_hand_in(arguments.init, title, {"experiments": about}, questions_of(groups))


def begin_hand_in(folder: Path, title: str, about: dict[str, Any], questions: Sequence[Question]) -> int:
    """Write the files of a hand-in; where they are there already, print what could be added to them.

    Raises  UsageError where a file is there already: nothing is ever written to it.
    """
    there = [path for path in (folder / YAML, folder / WORDS) if path.exists()]
    added = write_skeleton(folder, title, about, questions)
    if added:
        print(f"what could be added to it:\n\n{added}")
    if there:
        raise UsageError(f"{' and '.join(map(str, there))}: there already, and yours, so nothing was changed")
    echo(f"hand-in: {folder / WORDS} for your words, {folder / YAML} for your name")
    echo(f"next: write both, then handgrad check {folder}, and handgrad report {folder}")
    return 0


def _report(arguments: Any) -> int:
    """Weave the author's words and the runs; in the formats of its YAML file unless one is asked for."""
    opened = open_hand_in(arguments.runs[0])
    formats = [arguments.format] if arguments.format or arguments.output else opened.hand_in.formats
    paths = [path_for(arguments.output, form, opened.folder / "report") for form in formats]
    for path in paths:
        if path.resolve() in [(opened.folder / name).resolve() for name in (YAML, WORDS)]:
            raise UsageError(f"{path} is the author's: write the report to another file (--output)")
    woven = Woven(opened, paths[0].parent)
    write_all(paths, partial(woven.report, arguments.tsne_images))
    for question in woven.unplaced:
        echo(f"note: question {question.id} has no section in {WORDS}: it stands at the end")
    marked = sum(not statement.holds for statement in woven.statements)
    if marked or woven.blanks:
        what = f"{counted(marked, 'statement')} not borne out by the runs, {counted(len(woven.blanks), 'blank')}"
        echo(f"{what}: `handgrad check {opened.folder}` lists them")
    return 0
