"""The folders of runs: what is in one, which there are, and which a word such as @last means; those of hand-ins.

Nothing here needs the compiler: thousands of runs are listed while it would still be loading.
"""

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.errors import FileSystemError, HandgradError, UsageError
from handgrad.files import TEMPORARY_PREFIX, path_of, read_file, read_json

log = logging.getLogger("handgrad")
RUNS_DIR = "runs"
YAML, WORDS = "hand-in.yaml", "hand-in.md"  # the files of a hand-in: its runs and its author, the author's words
NUMBER = re.compile(r"@?(\d+)|@last", re.IGNORECASE)
UNFINISHED, DAMAGED = "to resume", "damaged"
# Settings: where a run is kept and tracked, and how often it is evaluated or saved. Its weights are the same bits.
WITHOUT_INFLUENCE = frozenset(
    (
        *("checkpoint_seconds", "evaluate_every", "log_every", "log_test", "log_units", "name"),
        *("preset", "runs_dir", "threads"),
        *("track", "wandb_entity", "wandb_group", "wandb_mode", "wandb_project"),
    )
)
FEW = 3  # names that an error lists


class RunFolder:
    """The names of a run's files, and what the readable ones say."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_file, self.facts_file = path / "config.yaml", path / "run.json"
        self.history_file, self.metrics_file = path / "history.jsonl", path / "metrics.json"
        self.model_file, self.log_file = path / "model.safetensors", path / "log.txt"
        self.predictions_file = path / "predictions.safetensors"
        self.checkpoints = path / "checkpoints"
        self.best_file = self.checkpoints / "best.safetensors"
        self.first_epoch_file = self.checkpoints / "epoch-1.safetensors"

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def facts(self) -> dict[str, Any]:
        """Command, settings, data and environment at the start; empty without a file.  Raises  as `read_json`."""
        return read_json(self.facts_file)

    @property
    def metrics(self) -> dict[str, Any]:
        """What metrics.json holds; empty while the run has not ended.  Raises  as `read_json`."""
        return read_json(self.metrics_file)

    @property
    def result(self) -> "Result":
        """What a table of runs says of it, whatever its files look like."""
        try:
            if not read_file(self.config_file).endswith(b"\n"):  # torn; the rest is read when it is opened
                return Result(DAMAGED)
            metrics = self.metrics
            if not metrics:
                return Result(UNFINISHED)
            return Result(
                str(metrics["stopped"]),
                metrics["test"]["accuracy"],
                metrics["validation"]["accuracy"],
                len(metrics["epochs"]),
                metrics["parameters"],
                float(metrics["seconds"]),
            )
        except (HandgradError, KeyError, TypeError, ValueError):
            return Result(DAMAGED)


class Result(NamedTuple):
    """How a run ended, and with what; None for what is not known."""

    state: str
    test_accuracy: float | None = None
    validation_accuracy: float | None = None
    epochs: int | None = None
    parameters: int | None = None
    seconds: float | None = None


def run_paths(runs_dir: Path) -> list[Path]:
    """The folder of every run below `runs_dir`, oldest first; also of those that this user may not read.

    Raises  FileSystemError when the folder itself cannot be read.
    """
    try:
        with os.scandir(runs_dir) as entries:
            names = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(TEMPORARY_PREFIX)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FileSystemError(f"cannot read {runs_dir}: {error.strerror}. Check the path (--runs_dir)") from error
    begun: dict[str, float] = {}
    for name in names:
        folder = f"{runs_dir}/{name}"
        try:
            begun[name] = os.lstat(f"{folder}/config.yaml").st_mtime
        except OSError:
            if _may_be_run(RunFolder(Path(folder))):
                begun[name] = os.lstat(folder).st_mtime
    return [Path(runs_dir) / name for name in sorted(begun, key=begun.__getitem__)]


def _may_be_run(run: RunFolder) -> bool:
    """Whether it has one of a run's other files, or keeps its content to itself."""
    files = (run.facts_file, run.history_file, run.metrics_file, run.model_file)
    return any(map(os.path.lexists, files)) or not os.access(run.path, os.R_OK | os.X_OK)


def run_path(word: str | os.PathLike[str]) -> Path:
    """The folder that `word` means: itself where there is one, @last, a number in the table of runs, or how one begins.

    The last three are those of runs/, or of the folder in front: sweeps/first/runs/@last. A word that means none comes
    back as it is, for whoever opens it to say so; what another one means is logged.

    Raises  UsageError for a number that no run has, and for the beginning of several.
    """
    path = path_of(word, "run")
    if os.path.lexists(path):
        return path
    home = path.parent if path.parent.name else Path(RUNS_DIR)
    paths = run_paths(home) if home.is_dir() else []
    if numbered := NUMBER.fullmatch(path.name):
        place = int(numbered[1] or len(paths))
        if not 1 <= place <= len(paths):
            known = f"it has {len(paths)}" if paths else "it has none"
            raise UsageError(f"there is no run {path.name} in {home}: {known}. `handgrad runs` numbers them")
        found = [paths[place - 1]]
    else:
        found = [each for each in paths if path.name and each.name.startswith(path.name)]
    if len(found) > 1:
        several = ", ".join(each.name for each in found[:FEW]) + (" …" if found[FEW:] else "")
        raise UsageError(f"{word} is the beginning of {len(found)} runs in {home}: {several}. Give more of the name")
    if found:
        log.info("%s: %s", word, found[0])
    return found[0] if found else path


def is_hand_in(path: Path) -> bool:
    """Whether it is the folder of a hand-in, or one of its two files."""
    return (path / YAML).is_file() or (path.name in (YAML, WORDS) and (path.parent / YAML).is_file())


def differing_settings(facts: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of the settings that runs began with, by their facts, those that are not the same for all that have them.

    A setting that older runs lack, as it did not exist, is no difference by itself.
    """
    settings = [each.get("config", {}) for each in facts]
    names = dict.fromkeys(name for each in settings for name in each)
    kept = [name for name in names if len({repr(each[name]) for each in settings if name in each}) > 1]
    return [{name: each.get(name) for name in kept} for each in settings]
