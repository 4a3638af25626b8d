"""Printing that goes on when its reader has gone: a training whose lines nobody reads is still wanted in its folder."""

import os
import sys
from collections.abc import Collection, Iterable

from rich.console import Console

from handgrad.config import RunConfig
from handgrad.config.influence import ADDITIONS, beyond, beyond_line


class Screen(Console):
    """Standard output; once its reader, such as `head`, has seen enough, what is printed goes nowhere.

    Rich would end the process.
    """

    def on_broken_pipe(self) -> None:
        """Stay quiet from now on."""
        self.quiet = True
        _let_go()


def say(line: str) -> None:
    """Print a line as a `Screen` would, without its colours, at once: whoever reads a pipe is waiting for it."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        _let_go()


def say_notes(notes: Iterable[str]) -> None:
    """Print a line for each thing worth knowing."""
    for note in notes:
        say(f"note: {note}")


def say_beyond(config: RunConfig, among: Collection[str] = ADDITIONS) -> None:
    """Print a line on what acts though no flag says so, where there is such a thing; of the settings `among`."""
    names = beyond(config, among)
    if names:
        say(beyond_line(config, names))


def _let_go() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
