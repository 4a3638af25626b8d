"""The races' command line: `make bench BENCH="--workload A"`, or `python -m benchmarks` at the root."""

import argparse
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from benchmarks import sweep_race
from benchmarks.contenders import CONTENDERS
from benchmarks.extras import extras
from benchmarks.grid_hours import SAMPLE, grid_hours
from benchmarks.results import default_path, document, markdown, read, write
from benchmarks.rounds import Options, contenders_of, goal, measure
from benchmarks.sweepers import SWEEPERS
from benchmarks.workloads import IMAGES, WORKLOADS
from handgrad.config import RunConfig
from handgrad.errors import HandgradError, UsageError
from handgrad.sweeps import SweepDefinition, read_sweep
from handgrad.text import suggestion

_named = (*(entry.peer for entry in CONTENDERS.values()), *(entry.peer for entry in SWEEPERS.values()))
PEERS = tuple(dict.fromkeys(filter(None, _named)))
EXAMPLES = """examples:
  make bench                                 all against all: half an hour or more
  make bench BENCH="--workload A B --peers torch,jax"
  make bench BENCH="--workload B --peers none --images 6400"
  make bench BENCH="--goal 99 --threads all"
  make bench BENCH=--sweep                   trials an hour, beside Optuna and Ray Tune
  make bench BENCH=--grid                    hours of da6401's whole grid, from a sample
  make bench BENCH="--table benchmarks/results/FILE.json\""""


def main(tokens: Sequence[str] | None = None) -> int:
    """Measure, print Markdown and write a file, or print the Markdown of a file; a mistake is one line."""
    try:
        _run(_parser().parse_args(tokens))
    except HandgradError as error:
        print(f"benchmarks: {error.opening}{error}", file=sys.stderr)
        return error.exit_code
    return 0


def _run(arguments: Any) -> None:
    if arguments.table:
        print(markdown(read(arguments.table)), end="")
        return
    results = document(_measured(arguments, _options(arguments)))
    print(markdown(results))
    path = arguments.json or default_path(results)
    write(results, path)
    print(f"written to {path}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description="Train the same small networks in handgrad and in other frameworks, in turn.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--workload", nargs="+", metavar="NAME", help=f"of {', '.join(WORKLOADS)} (default: all)")
    add("--peers", default="all", metavar="LIST", help=f"of {','.join(PEERS)} (default: all), or none")
    add("--threads", choices=("1", "all"), default="1", help="one thread on one core, or all cores (default: 1)")
    rounds, epochs = f"{Options.rounds}; sweeps: 1", f"{Options.epochs}, the first to warm up; sweeps: 5"
    add("--rounds", type=int, metavar="N", help=f"how often everyone's turn comes (default: {rounds})")
    add("--epochs", type=int, metavar="N", help=f"of a training (default: {epochs})")
    add("--images", type=int, default=IMAGES, metavar="N", help="of the training set (default: %(default)s)")
    add("--dataset", default="", metavar="NAME", help="another data set than the workload's own, for a trial")
    add("--extras", action="store_true", help="measure start-up, memory, Python between steps, two trainings at once")
    add("--sweep", action="store_true", help="sweep the same configurations of da6401 with everyone, on all cores")
    add("--configurations", type=int, default=40, metavar="N", help="of --sweep (default: %(default)s)")
    add("--grid", nargs="?", const="da6401", metavar="FILE", help="hours of a grid (default: da6401's), by sample")
    add("--sample", type=int, default=SAMPLE, metavar="N", help="configurations that --grid trains (%(default)s)")
    add("--goal", type=float, metavar="PERCENT", help="race to a test accuracy on MNIST")
    add("--json", type=Path, metavar="FILE", help="where to write (default: benchmarks/results/DATE-MACHINE.json)")
    add("--table", type=Path, metavar="FILE", help="print the tables of a file written before, measure nothing")
    return parser


def _options(arguments: Any) -> Options:
    """Workloads run unless only something else is asked for.  Raises  UsageError."""
    others = arguments.extras or arguments.sweep or arguments.grid or arguments.goal is not None
    workloads = arguments.workload or ([] if others else list(WORKLOADS))
    workloads = _known("workload", [name.upper() for text in workloads for name in text.split(",") if name], WORKLOADS)
    fewest = {"rounds": 1, "epochs": 2 if workloads else 1, "images": max(w.batch for w in WORKLOADS.values())}
    for name, least in {**fewest, "configurations": 1}.items():
        number = getattr(arguments, name)
        if number is not None and number < least:
            raise UsageError(f"{name} must be at least {least}, got {number} (--{name})")
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
    options = {name: getattr(arguments, name) for name in ("configurations", "epochs", "images", "dataset", "rounds")}
    sweepers = sweep_race.sweepers_of(_peers(arguments))
    return sweep_race.Options(sweepers, **{name: value for name, value in options.items() if value})


def _grid(arguments: Any) -> tuple[SweepDefinition, RunConfig]:
    """The sweep to be counted, with what the flags hold still."""
    held = {name: getattr(arguments, name) for name in ("dataset", "epochs") if getattr(arguments, name)}
    base = RunConfig(**held, train_fraction=min(1.0, arguments.images / IMAGES))
    return read_sweep(arguments.grid, base).fixed(**held), base


def _peers(arguments: Any) -> tuple[str, ...]:
    if arguments.peers == "all":
        return PEERS
    return _known("peer", [name for name in arguments.peers.lower().split(",") if name and name != "none"], PEERS)


def _known(what: str, names: list[str], known: Collection[str]) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            flag = {"workload": "--workload", "peer": "--peers"}[what]
            raise UsageError(f"unknown {what} {name!r}{suggestion(name, known)} There are {', '.join(known)} ({flag})")
    return tuple(dict.fromkeys(names))


def _measured(arguments: Any, options: Options) -> dict[str, Any]:
    measured = measure(options, _log)
    if arguments.extras:
        measured["extras"] = extras(options, _log)
    if arguments.sweep:
        measured["sweep"] = sweep_race.sweep_race(_sweep_options(arguments), _log)
    if arguments.grid:
        measured["grid"] = grid_hours(*_grid(arguments), arguments.sample, _log)
    if arguments.goal is not None:
        measured["goal"] = goal(arguments.goal / 100, options, _log)
    return measured


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
