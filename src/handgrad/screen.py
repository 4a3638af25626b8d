"""Printing on standard output and error, by commands and from Python.

It goes on when its reader has gone: a training whose lines nobody reads is still wanted in its folder.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Timer
from typing import Any

from rich.console import Console
from rich.text import Text

from handgrad.plugins import is_installed
from handgrad.text import visible

WAITS = 2.0  # seconds from which on a wait is announced
Update = Callable[[str], Any]
"""Takes what is done from now on."""

console = Console(stderr=True)
"""Standard error, one for all that is waited for, so that downloads and other waits are seen together."""


class Screen(Console):
    """Standard output; once its reader, such as `head`, has seen enough, what is printed goes nowhere.

    Rich would end the process.
    """

    @property
    def moves(self) -> bool:
        """Whether it can show what moves: a terminal, or a notebook with ipywidgets."""
        return self.is_terminal or (self.is_jupyter and is_installed("ipywidgets"))

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
def working(what: str, screen: Console = console) -> Iterator[Update]:
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


def echo(line: str) -> None:
    """Print a line as a `Screen` would, without its colours, at once: whoever reads a pipe is waiting for it."""
    try:
        print(visible(line), flush=True)
    except BrokenPipeError:
        _let_go()


def _let_go() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
