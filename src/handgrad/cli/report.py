"""`handgrad report RUN …` and `handgrad figures RUN …`, and the report at the end of a training."""

import logging
from collections.abc import Sequence
from pathlib import Path
from signal import SIGINT

from rich.markup import escape
from rich.table import Table

from handgrad.cli.console import Screen, echo
from handgrad.cli.options import Parser
from handgrad.errors import HandgradError, UsageError
from handgrad.figures import COMPARISONS, FIGURES, RunData
from handgrad.figures.gallery import FORMATS, Outcome, write_figures
from handgrad.figures.run_data import MOST_TSNE_IMAGES, TSNE_IMAGES
from handgrad.reports.comparison import build_report
from handgrad.reports.render import writer_of
from handgrad.runs import InterruptedRunError, Run, open_run

log = logging.getLogger("handgrad")
REPORT_TSNE_IMAGES = 2000
BRIEF_TSNE = 500  # test images in the t-SNE of a report that nobody asked for: two seconds in place of half a minute

FIGURES_EXAMPLES = """  handgrad figures runs/NAME
  handgrad figures runs/NAME --only loss confusion --format pdf
  handgrad figures runs/A runs/B runs/C -o comparison
  handgrad figures --list"""


def run_report(tokens: list[str]) -> int:
    """Write the report of a run, or of several compared."""
    parser = Parser(
        "report",
        "Write the report of a run as one HTML file that works offline, or as\nMarkdown with its figures beside "
        "it. Several runs make a comparison.",
        "  handgrad report runs/NAME\n"
        "  handgrad report runs/NAME -o hand-in.html\n"
        "  handgrad report runs/NAME --format md\n"
        "  handgrad report runs/relu runs/tanh -o activations.html",
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders of runs")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="file to write (default: report.html in the run's folder)"
    )
    parser.add_argument("--format", choices=("html", "md"), help="html or md (default: from the suffix of the file)")
    parser.add_argument(
        "--tsne_images",
        "--tsne-images",
        type=int,
        default=REPORT_TSNE_IMAGES,
        metavar="N",
        help="number of test images in the t-SNE, 10 to 5000",
    )
    arguments = parser.arguments(tokens)
    runs = [open_run(path) for path in arguments.runs]
    path = arguments.output or _default(runs, arguments.format or "html")
    if arguments.format:
        path = path.with_suffix("." + arguments.format)
    write(runs, path, arguments.tsne_images)
    return 0


def _default(runs: list[Run], suffix: str) -> Path:
    return (runs[0].path / "report" if len(runs) == 1 else Path("comparison")).with_suffix("." + suffix)


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
    """Build and write a report, as the ending of `path` says.

    Raises  UsageError for another ending, or runs that cannot be reported; FileSystemError, CorruptDataError.
    """
    writer, screen = writer_of(path), Screen()
    echo("writing the report …")
    with screen.working("report: reading the run") as update:
        report = build_report(runs, tsne_images, lambda message: update(f"report: {message}"))
        update("report: writing")
        written = writer(report, path)
    beside = f", {len(written) - 1} figures beside it" if len(written) > 1 else ""
    echo(f"report: {written[0]} ({sum(file.stat().st_size for file in written) / 1e6:.1f} MB{beside})")


def run_figures(tokens: list[str]) -> int:
    """Draw figures, and say which were written and which make no sense for the run."""
    arguments = _parser().arguments(tokens)
    if arguments.list:
        _list()
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


def _parser() -> Parser:
    parser = Parser(
        "figures",
        "Draw the figures of a run, or figures that compare several runs, with the\nnumbers of each figure as CSV.",
        FIGURES_EXAMPLES,
    )
    parser.add_argument("runs", type=Path, nargs="*", metavar="RUN", help="folders of runs")
    parser.add_argument("--format", default="svg", choices=tuple(FORMATS), help="file format (default: svg)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="draw only these figures; --list lists all")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FOLDER",
        help="folder to write to (default: RUN/figures; ./figures for several runs)",
    )
    parser.add_argument(
        "--tsne_images", "--tsne-images", type=int, default=TSNE_IMAGES, metavar="N",
        help=f"number of test images in the t-SNE, at most {MOST_TSNE_IMAGES:,} (default: {TSNE_IMAGES:,})",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="random seed for the choice of images (default: 0)"
    )
    parser.add_argument("--list", action="store_true", help="list all figures")
    return parser


def _list() -> None:
    table = Table("figure", "what it shows", box=None)
    for title, registry in (("of one run", FIGURES), ("of several runs", COMPARISONS)):
        table.add_row(f"[dim]{title}:[/dim]")
        for name, figure in registry.items():
            table.add_row(name, figure.summary)
    Screen().print(table)


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
