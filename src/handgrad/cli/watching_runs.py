"""How far a command is that goes through several runs."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.progress import track

from handgrad.runs import Run


def watched(runs: Sequence[Run]) -> Iterator[Run]:
    """The runs, with a bar in a terminal; on standard error, so that what is printed can go into a file."""
    console = Console(stderr=True)
    if len(runs) < 2 or not console.is_terminal:
        yield from runs
    else:
        yield from track(runs, description="runs", console=console, transient=True)
