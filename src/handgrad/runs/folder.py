"""A run as a folder on disk: what is in it, who may write to it, and how it is read again."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any

from handgrad.classical import CLASSICAL
from handgrad.config import RunConfig
from handgrad.errors import FileSystemError, HandgradError, UsageError
from handgrad.files import (
    TEMPORARY_PREFIX,
    atomic_write,
    flush_folder,
    json_text,
    lock_folder,
    new_folder,
    read_file,
    read_json,
    sweep_temporaries,
)
from handgrad.nn import Network
from handgrad.runs.origin import edits, spelled
from handgrad.training import History, load_model, save_model
from handgrad.training.history import read_record, records, sealed, unsealed

log = logging.getLogger("handgrad")
OVER = ("finished", "patience")


class Run:
    """One run's folder: config.yaml, run.json, history.jsonl, metrics.json, model.safetensors, checkpoints, log.txt.

    That of a classical model has predictions.safetensors in place of history, model and checkpoints. Unless it is
    `durable`, what is written waits for no disk, and may be torn after a power cut that comes before `flush`.
    """

    def __init__(self, path: Path, durable: bool = True) -> None:
        self.path, self.durable = path, durable
        self._lock: int | None = None  # held by whoever has made the folder, until the first `locked` block ends
        self.config_file, self.facts_file = path / "config.yaml", path / "run.json"
        self.history_file, self.metrics_file = path / "history.jsonl", path / "metrics.json"
        self.model_file, self.log_file = path / "model.safetensors", path / "log.txt"
        self.predictions_file = path / "predictions.safetensors"
        self.checkpoints = path / "checkpoints"
        self.best_file = self.checkpoints / "best.safetensors"
        self.first_epoch_file = self.checkpoints / "epoch-1.safetensors"

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.name

    @property
    def config(self) -> RunConfig:
        """The configuration that the run was started with.  Raises  FileSystemError, UsageError."""
        return RunConfig.from_yaml(self.config_file)

    @property
    def facts(self) -> dict[str, Any]:
        """Command, settings, data and environment at the start; empty without a file.  Raises  as `read_json`."""
        return read_json(self.facts_file)

    @property
    def metrics(self) -> dict[str, Any]:
        """What metrics.json holds; empty while the run has not ended.  Raises  as `read_json`."""
        return read_json(self.metrics_file)

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do: the training ended by itself, and its network or predictions are there."""
        kept = os.path.lexists(self.model_file) or os.path.lexists(self.predictions_file)
        return self.metrics.get("stopped") in OVER and kept

    def write_json(self, path: Path, content: dict[str, Any]) -> None:
        """Write `content` as readable JSON with its digest, atomically."""
        atomic_write(path, json_text(content), self.durable)

    def read_history(self) -> History:
        """The history file's records up to the first line that is torn or does not follow; what comes after is lost."""
        history = History()
        if not os.path.lexists(self.history_file):
            return history
        digest = ""
        for number, line in enumerate(read_file(self.history_file).decode(errors="replace").split("\n"), 1):
            try:
                if line:
                    record, digest = unsealed(line, digest)
                    read_record(history, record)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                log.warning(
                    "%s: line %d is torn, altered or out of order (%s); read up to there",
                    self.history_file,
                    number,
                    error,
                )
                break
        return history

    def rewrite_history(self, history: History, step: int) -> tuple[History, str]:
        """Cut the history file and `history` back to `step`; returns what is left, and the digest of its last line."""
        kept, lines, digest = History(), [], ""
        for record in records(history, step) if step else ():
            line, digest = sealed(record, digest)
            lines.append(line + "\n")
            read_record(kept, record)
        atomic_write(self.history_file, "".join(lines), self.durable)
        return kept, digest

    def save_model(self, network: Network) -> None:
        """Write the network that the run ended with."""
        save_model(network, self.model_file, self.durable)

    def flush(self) -> None:
        """Wait until all that was written is on the disk.  Raises  FileSystemError."""
        try:
            flush_folder(self.path)
        except OSError as error:
            raise FileSystemError(f"cannot write {self.path}: {error.strerror or error}") from error

    def load_model(self) -> Network:
        """The network that the run ended with, or its best one so far while it has not ended.

        Raises  UsageError when there is none yet, or never will be; FileSystemError, CorruptDataError.
        """
        for path in (self.model_file, self.best_file):
            if os.path.lexists(path):  # a link that leads nowhere is damage, and not no model
                return load_model(path)
        if self.config.model in CLASSICAL:
            raise UsageError(
                f"{self.path} holds no network: the model {self.config.model} is not kept, only what it said of the "
                "test and validation images. Choose a run of an mlp or a cnn"
            )
        raise UsageError(f"{self.path} has no model yet: finish it with `handgrad resume {self.path}`")

    def drop_checkpoints(self) -> None:
        """Delete what only a run that goes on has a use for; the first epoch's network stays, for figures show it."""
        for path in self.checkpoints.glob("*.safetensors"):
            if path != self.first_epoch_file:
                path.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing to the run; stale temporary files of killed ones are swept.

        Raises  FileSystemError when another process is at it; the lock goes with its holder, however it ends.
        """
        try:
            lock, self._lock = lock_folder(self.path) if self._lock is None else self._lock, None
            if lock is None:
                raise FileSystemError(
                    f"{self.path} is in use by another process: wait for it, or choose another --name"
                )
            try:
                for folder in (self.path, self.checkpoints):
                    sweep_temporaries(folder)
                yield
            finally:
                os.close(lock)
        except OSError as error:
            raise FileSystemError(f"cannot write {self.path}: {error.strerror or error}") from error


def _nothing(run: Run) -> None:
    """An empty folder."""


def create_run(
    runs_dir: Path, name: str, numbered: bool, durable: bool = True, fill: Callable[[Run], None] = _nothing
) -> Run:
    """Make the folder of a new run; a taken name gets "-2", "-3" … when `numbered`, and is refused otherwise.

    The folder is seen when `fill` has written its files, and never without them. It is locked until the end of the
    first `locked` block of the run that is returned.

    Raises  UsageError for a taken or impossible name; FileSystemError when the folder cannot be made.
    """
    if not name or name in (".", "..") or "/" in name or "\0" in name or len(name.encode()) > 200:
        raise UsageError(f"a run's name must be one file name of at most 200 bytes, got {name!r} (--name)")
    names = chain([name], (f"{name}-{n}" for n in range(2, 100_000) if numbered))
    try:
        made = new_folder(runs_dir, names, lambda folder: fill(Run(folder, durable)), durable)
    except OSError as error:
        raise FileSystemError(
            f"cannot make a run in {runs_dir}: {error.strerror}. Choose another --runs_dir"
        ) from error
    if made is None:
        raise UsageError(_taken(runs_dir / name, numbered))
    run = Run(made[0], durable)
    run._lock = made[1]
    return run


def _taken(path: Path, numbered: bool) -> str:
    if numbered:
        return f"{path.parent} holds 100000 runs named {path.name}: choose another --name"
    if os.path.lexists(Run(path).config_file):
        return f"{path} exists: choose another --name, or `handgrad resume {path}`"
    return f"{path} exists and is no run, for it has no config.yaml: remove it, or choose another --name"


def open_run(path: Path) -> Run:
    """The run in the folder `path`, to be looked at; a warning tells when its config.yaml was edited.

    Raises  as `existing_run`.
    """
    run = existing_run(path)
    with suppress(HandgradError):  # what is damaged is told where it is needed
        if found := edits(run.facts, run.config, over=True):
            log.warning("%s was edited since the run began: %s", run.config_file, spelled(found))
    return run


def existing_run(path: Path, durable: bool = True) -> Run:
    """The run in the folder `path`.

    Raises  FileSystemError when there is no such folder; UsageError when it is no run.
    """
    run = Run(Path(path), durable)
    if not run.path.is_dir():
        raise FileSystemError(f"no run in {path}: no such folder. `handgrad runs` lists the runs there are")
    if not os.path.lexists(run.config_file):
        raise UsageError(f"{path} is no run: it has no config.yaml. `handgrad runs` lists the runs there are")
    return run


def list_runs(runs_dir: Path) -> list[Run]:
    """Every run below `runs_dir`, oldest first; also those that are damaged, or that this user may not read.

    Raises  FileSystemError when the folder itself cannot be read.
    """
    try:
        folders = [path for path in Path(runs_dir).iterdir() if path.is_dir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FileSystemError(f"cannot read {runs_dir}: {error.strerror}. Check the path (--runs_dir)") from error
    found = [Run(path) for path in folders if not path.name.startswith(TEMPORARY_PREFIX)]
    return sorted((run for run in found if _may_be_run(run)), key=_began)


def _may_be_run(run: Run) -> bool:
    """Whether it has one of a run's files, or keeps its content to itself."""
    files = (run.config_file, run.facts_file, run.history_file, run.metrics_file, run.model_file)
    return any(map(os.path.lexists, files)) or not os.access(run.path, os.R_OK | os.X_OK)


def _began(run: Run) -> float:
    path = run.config_file if os.path.lexists(run.config_file) else run.path
    return path.lstat().st_mtime
