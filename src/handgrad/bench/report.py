"""A benchmark's results as a file: written whole, read back and checked, so that tables are made from it alone."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from handgrad.bench.machine import machine, tag, versions
from handgrad.errors import CorruptDataError, FileSystemError
from handgrad.files import atomic_write

FORMAT = 1
FOLDER = Path("benchmarks/results")
SUMMARY = {
    "us_per_step": float,
    "epoch_seconds": float,
    "ratio": float | None,
    "first_epoch_seconds": float,
    "peak_bytes": float | int,
    "accuracy": float,
    "accuracy_range": float,
    "equal_accuracy": bool | None,
    "share_of_limit": float,
}

SWEEP_SUMMARY = {
    "trials_per_hour": float,
    "seconds": float,
    "ratio": float | None,
    "first_step_seconds": float,
    "between_seconds": float | None,
    "peak_bytes": float | int | None,
    "accuracy": float,
    "equal_accuracy": bool | None,
}


def document(measured: dict[str, Any]) -> dict[str, Any]:
    """What was measured, with machine, versions and date."""
    about = {"format": FORMAT, "date": date.today().isoformat(), "machine": machine(), "versions": versions()}
    return about | measured


def default_path(results: dict[str, Any], folder: Path = FOLDER) -> Path:
    """benchmarks/results/DATE-MACHINE.json, with the next free number where there is one already."""
    threads = "" if results["options"]["threads"] == "1" else "-all-threads"
    alone = "" if results.get("workloads") else "".join(f"-{kind}" for kind in ("sweep", "grid") if kind in results)
    stem = f"{results['date']}-{tag(results['machine'])}{threads}{alone}"
    names = [f"{stem}.json", *(f"{stem}-{number}.json" for number in range(2, 1000))]
    return next(folder / name for name in names if not (folder / name).exists())


def write(results: dict[str, Any], path: Path) -> None:
    """Write as JSON.  Raises  FileSystemError."""
    if path.parent == FOLDER:
        path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def read(path: Path) -> dict[str, Any]:
    """Read what `write` wrote.

    Raises  FileSystemError when it cannot be read; CorruptDataError when it is no such file.
    """
    try:
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileSystemError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise CorruptDataError(f"{path} is no JSON: {error}") from error
    problem = fault(results)
    if problem:
        raise CorruptDataError(f"{path} is no file of benchmark results: {problem}")
    return results


def fault(results: Any) -> str:
    """What keeps `results` from being a document of this format; empty when nothing does."""
    if not isinstance(results, dict) or results.get("format") != FORMAT:
        return f"its format is not {FORMAT}"
    lacking = {"date", "machine", "versions", "options"} - set(results)
    if lacking:
        return f"it lacks {min(lacking)}"
    for name, workload in results.get("workloads", {}).items():
        for contender, result in workload["contenders"].items():
            if "skipped" not in result and contender not in workload["summary"]:
                return f"workload {name} has no summary of {contender}"
        for contender, row in workload["summary"].items():
            wrong = [field for field, kind in SUMMARY.items() if not isinstance(row.get(field), kind)]
            if wrong:
                return f"workload {name}, {contender}: {wrong[0]} is {row.get(wrong[0])!r}"
    for sweeper, row in results.get("sweep", {}).get("summary", {}).items():
        wrong = [field for field, kind in SWEEP_SUMMARY.items() if not isinstance(row.get(field), kind)]
        if wrong:
            return f"sweep, {sweeper}: {wrong[0]} is {row.get(wrong[0])!r}"
    return ""
