"""What can go wrong for a user, each with the exit code that the command line returns."""


class HandgradError(Exception):
    """A mistake or a mishap that the message explains in one line; shown without a traceback."""

    exit_code = 2
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
