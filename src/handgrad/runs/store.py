"""A run as a folder on disk: what is in it, who may write to it, and how it is read again."""

import hashlib
import logging
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from html import escape
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from handgrad.classical import CLASSICAL
from handgrad.config import RunConfig
from handgrad.config.describe import WITHOUT_INFLUENCE, effective_differences
from handgrad.data import Dataset
from handgrad.errors import CorruptDataError, FileSystemError, HandgradError, UsageError
from handgrad.files import (
    KILLED_SECONDS,
    atomic_write,
    flush_folder,
    json_text,
    lock_folder,
    new_folder,
    read_file,
    sweep_temporaries,
)
from handgrad.nn import Network
from handgrad.optim import SCHEDULES
from handgrad.run_folder import RunFolder, run_path, run_paths
from handgrad.text import numbered as numbered_names
from handgrad.training import History, load_model, save_model
from handgrad.training.checkpoint import newest_origin
from handgrad.training.history import read_record, records, sealed, unsealed

# Besides what has no influence: how long one session may last, and what PyTorch computes on, of which the checkpoint's
# own environment warns.
FREE = WITHOUT_INFLUENCE | {"time_limit", "device"}
KEYS = ("config", "data", "start", "start_digest")

Differences = dict[str, tuple[Any, Any]]
log = logging.getLogger("handgrad")
OVER = ("finished", "patience")
# With other values of these, a network has other weights.
SHAPING = {"dataset", "resize", "features", "model", "layers", "num_layers", "hidden_size", "batch_norm", "activation"}


def origin_of(config: RunConfig, dataset: Dataset, start: Path | None) -> dict[str, Any]:
    """All that a training depends on: its settings, the fingerprint of its data, the file of its first weights."""
    origin: dict[str, Any] = {"config": config.to_mapping(), "data": dataset.fingerprint}
    return origin | ({"start": str(start.resolve()), "start_digest": _digest(start)} if start else {})


def require_weights(origin: Mapping[str, Any]) -> Path | None:
    """The file of the first weights, if there was one.

    Raises  FileSystemError when it cannot be read; CorruptDataError when it holds others by now.
    """
    if "start" not in origin:
        return None
    path = Path(origin["start"])
    if origin.get("start_digest") not in (None, _digest(path)):
        raise CorruptDataError(f"the weights in {path} are not those that the run began with: restore them to resume")
    return path


def edits(origin: Mapping[str, Any], config: RunConfig, data: str = "", over: bool = False) -> Differences:
    """The settings that decide a training and differ from those that it began with, each with both values.

    More epochs are none where the learning rate does not depend on their number, unless the training is `over`: it is
    the same one, for longer. A data set of another name is the same one when `data`, its fingerprint, is.
    """
    if "config" not in origin:
        return {}
    try:
        began = RunConfig.from_mapping(origin["config"])
    except UsageError:  # a name that this version does not know any more
        values = config.to_mapping()
        return {name: (old, values.get(name)) for name, old in origin["config"].items() if values.get(name) != old}
    found = {name: values for name, values in effective_differences(began, config).items() if name not in FREE}
    if data and data == origin.get("data"):
        found.pop("dataset", None)
    rule = SCHEDULES[config.schedule].rule
    if "epochs" in found and config.epochs > began.epochs and rule and "T" not in rule and not over:
        found.pop("epochs")
    return found


def in_words(found: Differences) -> str:
    """Differences in words."""
    return "; ".join(f"{name} was {old}, is {new}" for name, (old, new) in found.items())


def _digest(path: Path) -> str:
    return hashlib.sha256(read_file(path)).hexdigest()


