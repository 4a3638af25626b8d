"""A benchmark's results: as a file, written whole, read back and checked, and as Markdown made from it alone."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.grid_hours import grid_lines
from handgrad.errors import CorruptDataError, FileSystemError
from handgrad.files import atomic_write
from handgrad.machine import machine

Row = dict[str, Any]
FORMAT = 1
FOLDER = Path(__file__).parent / "results"
PACKAGES = ("handgrad", "numpy", "numba", "scipy", "torch", "jax", "jaxlib", "keras", "scikit-learn")
COLUMNS: dict[str, Callable[[Row], str]] = {
    "trials/h": lambda row: f"{row['trials_per_hour']:,.0f}",
    "ratio": lambda row: _ratio(row) or "–",
    "s": lambda row: f"{row['seconds']:.1f}",
    "1st s": lambda row: f"{row['first_step_seconds']:.2f}",
    "between ms": lambda row: "–" if row["between_seconds"] is None else f"{1000 * row['between_seconds']:.0f}",
    "MB": lambda row: "–" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 1e6:,.0f}",
    "valid. %": lambda row: f"{100 * row['accuracy']:.2f}{_flag(row)}",
}
SWEEP_NOTES = """\
ratio: handgrad's trials an hour over the row's. 1st s: from the start of the process to the end of the first trial's
first step. between ms: from the end of a trial's last epoch, with its validation, to the end of the first step of the
one that takes its place; the mean. MB: the most that the process and all that it started occupied together. valid. %:
the mean over the configurations of the best epoch's accuracy; ! where it is more than 0.5 points from handgrad's."""


def document(measured: dict[str, Any]) -> dict[str, Any]:
    """What was measured, with machine, versions and date."""
    about = {"format": FORMAT, "date": date.today().isoformat(), "machine": machine(), "versions": versions()}
    return about | measured


def versions() -> dict[str, str]:
    """Python's and those of the packages that are installed."""
    found = {"python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def default_path(results: dict[str, Any], folder: Path = FOLDER) -> Path:
    """DATE-MACHINE.json in `folder`, with the next free number where there is one already."""
    facts = results["machine"]
    processor = facts["processor"].lower().replace("(r)", "").replace("(tm)", "")
    words = re.sub(r"[^a-z0-9]+", "-", processor).strip("-")
    threads = "" if results["options"]["threads"] == "1" else "-all-threads"
    alone = "" if results.get("workloads") else "".join(f"-{part}" for part in ("sweep", "grid") if part in results)
    stem = f"{results['date']}-{words}-{facts['cores']}-cores{threads}{alone}"
    names = [f"{stem}.json", *(f"{stem}-{number}.json" for number in range(2, 1000))]
    return next(folder / name for name in names if not (folder / name).exists())


def write(results: dict[str, Any], path: Path) -> None:
    """Write as JSON.  Raises  FileSystemError."""
    atomic_write(path, json.dumps(results, separators=(",", ":"), ensure_ascii=False).replace("},", "},\n") + "\n")


def read(path: Path) -> dict[str, Any]:
    """Read what `write` wrote.

    Raises  FileSystemError when it cannot be read; CorruptDataError when it is no such file.
    """
    try:
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if results["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        markdown(results)
    except OSError as error:
        raise FileSystemError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptDataError(f"{path} is no file of benchmark results: {error}") from error
    return results


def markdown(results: dict[str, Any]) -> str:
    """The README's tables: µs a step with the ratio to handgrad, then accuracy, first epoch, memory; and the rest."""
    facts, options, workloads = results["machine"], results["options"], results.get("workloads", {})
    parts = list(_workload_parts(workloads, options)) if workloads else []
    parts += sweep_parts(results["sweep"]) if "sweep" in results else []
    lines = [*extra_lines(results), *(grid_lines(results["grid"]) if "grid" in results else ())]
    parts += ["\n".join(f"- {line}" for line in lines)] if lines else []
    vectors = (facts["vector_instructions"] or ["no vector instructions"])[-1]
    about = f"{results['date']}, {facts['processor']}, {vectors}, {facts['cores']} cores"
    if workloads:
        threads = "one thread" if options["threads"] == "1" else f"all {facts['cores']} cores"
        about += f", {threads}; {options['rounds']} rounds of {options['epochs']} epochs, {options['images']} images"
    about += f". {', '.join(f'{name} {number}' for name, number in results['versions'].items())}."
    return "\n\n".join([*parts, about]) + "\n"


def _workload_parts(workloads: dict[str, Any], options: dict[str, Any]) -> Iterator[str]:
    named = [name for name in options["contenders"] if any(name in one["summary"] for one in workloads.values())]

    def grid(cell: Callable[[Row], str], label: Callable[[str], str]) -> str:
        rows = {label(name): one["summary"] for name, one in workloads.items()}
        cells = ([label, *(cell(row[who]) if who in row else "–" for who in named)] for label, row in rows.items())
        return _table(["workload", *named], cells)

    yield "µs per training step, and how many times handgrad's that is:"
    yield grid(_speed, lambda name: f"{name}: {workloads[name]['title']}")
    yield (
        "Test accuracy in % (! more than 0.5 points from handgrad's) / first epoch in s, with compiling / peak memory "
        "in MB / share of this core's best in % (above 100 where products with black pixels are left out):"
    )
    yield grid(_rest, lambda name: name)
    missing = {f"{who} ({why})": None for one in workloads.values() for who, why in skipped(one["contenders"]).items()}
    if missing:
        yield f"Skipped in a workload: {'; '.join(missing)}."


def sweep_parts(race: Row) -> Iterator[str]:
    """The sweeps' throughput: what was run, the table, and what does not fit into it."""
    options = race["options"]
    yield (
        f"{options['configurations']} configurations of da6401, {options['epochs']} epochs, {options['dataset']}, "
        f"{options['images']:,} images, {race['slots']} at a time:"
    )
    rows = ([name, *(cell(row) for cell in COLUMNS.values())] for name, row in race["summary"].items())
    yield _table(["sweeper", *COLUMNS], rows)
    yield SWEEP_NOTES
    lines = []
    for name, row in race["summary"].items():
        if row["drift"] != 1:
            lines.append(f"{name}: the best of its turns has {100 * (row['drift'] - 1):.0f} % more than the worst")
        if name != "handgrad" and row["apart"] is not None:
            mean, median = 100 * row["apart"], 100 * row["median_apart"]
            lines.append(f"{name}: accuracy {mean:+.2f} points from handgrad's (mean), {median:+.2f} (median)")
    lines += [f"{who} skipped: {why}" for who, why in skipped(race["sweepers"]).items()]
    if lines:
        yield "\n".join(f"- {line}" for line in lines)


def extra_lines(results: dict[str, Any]) -> Iterator[str]:
    """The other measurements, a line each."""
    for name, numbers in results.get("extras", {}).items():
        text = ", ".join(f"{key.replace('_', ' ')} {_number(value)}" for key, value in numbers.items())
        yield f"{name.replace('_', ' ')}: {text}"
    race = results.get("goal", {"contenders": {}})
    for name, result in race["contenders"].items():
        seconds = result.get("skipped") or (f"{result['seconds']:.1f} s" if result["seconds"] else "not reached")
        yield f"{100 * race['target']:g} % on {race['training']['dataset']}, {name}: {seconds}"


def skipped(who: Mapping[str, Row]) -> dict[str, str]:
    """Who did not take part, and the reason."""
    return {name: result["skipped"] for name, result in who.items() if "skipped" in result}


def _table(names: list[str], rows: Any) -> str:
    lines = [names, ["---", *("---:" for _ in names[1:])], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _speed(row: Row) -> str:
    ratio = _ratio(row)
    return f"{row['us_per_step']:.0f}" + (f" ({ratio}×)" if ratio else "")


def _rest(row: Row) -> str:
    numbers = f"{row['first_epoch_seconds']:.1f} / {row['peak_bytes'] / 1e6:.0f} / {100 * row['share_of_limit']:.0f}"
    return f"{100 * row['accuracy']:.1f}{_flag(row)} / {numbers}"


def _ratio(row: Row) -> str:
    return "" if row["ratio"] is None else f"{row['ratio']:.2f}"


def _flag(row: Row) -> str:
    return " !" if row["equal_accuracy"] is False else ""


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
