"""What every named data set can do, and the plain data it answers with."""

from pathlib import Path
from typing import NamedTuple, Protocol

from handgrad.data.dataset import Dataset


class Status(NamedTuple):
    """What `data list` shows of a set; `place` is None when it would have to be downloaded."""

    name: str
    title: str
    place: Path | None
    files_ok: int
    files: int
    images: int
    classes: int
    problem: str = ""


class Verdict(NamedTuple):
    """What `data verify` says of one file; `path` is None when it was found nowhere, `problem` is empty when `ok`."""

    file: str
    path: Path | None
    ok: bool
    problem: str = ""


class NamedSet(Protocol):
    """A row of the registry."""

    def load(self) -> Dataset:
        """The data set, downloaded when it has to be."""

    def status(self) -> Status:
        """Where the set lies and whether its files are right, without downloading."""

    def fetch(self) -> Status:
        """Download what is not on this machine yet."""

    def verify(self) -> list[Verdict]:
        """Read every file that is there from end to end."""
