"""`handgrad runs`, which loads nothing that a table of thousands of runs does not need."""

import shutil
import sys

from handgrad.cli.commands import Parser
from handgrad.run_folder import RunFolder, run_paths
from handgrad.screen import echo

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
