"""`handgrad runs`, and what is done with one run: `resume`, `export`."""

from typing import Any

from rich.table import Table

from handgrad.cli.console import Screen, echo, read_dataset, working
from handgrad.cli.options import Parser
from handgrad.cli.progress import callbacks
from handgrad.cli.show import print_result
from handgrad.errors import HandgradError
from handgrad.exports import export
from handgrad.runs import Run, list_runs, open_run, resume
from handgrad.runs.store import existing_run

WIDEST = 1000  # a name is never broken: it is last, and wanted for the next command


def run_runs(tokens: list[str]) -> int:
    """Print a table of the runs below a folder, oldest first."""
    folder = Parser("runs").arguments(tokens).runs_dir
    runs = list_runs(folder)
    if not runs:
        echo(f"no runs in {folder}. Start one: handgrad train --dataset digits")
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


def run_resume(tokens: list[str]) -> int:
    """Go on with a run; the result is the same to the last bit as without the stop."""
    path = Parser("resume").arguments(tokens).run
    run = existing_run(path)
    if run.complete:
        resume(path)  # refuses settings that were edited since
        echo(f"{path} is complete: nothing to do")
        return 0
    print_result(resume(path, callbacks, dataset=read_dataset(run.config)))
    return 0


def run_export(tokens: list[str]) -> int:
    """Write the network for another program, and print what its reader should know."""
    arguments = Parser("export").arguments(tokens)
    network = open_run(arguments.run).load_model()
    with working("writing the network"):
        words = export(network, arguments.file)
    echo(words)
    return 0
