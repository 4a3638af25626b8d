"""Printing that goes on when its reader has gone: a training whose lines nobody reads is still wanted in its folder."""

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Timer
from typing import Any

from rich.console import Console
from rich.text import Text

from handgrad.config import RunConfig
from handgrad.config.describe import ADDITIONS, beyond, beyond_line
from handgrad.text import visible

WAITS = 2.0  # seconds from which on a wait is announced
Tell = Callable[[str], Any]


class Screen(Console):
    """Standard output; once its reader, such as `head`, has seen enough, what is printed goes nowhere.

    Rich would end the process.
    """

    def on_broken_pipe(self) -> None:
        """Stay quiet from now on."""
        self.quiet = True
        _let_go()

    def render_str(self, text: str, **how: Any) -> Text:
        """Names that somebody else chose cannot steer the terminal."""
        return super().render_str(visible(text), **how)

    @contextmanager
    def working(self, what: str) -> Iterator[Tell]:
        """While the block runs, say what is done: beside a spinner in a terminal, else in a line after two seconds.

        The block gets a function to be told what is done next.
        """
        if self.is_terminal:
            with self.status(what) as status:
                yield status.update
            return
        notice = _Notice(self)
        notice.tell(what)
        try:
            yield notice.tell
        finally:
            notice.timer.cancel()


class _Notice:
    """Prints what is done, unless it is over within WAITS."""

    def __init__(self, screen: Console) -> None:
        self.screen, self.timer = screen, Timer(0, lambda: None)

    def tell(self, what: str) -> None:
        """What is done from now on."""
        self.timer.cancel()
        self.timer = Timer(WAITS, lambda: self.screen.print(f"{what} …", markup=False, highlight=False, soft_wrap=True))
        self.timer.daemon = True
        self.timer.start()


def working(what: str) -> AbstractContextManager[Tell]:
    """`Screen.working` on standard error, so that what is printed can go into a file."""
    return Screen(stderr=True).working(what)


def say(line: str) -> None:
    """Print a line as a `Screen` would, without its colours, at once: whoever reads a pipe is waiting for it."""
    try:
        print(visible(line), flush=True)
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
