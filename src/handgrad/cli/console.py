"""Printing on standard output and error.

It goes on when its reader has gone: a training whose lines nobody reads is still wanted in its folder.
"""

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

from rich.console import Console
from rich.text import Text

from handgrad.config import RunConfig, build_dataset
from handgrad.config.describe import ADDITIONS, beyond, beyond_line
from handgrad.data import Dataset, download
from handgrad.runs import Run
from handgrad.text import visible

WAITS = 2.0  # seconds from which on a wait is announced
Update = Callable[[str], Any]
"""Takes what is done from now on."""


class Screen(Console):
    """Standard output; once its reader, such as `head`, has seen enough, what is printed goes nowhere.

    Rich would end the process.
    """

    def on_broken_pipe(self) -> None:
        self.quiet = True
        _let_go()

    def render_str(self, text: str, **how: Any) -> Text:
        """Names that somebody else chose cannot steer the terminal."""
        return super().render_str(visible(text), **how)

    def working(self, what: str) -> AbstractContextManager[Update]:
        """As `working`, on standard output."""
        return working(what, self)


class _Notice:
    """Prints what is done, unless it is over within WAITS."""

    def __init__(self, screen: Console) -> None:
        self.screen, self.timer = screen, Timer(0, lambda: None)

    def update(self, what: str) -> None:
        self.timer.cancel()
        self.timer = Timer(WAITS, lambda: self.screen.print(f"{what} …", markup=False, highlight=False, soft_wrap=True))
        self.timer.daemon = True
        self.timer.start()


@contextmanager
def working(what: str, screen: Console = download.console) -> Iterator[Update]:
    """While the block runs, print what is done: beside a spinner in a terminal, else in a line after two seconds.

    The block gets a function that prints what is done from then on. It is standard error, unless `screen` is given, so
    that what is printed can go into a file.
    """
    if screen.is_terminal:
        with screen.status(what) as status:
            yield status.update
        return
    notice = _Notice(screen)
    notice.update(what)
    try:
        yield notice.update
    finally:
        notice.timer.cancel()


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


def echo(line: str) -> None:
    """Print a line as a `Screen` would, without its colours, at once: whoever reads a pipe is waiting for it."""
    try:
        print(visible(line), flush=True)
    except BrokenPipeError:
        _let_go()


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


def _let_go() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
