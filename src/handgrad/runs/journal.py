"""log.txt: what happened to a run, with the time of day, for whoever asks later."""

import io
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from handgrad.files import open_file
from handgrad.runs.folder import Run
from handgrad.text import visible_name
from handgrad.training import Callback, Epoch, Trainer

journal = logging.getLogger("handgrad.journal")
journal.propagate = False  # the terminal has its own lines
journal.setLevel(logging.INFO)


class Journal(Callback):
    """Writes the milestones of a training into the log."""

    def __init__(self) -> None:
        self._stepped = False

    def started(self, trainer: Trainer) -> None:
        """Where it begins."""
        journal.info(
            "training from step %d of %d, %d parameters",
            trainer.step,
            trainer.total_steps,
            trainer.network.parameters.size,
        )

    def stepped(self, trainer: Trainer, first: int, losses: Any, correct: Any, norms: dict[int, float]) -> None:
        """That the first compiled call, of one step, is made: from here on it trains, and prepares no more."""
        if not self._stepped:
            journal.info("step %d is made", trainer.step)
        self._stepped = True

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """An epoch's row."""
        journal.info("%s", "  ".join(f"{name} {value}" for name, value in epoch.row().items()))

    def ended(self, trainer: Trainer) -> None:
        """Where it ends, and why."""
        journal.info("%s at step %d, %.1f s of training", trainer.history.stopped, trainer.step, trainer.seconds)


class _Line(logging.Formatter):
    """A message is one line, whatever stands in the names that it tells."""

    def format(self, record: logging.LogRecord) -> str:
        return visible_name(super().format(record))


class _LogFile(logging.FileHandler):
    """A log that cannot be written, say to a full disk, fails no run and prints nothing."""

    def _open(self) -> Any:
        """Refuses a pipe, which would have to be waited for."""
        return io.TextIOWrapper(open_file(Path(self.baseFilename), os.O_WRONLY | os.O_APPEND | os.O_CREAT), "utf-8")

    def handleError(self, record: logging.LogRecord) -> None:
        pass

    def emit(self, record: logging.LogRecord) -> None:
        """Nothing once it is closed: another thread may have found it just before, and it would be opened anew."""
        if self.stream is not None:
            super().emit(record)

    def close(self) -> None:
        with suppress(OSError):
            super().close()


@contextmanager
def writing_log(run: Run) -> Iterator[None]:
    """While the block runs, the journal and every warning of handgrad's go into the run's log.txt as well."""
    handler = _LogFile(run.log_file, encoding="utf-8")
    handler.setFormatter(_Line("%(asctime)s %(levelname)s %(message)s"))
    loggers = journal, logging.getLogger("handgrad")
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()
