"""What several commands print, and how far runs and recipes are: bars in a terminal, and lines."""

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

from rich.progress import BarColumn, SpinnerColumn, TextColumn

from handgrad.classical import CLASSICAL
from handgrad.config import RunConfig, build_dataset
from handgrad.config.describe import ADDITIONS, beyond, beyond_line
from handgrad.data import Dataset
from handgrad.runs import Run
from handgrad.runs.trackers import trackers
from handgrad.screen import echo, working
from handgrad.text import duration
from handgrad.training import Callback
from handgrad.training.progress import LABEL, NUMBERS, Bars, TrainingProgress


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


LONGEST = 44  # letters of a run's name beside its bar
EVERY = 10.0  # seconds between two lines where there is no bar


def callbacks(config: RunConfig, folder: Path) -> Sequence[Callback]:
    """The progress of a run, and the trackers that its configuration asks for, which a model without steps has none."""
    return [TrainingProgress(), *([] if config.model in CLASSICAL else trackers(config, folder))]


def callbacks_of_one(config: RunConfig, folder: Path) -> Sequence[Callback]:
    """The same for one of several runs: a bar, and no lines."""
    return [TrainingProgress(lines=False), *callbacks(config, folder)[1:]]


class RunsProgress:
    """A `Display` of a recipe's tasks: a bar for all runs and one for each that is trained, or a line now and then."""

    def __init__(self, runs: dict[str, int], finished: int) -> None:
        """`runs` are each task's by its name, many for a sweep, `finished` how many were over before."""
        self._runs, self._total, self._before = runs, sum(runs.values()), finished
        self._done, self._shares = 0, dict[str, float]()
        self._began = self._printed = time.perf_counter()
        self._bars = Bars(
            SpinnerColumn(), LABEL, BarColumn(bar_width=14), TextColumn("{task.percentage:3.0f} %"), NUMBERS
        )

    def __enter__(self) -> Self:
        self._move()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.end()

    def moved(self, name: str, share: float) -> None:
        """Move the run's bar, or print now and then how far all are."""
        self._shares[name] = share
        self._bars.move(share, 1.0, name=name, label=name[:LONGEST])
        self._move()
        if not self._bars.seen and time.perf_counter() - self._printed > EVERY:
            self._printed = time.perf_counter()
            self._bars.print(f"{self._done + int(self._under_way)} of {self._total} runs are over{self._left()}")

    def ended(self, name: str, failure: str = "") -> None:
        """Take the run's bar away; a failure is printed in a line."""
        self._shares.pop(name, None)
        self._done += self._runs[name]
        self._bars.remove(name)
        if failure:
            self._bars.screen.print(f"{name}: {failure}")
        self._move()

    def _move(self) -> None:
        note = f"{self._done} of {self._total}{self._left()}"
        self._bars.move(self._done + self._under_way, self._total, note, label="all runs")

    @property
    def _under_way(self) -> float:
        """How much of the unfinished runs and sweeps is done, in runs."""
        return sum(share * self._runs[name] for name, share in self._shares.items())

    def _left(self) -> str:
        """The time left, estimated from the runs of this start; runs that were over before do not count."""
        made = self._done - self._before + self._under_way
        if made < 1:
            return ""
        left = self._total - self._done - self._under_way
        return f", about {duration((time.perf_counter() - self._began) / made * left)} left"
