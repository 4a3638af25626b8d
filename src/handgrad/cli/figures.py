"""`handgrad figures RUN …`."""

import logging
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from handgrad.cli.console import Screen
from handgrad.cli.parser import Parser
from handgrad.errors import UsageError
from handgrad.figures import COMPARISONS, FIGURES, RunData
from handgrad.figures.gallery import FORMATS, Outcome, write_figures
from handgrad.figures.run_data import MOST_TSNE_IMAGES, TSNE_IMAGES
from handgrad.runs import open_run

log = logging.getLogger("handgrad")

EXAMPLES = """  handgrad figures runs/NAME
  handgrad figures runs/NAME --only loss confusion --format pdf
  handgrad figures runs/A runs/B runs/C -o comparison
  handgrad figures --list"""


def run(tokens: list[str]) -> int:
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
    with screen.working("reading the run") as tell:
        for outcome in write_figures(runs, arguments.output, arguments.format, arguments.only or ()):
            outcomes.append(outcome)
            tell(f"{len(outcomes)} figures done, {outcome.name} the last")
    return _report(screen, outcomes)


def _parser() -> Parser:
    parser = Parser(
        "figures",
        "Draw the figures of a run, or figures that compare several runs, with the\nnumbers of each figure as CSV.",
        EXAMPLES,
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
    for title, kinds in (("of one run", FIGURES), ("of several runs", COMPARISONS)):
        table.add_row(f"[dim]{title}:[/dim]")
        for name, kind in kinds.items():
            table.add_row(name, kind.summary)
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
