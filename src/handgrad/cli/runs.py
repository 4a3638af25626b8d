"""Runs by their names: the table of all, `resume`, and `export`."""

import shutil
import sys

from handgrad.cli.commands import Parser
from handgrad.cli.console import callbacks, read_dataset
from handgrad.cli.show import print_result
from handgrad.exports import export
from handgrad.run_folder import RunFolder, run_paths
from handgrad.runs import open_run, resume
from handgrad.runs.store import existing_run
from handgrad.screen import echo, working


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


HEAD = f"{'no':>4}  {'test %':>6}  {'val %':>6}  {'epochs':>6}  {'seconds':>7}  {'state':<11}  run"


def run_runs(tokens: list[str]) -> int:
    """Print a table of the runs below a folder, oldest first; a terminal's has names cut to its width."""
    folder = Parser("runs").arguments(tokens).runs_dir
    paths = run_paths(folder)
    if not paths:
        echo(f"no runs in {folder}. Start one: handgrad train --dataset digits")
        return 0
    room = shutil.get_terminal_size().columns - HEAD.index("run") if sys.stdout.isatty() else None
    lines = [f"{_row(number, RunFolder(path))}  {_cut(path.name, room)}" for number, path in enumerate(paths, 1)]
    echo("\n".join([HEAD, *lines]))
    return 0


def _row(number: int, run: RunFolder) -> str:
    result = run.result
    shares = [_number(share and 100 * share, 2) for share in (result.test_accuracy, result.validation_accuracy)]
    epochs, seconds = _number(result.epochs, 0), _number(result.seconds, 1)
    return f"{number:>4}  {shares[0]:>6}  {shares[1]:>6}  {epochs:>6}  {seconds:>7}  {result.state:<11}"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _cut(name: str, room: int | None) -> str:
    """A name that fits: names of runs differ at both ends, so what is left out is in the middle."""
    if room is None or len(name) <= max(room, 12):
        return name
    behind = max(room, 12) // 2
    return f"{name[: max(room, 12) - behind - 1]}…{name[-behind:]}"
