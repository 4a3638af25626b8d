"""`handgrad runs`."""

from pathlib import Path
from typing import Any

from rich.table import Table

from handgrad.cli.console import Screen, say
from handgrad.cli.parser import Parser
from handgrad.errors import HandgradError
from handgrad.runs import Run, list_runs

WIDEST = 1000  # a name is never broken: it is last, and wanted for the next command


def run(tokens: list[str]) -> int:
    """Print a table of the runs below a folder, oldest first."""
    parser = Parser("runs", "List all runs with their results.", "  handgrad runs\n  handgrad runs --runs_dir sweeps/a")
    parser.add_argument(
        "--runs_dir", "--runs-dir", type=Path, default=Path("runs"), help="folder of runs (default: runs)"
    )
    folder = parser.arguments(tokens).runs_dir
    runs = list_runs(folder)
    if not runs:
        say(f"no runs in {folder}. Start one: handgrad train --dataset digits")
        return 0
    table = Table("test %", "val %", "epochs", "params", "seconds", "state", "run", box=None)
    for each in runs:
        table.add_row(*_row(each), each.name)
    Screen(width=WIDEST).print(table)
    return 0


def _row(each: Run) -> list[str]:
    try:
        each.config  # noqa: B018  settings that cannot be read are damage too
        metrics = each.metrics
        if not metrics:
            return ["", "", str(len(each.read_history().epochs)), "", "", "not ended: resume it"]
        shares = [_percent(metrics[part]["accuracy"]) for part in ("test", "validation")]
        numbers = [str(len(metrics["epochs"])), f"{metrics['parameters']:,}", f"{metrics['seconds']:.1f}"]
        return [*shares, *numbers, str(metrics["stopped"])]
    except (HandgradError, KeyError, TypeError, ValueError):
        return ["", "", "", "", "", "its files are damaged"]


def _percent(share: Any) -> str:
    return "" if share is None else f"{100 * share:.2f}"
