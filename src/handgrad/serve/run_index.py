"""The table of runs as the page has it: read from run folders, of which only what has changed is read again."""

import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from handgrad.errors import HandgradError
from handgrad.files import LOCK, is_locked, open_file
from handgrad.run_folder import (
    DAMAGED,
    UNFINISHED,
    WITHOUT_INFLUENCE,
    Result,
    RunFolder,
    differing_settings,
    run_paths,
)

RUNNING, OVER = "running", ("finished", "patience", "diverged", DAMAGED)
SOONEST, THOROUGH = 0.3, 5.0  # seconds between two looks: at what grows, and at everything
WHOLE_BYTES = 1 << 18  # a larger metrics.json is read without its epochs, which the table does not show
PART_BYTES = 1 << 15
Holders = dict[tuple[int, int, int], int] | None
LAST_EPOCH = re.compile(rb'"epoch": ?(\d+)')


class Entry:
    """One run: its folder, what the table says of it, and by which files."""

    def __init__(self, path: Path) -> None:
        self.run, self.id = RunFolder(path), identifier(path)
        self.signature: tuple[Any, ...] = ()
        self.row: dict[str, Any] = {"state": UNFINISHED}
        self.facts: dict[str, Any] = {}
        self.version = 0


def identifier(path: Path) -> str:
    """What a request calls a folder by; it is looked up, and nothing is made of it."""
    return hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:12]


class FolderIndex:
    """What lies in a folder, oldest first, by its identifiers; safe to use from several threads.

    What grows is looked at some times a second, the rest less often. A subclass has the type of the entries, which are
    made of a path.
    """

    entry_type: Callable[[Path], Any]

    def __init__(self, folder: Path) -> None:
        self.folder, self.version = folder, 0
        self.entries: dict[str, Any] = {}
        self._mutex = threading.Lock()
        self._looked = self._looked_thoroughly = -THOROUGH
        self._stamp: Any = None

    def refresh(self, selected: str = "") -> None:
        """Read what has changed, unless somebody has just done so; the `selected` entry as often as what grows."""
        with self._mutex:
            now = time.monotonic()
            if now - self._looked < SOONEST:
                return
            self._looked = now
            found = stamp(self.folder)
            thorough = found != self._stamp or now - self._looked_thoroughly >= THOROUGH
            if thorough:
                self._stamp, self._looked_thoroughly = found, now
                self._list()
            holders = lock_holders()
            for entry in self.entries.values():
                if thorough or entry.id == selected or self._grows(entry):
                    self._look(entry, holders)

    def _list(self) -> None:
        """Bring `entries` up to date with what lies in the folder."""
        known = {identifier(path): path for path in self._paths()}
        self.version += known.keys() != self.entries.keys()
        self.entries = {name: self.entries.get(name) or self.entry_type(path) for name, path in known.items()}

    def _paths(self) -> Iterable[Path]:
        """What lies in the folder; nothing where it is not there, or not any more."""
        raise NotImplementedError

    def _grows(self, entry: Any) -> bool:
        return False

    def _look(self, entry: Any, holders: Holders) -> None:
        """Read an entry anew if its files have changed."""
        raise NotImplementedError

    def find(self, name: object) -> Any:
        """The entry that a request calls by its identifier, if there is one."""
        return self.entries.get(name) if isinstance(name, str) else None


class RunIndex(FolderIndex):
    """All runs below a folder."""

    entries: dict[str, Entry]
    entry_type = Entry

    def __init__(self, runs_dir: Path) -> None:
        super().__init__(runs_dir)
        self._settings: list[dict[str, Any]] | None = None  # of each entry, those that are not the same for all

    def _list(self) -> None:
        before = self.version
        super()._list()
        self._settings = self._settings if self.version == before else None

    def _paths(self) -> Iterable[Path]:
        try:
            return run_paths(self.folder)
        except (HandgradError, OSError):  # the folder may be gone, or a run of it, while it is being read
            return [entry.run.path for entry in self.entries.values() if entry.run.path.is_dir()]

    def _grows(self, entry: Entry) -> bool:
        return entry.row["state"] not in OVER

    def _look(self, entry: Entry, holders: Holders) -> None:
        run = entry.run
        files = (run.config_file, run.facts_file, run.metrics_file, run.history_file)
        running = is_running(run.path, holders)
        signature = (*map(stamp, files), running)
        if signature == entry.signature:
            return
        if signature[1] != (entry.signature or (None, None))[1]:
            entry.facts, self._settings = _facts(run), None
        entry.signature = signature
        row = _row(entry, running)
        if row != entry.row:
            self.version += 1
            entry.row, entry.version = row, self.version

    def find(self, name: object) -> RunFolder | None:
        """The run that a request calls by its identifier."""
        entry = super().find(name)
        return entry.run if entry else None

    def table(self, since: int = -1) -> dict[str, Any]:
        """Every row, or those that changed after version `since`; all where other settings than before differ."""
        with self._mutex:
            entries = list(self.entries.values())
            if self._settings is None:
                self._settings = differing_settings([entry.facts for entry in entries])
                self.version += 1
                for entry in entries:
                    entry.version = self.version
            rows = [
                {**entry.row, "settings": own}
                for entry, own in zip(entries, self._settings, strict=True)
                if entry.version > since
            ]
            return {"version": self.version, "ids": [entry.id for entry in entries], "rows": rows}


