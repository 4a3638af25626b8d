"""`handgrad bench`."""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from handgrad.bench import report, sweep_race
from handgrad.bench.contenders import PEERS
from handgrad.bench.extras import extras, goal
from handgrad.bench.grid_hours import SAMPLE, grid_hours
from handgrad.bench.grid_words import grid_lines
from handgrad.bench.rounds import Options, contenders_of, measure
from handgrad.bench.sweep_tables import NOTES as SWEEP_NOTES
from handgrad.bench.sweep_tables import sweep_lines, sweep_table
from handgrad.bench.sweepers import SWEEPERS
from handgrad.bench.tables import NOTES, extra_lines, markdown, workload_tables
from handgrad.bench.workloads import IMAGES, WORKLOADS
from handgrad.cli.parser import Parser
from handgrad.config import RunConfig
from handgrad.errors import UsageError
from handgrad.nearest import suggestion
from handgrad.sweeps import SweepDefinition, read_sweep

ALL_PEERS = (*PEERS, *(entry.peer for entry in SWEEPERS.values() if entry.peer))
EXAMPLES = """  handgrad bench                    all against all peers: half an hour or more
  handgrad bench --workload A B --peers torch,jax
  handgrad bench --workload B --peers none --images 6400
  handgrad bench --goal 99 --threads all
  handgrad bench --sweep            trials an hour, beside Optuna and Ray Tune
  handgrad bench --grid             hours of da6401's whole grid, from a sample
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
    if "sweep" in results:
        console.print(sweep_table(results["sweep"]), "")
        print("\n".join([SWEEP_NOTES, *sweep_lines(results["sweep"])]))
    print("\n".join([NOTES] * ("workloads" in results) + [*extra_lines(results), *grid_lines(results)]))
    path = arguments.json or (report.default_path(results) if report.FOLDER.parent.is_dir() else None)
    if path:
        report.write(results, path)
        print(f"written to {path}")
    return 0


def _parser() -> Parser:
    parser = Parser("bench", "Train the same small networks in handgrad and in other frameworks, in turn.", EXAMPLES)
    add = parser.add_argument
    add("--workload", nargs="+", metavar="NAME", help=f"of {', '.join(WORKLOADS)} (default: all)")
    add("--peers", default="all", metavar="LIST", help=f"of {','.join(ALL_PEERS)} (default: all), or none")
    add("--threads", choices=("1", "all"), default="1", help="one thread on one core, or all cores (default: 1)")
    rounds, epochs = f"{Options.rounds}; sweeps: 1", f"{Options.epochs}, the first to warm up; sweeps: 5"
    add("--rounds", type=int, metavar="N", help=f"how often everyone's turn comes (default: {rounds})")
    add("--epochs", type=int, metavar="N", help=f"of a training (default: {epochs})")
    add("--images", type=int, default=IMAGES, metavar="N", help="of the training set (default: %(default)s)")
    add("--dataset", default="", metavar="NAME", help="another data set than the workload's own, for a trial")
    add("--extras", action="store_true", help="measure start-up, memory, Python between steps, two trainings at once")
    add("--sweep", action="store_true", help="sweep the same configurations of da6401 with everyone, on all cores")
    add("--configurations", type=int, default=40, metavar="N", help="of --sweep (default: %(default)s)")
    add(
        "--grid", nargs="?", const="da6401", metavar="FILE", help="hours of a whole grid (default: da6401's), by sample"
    )
    add(
        "--sample",
        type=int,
        default=SAMPLE,
        metavar="N",
        help="configurations that --grid trains (default: %(default)s)",
    )
    add("--goal", type=float, metavar="PERCENT", help="race to a test accuracy on MNIST")
    add("--json", type=Path, metavar="FILE", help="where to write (default: benchmarks/results/, where benchmarks/ is)")
    add(
        "--table", type=Path, metavar="FILE", help="print the Markdown tables of a file written before, measure nothing"
    )
    return parser


def _options(arguments: Any) -> Options:
    """Workloads run unless only something else is asked for.  Raises  UsageError."""
    others = arguments.extras or arguments.sweep or arguments.grid or arguments.goal is not None
    asked = arguments.workload or ([] if others else list(WORKLOADS))
    workloads = _known("workload", [name.upper() for text in asked for name in text.split(",") if name], WORKLOADS)
    fewest = {"rounds": 1, "epochs": 2 if workloads else 1, "images": max(w.batch for w in WORKLOADS.values())}
    for name, least in {**fewest, "configurations": 1}.items():
        given = getattr(arguments, name)
        if given is not None and given < least:
            raise UsageError(f"{name} must be at least {least}, got {given} (--{name})")
    if arguments.goal is not None and not 0 < arguments.goal <= 100:
        raise UsageError(f"goal must be above 0 and at most 100 percent, got {arguments.goal:g} (--goal)")
    return Options(
        workloads,
        contenders_of(_peers(arguments)),
        arguments.threads,
        arguments.rounds or Options.rounds,
        arguments.epochs or Options.epochs,
        arguments.images,
        arguments.dataset,
    )


def _sweep_options(arguments: Any) -> sweep_race.Options:
    given = {name: getattr(arguments, name) for name in ("configurations", "epochs", "images", "dataset", "rounds")}
    sweepers = sweep_race.sweepers_of(_peers(arguments))
    return sweep_race.Options(sweepers, **{name: value for name, value in given.items() if value})


def _grid(arguments: Any) -> tuple[SweepDefinition, RunConfig]:
    """The sweep to be counted, with what the flags hold still."""
    held = {name: getattr(arguments, name) for name in ("dataset", "epochs") if getattr(arguments, name)}
    base = RunConfig(**held, train_fraction=min(1.0, arguments.images / IMAGES))
    return read_sweep(arguments.grid, base).fixed(**held), base


def _peers(arguments: Any) -> tuple[str, ...]:
    if arguments.peers == "all":
        return ALL_PEERS
    listed = [name for name in arguments.peers.lower().split(",") if name and name != "none"]
    return _known("peer", listed, ALL_PEERS)


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
    if arguments.sweep:
        measured["sweep"] = sweep_race.sweep_race(_sweep_options(arguments), _tell)
    if arguments.grid:
        measured["grid"] = grid_hours(*_grid(arguments), arguments.sample, _tell)
    if arguments.goal is not None:
        measured["goal"] = goal(arguments.goal / 100, options, _tell)
    return measured


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
