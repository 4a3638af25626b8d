"""`handgrad runs`, and what is done with one run: `resume`, `export`."""

from pathlib import Path
from typing import Any

from rich.table import Table

from handgrad.cli.console import Screen, echo, read_dataset, working
from handgrad.cli.options import Parser
from handgrad.cli.progress import callbacks
from handgrad.cli.show import print_result
from handgrad.errors import HandgradError
from handgrad.runs import Run, list_runs, open_run, resume
from handgrad.runs.store import existing_run
from handgrad.torch_port import save_torch, source

WIDEST = 1000  # a name is never broken: it is last, and wanted for the next command


def run_runs(tokens: list[str]) -> int:
    """Print a table of the runs below a folder, oldest first."""
    parser = Parser("runs", "List all runs with their results.", "  handgrad runs\n  handgrad runs --runs_dir sweeps/a")
    parser.add_argument(
        "--runs_dir", "--runs-dir", type=Path, default=Path("runs"), help="folder of runs (default: runs)"
    )
    folder = parser.arguments(tokens).runs_dir
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
    parser = Parser(
        "resume",
        "Continue a run that was stopped, killed or ran out of time. On the same machine\n"
        "and with the same versions, the result is bit-identical to that of a run that\nwas never stopped.",
        "  handgrad resume runs/NAME",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the run")
    path = parser.arguments(tokens).run
    run = existing_run(path)
    if run.complete:
        resume(path)  # refuses settings that were edited since
        echo(f"{path} is complete: nothing to do")
        return 0
    print_result(resume(path, callbacks, dataset=read_dataset(run.config)))
    return 0


def run_export(tokens: list[str]) -> int:
    """Write the weights, and print what loads them."""
    parser = Parser(
        "export",
        "Write the weights of a run with PyTorch's names and layouts, and print the code\n"
        "that builds the network in PyTorch and loads them. A file ending in .npz\n"
        "keeps handgrad's own names and layouts, for NumPy.",
        "  handgrad export runs/NAME weights.safetensors\n"
        "  handgrad export runs/NAME weights.pt > network.py\n"
        "  handgrad train --model_path weights.safetensors     the way back",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument("file", type=Path, metavar="FILE", help="ends in .safetensors, .pt (needs PyTorch) or .npz")
    arguments = parser.arguments(tokens)
    network = open_run(arguments.run).load_model()
    with working("writing the weights"):
        save_torch(network, arguments.file)
    if arguments.file.suffix != ".npz":
        echo(source(network, str(arguments.file)))
    return 0
