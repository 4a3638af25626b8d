"""Writes a training into its run's folder while it goes on."""

import contextlib
import io
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from handgrad.errors import FileSystemError
from handgrad.files import open_file
from handgrad.runs.store import Run
from handgrad.text import visible_name
from handgrad.training import Callback, Epoch, Evaluation, Trainer, save_checkpoint, save_model
from handgrad.training.history import measured_record, sealed, steps_record

SOONEST_SECONDS = 1.0
journal = logging.getLogger("handgrad.journal")
journal.propagate = False  # the terminal has its own lines
journal.setLevel(logging.INFO)


class Recorder(Callback):
    """Appends to history.jsonl, and saves checkpoints: at an epoch's end (not more than one a second), every
    `checkpoint_seconds` within one, and when training stops. Keeps the first epoch's network beside them.

    Every checkpoint says from which `origin` the run began; `digest` is that of the history's last line.
    In `trial_mode` there is no checkpoint before the first step, which the seed makes again, none after the last, which
    the model follows, and no first epoch's network.
    A callback that adds statistics to the history comes before it.
    """

    def __init__(
        self, run: Run, checkpoint_seconds: float, trial_mode: bool, origin: Mapping[str, Any], digest: str = ""
    ) -> None:
        self.run, self.checkpoint_seconds, self.trial_mode = run, checkpoint_seconds, trial_mode
        self.origin, self._digest = origin, digest
        self._saved = time.monotonic()
        self._file = open_file(run.history_file, os.O_WRONLY | os.O_APPEND)
        self._epoch_ended = False
        self._best: Any = None
        self._written = 0, 0  # how many of the history's statistics, and activities, are in the file

    def started(self, trainer: Trainer) -> None:
        """A checkpoint before the first step, so that a run from given weights can be resumed from its beginning."""
        if trainer.step:
            self._written = len(trainer.history.statistics), len(trainer.history.activities)
        elif not self.trial_mode:
            save_checkpoint(trainer, self.run.checkpoints, self.origin)
        self._append_statistics(trainer)

    def stepped(self, trainer: Trainer, first: int, losses: Any, correct: Any, norms: dict[int, float]) -> None:
        self._append(steps_record(first, losses, correct, norms, trainer.history))

    def evaluated(self, trainer: Trainer, evaluation: Evaluation) -> None:
        self._append(measured_record(evaluation))
        self._append_statistics(trainer)

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """A line of an epoch; the network, when it is the first of several."""
        self._append(measured_record(epoch))
        self._append_statistics(trainer)
        if epoch.epoch == 1 < trainer.settings.epochs and not self.trial_mode:
            save_model(trainer.network, self.run.first_epoch_file)
        self._epoch_ended = True

    def paused(self, trainer: Trainer) -> None:
        waited = time.monotonic() - self._saved
        due = min(SOONEST_SECONDS, self.checkpoint_seconds) if self._epoch_ended else self.checkpoint_seconds
        over = trainer.step >= trainer.total_steps
        if not (over and self.trial_mode) and (trainer.stop_reason or over or waited >= due):
            self.save(trainer)

    def save(self, trainer: Trainer) -> None:
        """History first, then the checkpoint that relies on it."""
        with self._writing():
            self._file.flush()
            os.fsync(self._file.fileno())
        save_checkpoint(trainer, self.run.checkpoints, self.origin)
        self._save_best(trainer)
        self._saved, self._epoch_ended = time.monotonic(), False

    def ended(self, trainer: Trainer) -> None:
        """Close the history; an error was raised when it was written."""
        with contextlib.suppress(OSError), self._file:
            self._file.flush()
            if self.run.durable:
                os.fsync(self._file.fileno())

    def _save_best(self, trainer: Trainer) -> None:
        """The best weights as a model, for whoever wants to use a run that has not ended."""
        if trainer.best is None or trainer.best is self._best:
            return
        self._best = trainer.best
        network = trainer.network
        now = network.parameters.copy(), network.buffers.copy()
        network.parameters[:], network.buffers[:] = trainer.best
        save_model(network, self.run.best_file)
        network.parameters[:], network.buffers[:] = now

    def _append_statistics(self, trainer: Trainer) -> None:
        measured: tuple[list[Any], list[Any]] = trainer.history.statistics, trainer.history.activities
        for rows, written in zip(measured, self._written, strict=True):
            for row in rows[written:]:
                self._append(measured_record(row))
        self._written = len(measured[0]), len(measured[1])

    def _append(self, record: dict[str, Any]) -> None:
        with self._writing():
            line, self._digest = sealed(record, self._digest)
            self._file.write(f"{line}\n".encode())
            self._file.flush()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FileSystemError(
                f"cannot write {self.run.history_file}: {error.strerror}. Free some space, then resume"
            ) from error


class Journal(Callback):
    """Writes the milestones of a training into the log."""

    def __init__(self) -> None:
        self._stepped = False

    def started(self, trainer: Trainer) -> None:
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
        row = {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in epoch.row().items()}
        journal.info("%s", "  ".join(f"{name} {value}" for name, value in row.items()))

    def ended(self, trainer: Trainer) -> None:
        journal.info("%s at step %d, %.1f s of training", trainer.history.stopped, trainer.step, trainer.seconds)


class _Line(logging.Formatter):
    """A message is one line, whatever its names contain."""

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
