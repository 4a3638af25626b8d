"""How far a command is that goes through several runs."""

from collections.abc import Iterator, Sequence

from handgrad.cli.console import working
from handgrad.runs import Run


def watched(runs: Sequence[Run]) -> Iterator[Run]:
    """The runs, and which of them is at work; on standard error, so that what is printed can go into a file."""
    with working("reading the images") as tell:
        for place, run in enumerate(runs, 1):
            tell(f"asking {run.name}, {place} of {len(runs)}")
            yield run
