"""`handgrad bench`."""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from handgrad.bench import report
from handgrad.bench.contenders import PEERS
from handgrad.bench.extras import extras, goal
from handgrad.bench.rounds import Options, contenders_of, measure
from handgrad.bench.tables import NOTES, extra_lines, markdown, workload_tables
from handgrad.bench.workloads import IMAGES, WORKLOADS
from handgrad.cli.nearest import suggestion
from handgrad.cli.parser import Parser
from handgrad.errors import UsageError

EXAMPLES = """  handgrad bench                    all against all peers: half an hour or more
  handgrad bench --workload A B --peers torch,jax
  handgrad bench --workload B --peers none --images 6400
  handgrad bench --goal 99 --threads all
  handgrad bench --table benchmarks/results/FILE.json"""


def run(tokens: list[str]) -> int:
    """Measure and print tables, or print the Markdown of a file measured before."""
    arguments = _parser().arguments(tokens)
    if arguments.table:
        print(markdown(report.read(arguments.table)), end="")
        return 0
    results = report.document(_measured(arguments, _options(arguments)))
    console = Console(soft_wrap=False, highlight=False)
    for table in workload_tables(results):
        console.print(table, "")
    print("\n".join([NOTES] * ("workloads" in results) + list(extra_lines(results))))
    path = arguments.json or (report.default_path(results) if report.FOLDER.parent.is_dir() else None)
    if path:
        report.write(results, path)
        print(f"written to {path}")
    return 0


def _parser() -> Parser:
    parser = Parser("bench", "Train the same small networks in handgrad and in other frameworks, in turn.", EXAMPLES)
    add = parser.add_argument
    add("--workload", nargs="+", metavar="NAME", help=f"of {', '.join(WORKLOADS)} (default: all)")
    add("--peers", default=",".join(PEERS), metavar="LIST", help=f"of {','.join(PEERS)} (default: all), or none")
    add("--threads", choices=("1", "all"), default="1", help="one thread on one core, or all cores (default: 1)")
    add(
        "--rounds",
        type=int,
        default=Options.rounds,
        metavar="N",
        help="how often everyone's turn comes (default: %(default)s)",
    )
    add(
        "--epochs",
        type=int,
        default=Options.epochs,
        metavar="N",
        help="an epoch to warm up, and the timed ones (default: %(default)s)",
    )
    add("--images", type=int, default=IMAGES, metavar="N", help="of the training set (default: %(default)s)")
    add("--dataset", default="", metavar="NAME", help="another data set than the workload's own, for a trial")
    add("--extras", action="store_true", help="measure start-up, memory, Python between steps, two trainings at once")
    add("--goal", type=float, metavar="PERCENT", help="race to a test accuracy on MNIST")
    add("--json", type=Path, metavar="FILE", help="where to write (default: benchmarks/results/, where benchmarks/ is)")
    add(
        "--table", type=Path, metavar="FILE", help="print the Markdown tables of a file written before, measure nothing"
    )
    return parser


def _options(arguments: Any) -> Options:
    """Workloads run unless only something else is asked for.  Raises  UsageError."""
    others = arguments.extras or arguments.goal is not None
    asked = arguments.workload or ([] if others else list(WORKLOADS))
    workloads = _known("workload", [name.upper() for text in asked for name in text.split(",") if name], WORKLOADS)
    listed = [name for name in arguments.peers.lower().split(",") if name and name != "none"]
    for name, least in (("rounds", 1), ("epochs", 2), ("images", max(WORKLOADS[w].batch for w in WORKLOADS))):
        if getattr(arguments, name) < least:
            raise UsageError(f"{name} must be at least {least}, got {getattr(arguments, name)} (--{name})")
    if arguments.goal is not None and not 0 < arguments.goal <= 100:
        raise UsageError(f"goal must be above 0 and at most 100 percent, got {arguments.goal:g} (--goal)")
    contenders = contenders_of(_known("peer", listed, PEERS))
    return Options(
        workloads,
        contenders,
        arguments.threads,
        arguments.rounds,
        arguments.epochs,
        arguments.images,
        arguments.dataset,
    )


def _known(what: str, names: list[str], known: Any) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            flag = {"workload": "--workload", "peer": "--peers"}[what]
            raise UsageError(f"unknown {what} {name!r}{suggestion(name, known)} There are {', '.join(known)} ({flag})")
    return tuple(dict.fromkeys(names))


def _measured(arguments: Any, options: Options) -> dict[str, Any]:
    measured = measure(options, _tell)
    if arguments.extras:
        measured["extras"] = extras(options, _tell)
    if arguments.goal is not None:
        measured["goal"] = goal(arguments.goal / 100, options, _tell)
    return measured


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
