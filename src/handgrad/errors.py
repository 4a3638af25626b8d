"""What can go wrong for a user, each with the exit code that the command line returns."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class HandgradError(Exception):
    """A mistake or a mishap that the message explains in one line; shown without a traceback."""

    exit_code = 2
    opening = "error: "  # of its line; nothing where no mistake was made, as when somebody stopped a training
    at_once = False  # the process is to end without tidying up: a library's thread, which nothing stops, is at work


class UsageError(HandgradError):
    """A flag, a setting, a configuration or an argument that makes no sense."""


class DivergedError(HandgradError):
    """Training produced a number that is not finite."""

    exit_code = 3


class FileSystemError(HandgradError):
    """A file or a folder that cannot be found, read or written, or a download that failed."""

    exit_code = 4


class CorruptDataError(HandgradError):
    """A file whose content is not what it should be: data, a checkpoint, a model."""

    exit_code = 5


class IncompleteSweepError(HandgradError):
    """A sweep ended without some of its trials."""

    exit_code = 6


@contextmanager
def collecting(faults: list[HandgradError]) -> Iterator[None]:
    """Put an error of the block into `faults` in place of raising it: there may be more to tell."""
    try:
        yield
    except HandgradError as fault:
        faults.append(fault)


def raise_together(faults: Sequence[HandgradError], shown: int = 10) -> None:
    """Raise all that is wrong as one error in one line, of the first one's kind; nothing when nothing is."""
    if faults:
        more = [f"and {len(faults) - shown} more"] if len(faults) > shown else []
        raise type(faults[0])("; ".join([*map(str, faults[:shown]), *more]))