class Run(RunFolder):
    """One run's folder: config.yaml, run.json, history.jsonl, metrics.json, model.safetensors, checkpoints, log.txt.

    That of a classical model has predictions.safetensors in place of history, model and checkpoints. Unless it is
    `durable`, what is written waits for no disk, and may be torn after a power cut that comes before `flush`.
    """

    def __init__(self, path: Path, durable: bool = True) -> None:
        super().__init__(path)
        self.durable = durable
        self._lock: int | None = None  # held by whoever has made the folder, until the first `locked` block ends

    @property
    def config(self) -> RunConfig:
        """The configuration that the run was started with.  Raises  FileSystemError, UsageError."""
        return RunConfig.from_yaml(self.config_file)

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do: the training ended by itself, and its network or predictions are there."""
        kept = os.path.lexists(self.model_file) or os.path.lexists(self.predictions_file)
        return self.metrics.get("stopped") in OVER and kept

    @property
    def history(self) -> History:
        """What happened, as `read_history`."""
        return self.read_history()

    @property
    def figures(self) -> Any:
        """Matplotlib figures by name, each drawn when asked for: `figures["roc"]`."""
        # Figures are made from runs: their room, above this one, is loaded when it is first wanted.
        return import_module("handgrad.figures.of_run").Figures(self)

    def predict(self, images: Any) -> Any:
        """The class of each image, by its number; a UsageError for images that do not fit.  Shapes  -> (N,) int"""
        return self.load_model().predict_proba(images).argmax(axis=1)

    def __repr__(self) -> str:
        state, test, validation, epochs, *_ = self.result
        shares = (("test", test), ("validation", validation))
        accuracy = [f"{part} {100 * share:.2f} %" for part, share in shares if share is not None]
        return f"Run({', '.join([self.name, state, *accuracy, *([f'{epochs} epochs'] if epochs else [])])})"

    def _repr_html_(self) -> str:
        return f"<div>{escape(repr(self))}</div>{self.history._repr_html_()}"

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
        """The network of `require_network`.  Raises  as it does; FileSystemError, CorruptDataError."""
        return load_model(self.require_network())

    def require_network(self) -> Path:
        """The file of the network that the run ended with, or of its best one so far while it has not ended.

        Raises  UsageError when there is none yet, or never will be.
        """
        for path in (self.model_file, self.best_file):
            if os.path.lexists(path):  # a link that leads nowhere is damage, and not no model
                return path
        if self.config.model in CLASSICAL:
            raise UsageError(
                f"{self.path} holds no network: the model {self.config.model} is not kept, only its predictions for "
                "the test and validation images. Choose a run of an mlp or a cnn"
            )
        raise UsageError(f"{self.path} has no model yet: finish it with `handgrad resume {self.path}`")

    def drop_checkpoints(self, with_first_epoch: bool = False) -> None:
        """Delete what only a run that goes on has a use for; the first epoch's network unless a figure will want it."""
        for path in self.checkpoints.glob("*.safetensors"):
            if with_first_epoch or path != self.first_epoch_file:
                path.unlink(missing_ok=True)
        with suppress(OSError):  # where something is left in it
            self.checkpoints.rmdir()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing to the run; stale temporary files of killed ones are swept.

        Raises  FileSystemError when another process is at it; the lock goes with its holder, however it ends.
        """
        try:
            lock, self._lock = self._lock, None
            lock = lock_folder(self.path, KILLED_SECONDS) if lock is None else lock
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
    names = islice(numbered_names(name), 100_000 if numbered else 1)
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


def open_run(path: str | os.PathLike[str]) -> Run:
    """The run in the folder `path`, or that it means as `run_path` reads it; a warning when its config.yaml was edited.

    Raises  as `existing_run` and `run_path`.
    """
    run = existing_run(run_path(path))
    with suppress(HandgradError):  # damage is reported where it matters
        if found := edits(run.facts, run.config, over=True):
            log.warning("%s was edited since the run began: %s", run.config_file, in_words(found))
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
    """Every run below `runs_dir`, as `run_paths`."""
    return [Run(path) for path in run_paths(runs_dir)]


def began_with(run: Run, over: bool) -> dict[str, Any]:
    """The settings in run.json, or else in the newest checkpoint.

    A warning names what is damaged; one, unless the run is `over`, that an older version made it and nothing can be
    checked.
    """
    facts: dict[str, Any] = {}
    try:
        facts, why = run.facts, "" if run.facts else f"{run.facts_file} is missing"
    except HandgradError as error:
        why = str(error)
    if "config" in facts or over:
        return facts
    origin = newest_origin(run.checkpoints) or {}
    if why:
        source = "what the newest checkpoint says" if origin else "config.yaml and the data as they are now"
        log.warning("%s: going on with %s", why, source)
    elif not origin:
        log.warning(
            "%s was begun by an older version, which did not write down its settings: whether they, or its "
            "history, were changed since cannot be checked",
            run.path,
        )
    return {**facts, **origin}


def refusal(run: Run, config: RunConfig, found: Differences, start: str | None) -> str:
    """One line: what differs, and the commands that lead on."""
    name = next(name for name in numbered_names(run.name) if not (run.path.parent / name).exists())
    anew = ["handgrad", "train", "--config", str(run.config_file), "--name", name]
    if str(run.path.parent) != config.runs_dir:
        anew += ["--runs_dir", str(run.path.parent)]
    ways = [f"to train anew with them: {shlex.join(anew + (['--model_path', start] if start else []))}"]
    weights = next((path for path in (run.model_file, run.best_file) if path.exists()), None)
    if weights and not found.keys() & SHAPING:
        ways.append(f"to start from its weights: {shlex.join([*anew, '--model_path', str(weights)])}")
    return (
        f"{run.config_file} was edited since the run began: {in_words(found)}. Undo that to resume; {'; '.join(ways)}"
    )