def stamp(path: Path) -> tuple[int, int, int] | None:
    """What differs once a file was written anew, its inode last; None without a file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _facts(run: RunFolder) -> dict[str, Any]:
    try:
        facts = run.facts
        return facts if isinstance(facts.get("config", {}), dict) else {}
    except HandgradError:  # the row says that it is damaged, or the run's page does
        return {}


def _row(entry: Entry, running: bool) -> dict[str, Any]:
    run, result = entry.run, brief_result(entry.run)
    state = RUNNING if running else result.state  # one that is resumed has the result of its first part
    epochs = result.epochs if result.epochs is not None else last_epoch(run.history_file)
    config = entry.facts.get("config", {})
    began = stamp(run.config_file)
    return {
        "id": entry.id,
        "name": run.name,
        "path": str(run.path),
        "state": state,
        "test": result.test_accuracy,
        "validation": result.validation_accuracy,
        "epochs": epochs,
        "of": config.get("epochs"),
        "parameters": result.parameters,
        "seconds": result.seconds,
        "began": began[0] // 10**9 if began else None,
        "seed": config.get("seed"),
        "group": group_of(entry.facts) if config else entry.id,
    }


def group_of(facts: dict[str, Any]) -> str:
    """One for all runs whose settings differ in the seed alone, and that have the same images and first weights."""
    free = WITHOUT_INFLUENCE | {"seed"}
    settings = {name: value for name, value in facts["config"].items() if name not in free}
    text = json.dumps([settings, facts.get("data"), facts.get("start")], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def brief_result(run: RunFolder) -> Result:
    """What `RunFolder.result` says; of a large metrics.json, from what stands in front of its epochs and behind."""
    try:
        size = os.stat(run.metrics_file).st_size
    except OSError:
        return run.result
    if size <= WHOLE_BYTES:
        return run.result
    try:
        with open_file(run.metrics_file) as file:
            head = file.read(PART_BYTES)
            file.seek(size - PART_BYTES)
            tail = file.read(PART_BYTES)
        front, behind = head.index(b'"epochs": ['), tail.index(b"\n  ],\n")
        epochs = int(LAST_EPOCH.findall(tail[:behind])[-1])
        metrics = json.loads(head[:front] + b'"epochs": [' + tail[behind:])
        test, validation = (metrics[part]["accuracy"] for part in ("test", "validation"))
        rest = epochs, metrics.get("parameters"), float(metrics["seconds"])
        return Result(str(metrics["stopped"]), test, validation, *rest)
    except (HandgradError, OSError, ValueError, KeyError, IndexError, TypeError):
        return Result(DAMAGED)


def last_epoch(path: Path) -> int | None:
    """The number of the last epoch in a history file, by its end."""
    try:
        with open_file(path) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - PART_BYTES))
            found = LAST_EPOCH.findall(file.read(PART_BYTES))
    except (HandgradError, OSError):
        return None
    return int(found[-1]) if found else None


def lock_holders() -> Holders:
    """The process that holds each file lock, by the file's device and inode; None where the system does not say.

    A lock that was tried, however shortly, could make a training believe that another one is at its run.
    """
    try:
        text = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return None
    found = {}
    for line in text.splitlines():
        words = line.split()
        if "FLOCK" in words and len(words) >= 6 and words[-3].count(":") == 2:
            major, minor, inode = words[-3].split(":")
            found[int(major, 16), int(minor, 16), int(inode)] = int(words[-4])
    return found


def lock_holder(lock: Path, holders: dict[tuple[int, int, int], int]) -> int | None:
    """The process that has locked a file."""
    try:
        found = os.stat(lock)
    except OSError:
        return None
    return holders.get((os.major(found.st_dev), os.minor(found.st_dev), found.st_ino))


def is_running(path: Path, holders: Holders) -> bool:
    """Whether a process writes to a run."""
    return is_locked(path / LOCK) if holders is None else lock_holder(path / LOCK, holders) is not None
