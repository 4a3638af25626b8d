"""`handgrad report RUN …`."""

from pathlib import Path

from handgrad.cli.parser import Parser
from handgrad.cli.reporting import write
from handgrad.runs import Run, open_run

TSNE_IMAGES = 2000


def run(tokens: list[str]) -> int:
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
        default=TSNE_IMAGES,
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
