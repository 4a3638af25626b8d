"""`handgrad report RUN …` and `handgrad figures RUN …`, and the report at the end of a training."""

import logging
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from signal import SIGINT

from rich.markup import escape
from rich.table import Table

from handgrad.cli.commands import Parser
from handgrad.cli.console import echo_report
from handgrad.errors import HandgradError, UsageError
from handgrad.figures import COMPARISONS, FIGURES, RunData
from handgrad.figures.gallery import FORMATS, Outcome, write_figures
from handgrad.figures.run_data import MOST_TSNE_IMAGES
from handgrad.reports.blocks import Report
from handgrad.reports.comparison import build_report
from handgrad.reports.render import writer_of
from handgrad.run_folder import is_hand_in
from handgrad.runs import InterruptedRunError, Run, open_run
from handgrad.screen import Screen, echo

log = logging.getLogger("handgrad")
BRIEF_TSNE = 500  # test images in the t-SNE of a report that nobody asked for: two seconds in place of half a minute

FORMATS_OF_REPORTS = ("html", "md", "pdf", "latex")


def run_report(tokens: list[str]) -> int:
    """Write the report of a run, of several compared, or of a hand-in."""
    arguments = Parser("report", format=FORMATS_OF_REPORTS).arguments(tokens)
    if arguments.init or any(map(is_hand_in, arguments.runs)):
        return int(import_module("handgrad.cli.hand_in").run_hand_in(arguments))
    runs = [open_run(path) for path in arguments.runs]
    home = runs[0].path / "report" if len(runs) == 1 else Path("comparison")
    form = arguments.format or (None if arguments.output else "html")
    write(runs, path_for(arguments.output, form, home), arguments.tsne_images)
    return 0


def path_for(output: Path | None, form: str | None, home: Path) -> Path:
    """The file to write; the one of a LaTeX project is main.tex in a folder of its own."""
    if form == "latex" or (form is None and output is not None and not output.suffix):
        return (output or home.parent / "latex") / "main.tex" if not (output and output.suffix) else output
    path = output or home
    return path.with_suffix("." + form) if form else path


def write_report(runs: Sequence[Run]) -> None:
    """The report at the end of a training, or of several seeds; what was trained is not lost where it fails."""
    path = runs[0].path / ("report.html" if len(runs) == 1 else "seeds.html")
    try:
        write(runs, path, BRIEF_TSNE)
    except HandgradError as error:
        log.warning("no report: %s", error)
    except KeyboardInterrupt:
        named = " ".join(str(run.path) for run in runs)
        raise InterruptedRunError(
            f"no report; all else is saved. Write it with: handgrad report {named}", SIGINT
        ) from None


def write(runs: Sequence[Run], path: Path, tsne_images: int) -> None:
    """Build and write a report, as the ending of `path` says.  Raises  UsageError; as `build_report`."""
    write_all([path], lambda log: build_report(runs, tsne_images, log))


def write_all(paths: Sequence[Path], build: Callable[[Callable[[str], None]], Report]) -> None:
    """Build one report, with a line that says what takes long, and write it as each path's ending says."""
    writers, screen = [writer_of(path) for path in paths], Screen()
    echo("writing the report …")
    with screen.working("report: reading the run") as update:
        report = build(lambda message: update(f"report: {message}"))
        update("report: writing")
        written = [writer(report, path) for writer, path in zip(writers, paths, strict=True)]
    for several in written:
        echo_report(several, sum(file.stat().st_size for file in several))


def run_figures(tokens: list[str]) -> int:
    """Draw figures, and say which were written and which make no sense for the run."""
    arguments = Parser("figures", words={"most": MOST_TSNE_IMAGES}, format=tuple(FORMATS)).arguments(tokens)
    if arguments.list:
        table = Table("figure", "what it shows", box=None)
        for title, registry in (("of one run", FIGURES), ("of several runs", COMPARISONS)):
            table.add_row(f"[dim]{title}:[/dim]")
            for name, figure in registry.items():
                table.add_row(name, figure.summary)
        Screen().print(table)
        return 0
    if not arguments.runs:
        raise UsageError("name a run, such as runs/NAME; `handgrad runs` lists them, `handgrad figures --list` figures")
    runs = [
        RunData(open_run(path), arguments.tsne_images, arguments.seed, lambda message: log.info("%s", message))
        for path in arguments.runs
    ]
    screen = Screen()
    outcomes = []
    with screen.working("reading the run") as update:
        for outcome in write_figures(runs, arguments.output, arguments.format, arguments.only or ()):
            outcomes.append(outcome)
            update(f"{len(outcomes)} figures done, {outcome.name} the last")
    return _report(screen, outcomes)


def _report(screen: Screen, outcomes: Sequence[Outcome]) -> int:
    """Files by folder, then what was left out and why; a failure when nothing could be drawn."""
    written = [outcome for outcome in outcomes if outcome.paths]
    for folder in dict.fromkeys(outcome.paths[0].parent for outcome in written):
        names = [outcome.paths[0].name for outcome in written if outcome.paths[0].parent == folder]
        count = "1 figure, with" if len(names) == 1 else f"{len(names)} figures, each with"
        screen.print(f"{escape(str(folder))}: {count} its numbers as CSV", highlight=False, soft_wrap=True)
        screen.print(f"  {', '.join(names)}", highlight=False)
    for of, reason in dict.fromkeys((outcome.of, outcome.reason) for outcome in outcomes if outcome.reason):
        left_out = [outcome.name for outcome in outcomes if (outcome.of, outcome.reason) == (of, reason)]
        screen.print(escape(f"left out of {of}: {', '.join(left_out)} ({reason})"), highlight=False)
    if not written:
        raise UsageError("none of the figures could be drawn: the lines above say why")
    return 0
