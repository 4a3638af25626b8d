"""What several commands print."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from handgrad.config import RunConfig, build_dataset
from handgrad.config.describe import ADDITIONS, beyond, beyond_line
from handgrad.data import Dataset
from handgrad.runs import Run
from handgrad.screen import echo, working


def read_dataset(config: RunConfig) -> Dataset:
    """The data set of a run; reading it is announced where it takes long."""
    with working(f"reading the images of {config.dataset}"):
        return build_dataset(config)


def one_by_one(runs: Sequence[Run]) -> Iterator[Run]:
    """The runs; which of them is evaluated is announced where it takes long."""
    with working("reading the images") as update:
        for place, run in enumerate(runs, 1):
            update(f"evaluating {run.name}, {place} of {len(runs)}")
            yield run


def echo_report(written: Sequence[Path], size: int) -> None:
    """Print where a report is, its size in bytes, and how many files are beside it."""
    beside = f", {len(written) - 1} files beside it" if written[1:] else ""
    echo(f"report: {written[0]} ({size / 1e6:.1f} MB{beside})")


def echo_notes(notes: Iterable[str]) -> None:
    """Print a line for each thing worth knowing."""
    for note in notes:
        echo(f"note: {note}")


def echo_additions(config: RunConfig, among: Collection[str] = ADDITIONS) -> None:
    """Print a line on what acts though no flag says so, where there is such a thing; of the settings `among`."""
    names = beyond(config, among)
    if names:
        echo(beyond_line(config, names))
