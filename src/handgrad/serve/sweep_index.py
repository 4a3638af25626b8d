"""The sweeps as the page has them: a row from each one's files, and the trials of those that somebody looks at."""

import json
import os
import shlex
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from handgrad.errors import HandgradError
from handgrad.files import TEMPORARY_PREFIX, is_locked
from handgrad.run_folder import DAMAGED, UNFINISHED, RunFolder
from handgrad.serve.run_index import (
    RUNNING,
    SOONEST,
    THOROUGH,
    FolderIndex,
    Holders,
    identifier,
    lock_holder,
    stamp,
)
from handgrad.sweeps.database import (
    Database,
    file_of,
    is_driven,
    is_file,
    open_readonly,
    read_records,
    without_password,
)
from handgrad.sweeps.settings import (
    BASE_FILE,
    STUDY_FILE,
    SUMMARY_FILE,
    SWEEP_FILE,
    Settings,
    Stored,
    read_sweep_files,
    study_of,
)

FINISHED, UNKNOWN = "finished", "not known"
ENDED = ("finished", "stopped", "failed")  # states of trials to which nothing more happens
SERVER_SECONDS = 5.0  # between two looks at a database on a server
LEISURE, LONGEST_REST = 50, 2.0  # until the next look at trials: so many times as long as one took, and at most
MISSING = f"its {STUDY_FILE} is missing: `handgrad sweep resume` finds the trials again from their folders"
PLAIN = ("number", "run", "state", "objective", "seconds", "began", "why", "seed", "replicate", "values")
Row = dict[str, Any]


def usual_sweeps_dir(runs_dir: Path) -> Path:
    """sweeps/ beside the runs; where these are a sweep's own, the folder that this sweep lies in."""
    beside = Path(os.path.normpath(runs_dir / os.pardir))
    return Path(os.path.normpath(beside / os.pardir)) if (beside / SUMMARY_FILE).exists() else beside / "sweeps"


class Trials:
    """The trials of a sweep as rows of its table: of what is kept, only what is new and what had not ended is read."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self.runs_dir = path / "runs"
        self.url, self.study = study_of(path, settings)
        self.file = file_of(self.url) if is_file(self.url) else None
        self.version = 0
        self.drivers: dict[int, str] = {}  # of the trials that have not ended
        self.driven: bool | None = None  # of a database on a server, which alone says so
        self.damage = ""
        self._seen: Any = None
        self._next = 0.0
        self._mutex = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self.rows: dict[int, tuple[int, Row]] = {}  # with the version in which each was new
        self._began = self.version  # what was sent before is of another database

    def read(self) -> None:
        """Read what has changed, if anything has; what is wrong is said in `damage`, and what is known stays."""
        with self._mutex:
            now = time.monotonic()
            seen = (stamp(self.file), stamp(Path(f"{self.file}-wal"))) if self.file else now
            if now < self._next or seen == self._seen:
                return
            before = time.thread_time()
            self._read(seen)
            rest = min(LONGEST_REST, LEISURE * (time.thread_time() - before))
            self._next = time.monotonic() + max(SOONEST if self.file else SERVER_SECONDS, rest)

    def _read(self, seen: Any) -> None:
        before, self._seen = self._seen, seen
        if self.file and before and (seen[0] or [0])[-1] != (before[0] or [0])[-1]:  # another file, or none
            self.version += 1
            self._forget()
        try:
            with open_readonly(self.url) as database:
                found = self._rows(database) if database else {}
            self.damage = "" if database or not self.runs_dir.is_dir() or not any(self.runs_dir.iterdir()) else MISSING
            if not self.file:
                self.driven = bool(self.drivers) and is_driven(self.url, set(self.drivers.values()))
        except (HandgradError, OSError, ValueError, KeyError, TypeError) as error:
            found, self.damage = {}, str(error)
        new = {number: row for number, row in found.items() if self.rows.get(number, (0, None))[1] != row}
        self.version += bool(new)
        self.rows |= {number: (self.version, row) for number, row in new.items()}

    def _rows(self, database: Database) -> dict[int, Row]:
        found = {}
        for number, trial in read_records(database, self.study, max(self.rows, default=-1), [*self.drivers]):
            self.drivers.pop(number, None)
            if trial["state"] not in ENDED:
                self.drivers[number] = trial["driver"]
            found[number] = self._row(trial)
        return found

    def _row(self, trial: Row) -> Row:
        found = {name: trial[name] for name in PLAIN}
        found |= {"id": identifier(self.runs_dir / trial["run"]), "epochs": len(trial["epochs"])}
        found["rung"] = trial["stop"][0] if trial["stop"] else None
        return dict(json.loads(json.dumps(found), parse_constant=str))  # JSON of a browser has no NaN

    def newer(self, seen: int) -> Row:
        """The rows that are newer than version `seen`; `whole` where what was sent before is to be forgotten."""
        whole = seen <= self._began
        rows = [row for version, row in self.rows.values() if whole or version > seen]
        return {"version": self.version, "whole": whole, "rows": rows, "damage": self.damage}

    def record(self, number: int) -> Row:
        """All that is kept of one.  Raises  HandgradError when it cannot be read, KeyError when there is none."""
        with open_readonly(self.url) as database:
            return dict(read_records(database, self.study, sys.maxsize, [number]) if database else ())[number]

    def folder(self, record: Row) -> RunFolder | None:
        """The run of a trial, whose name is no path."""
        run = record["run"]
        plain = isinstance(run, str) and run == os.path.basename(run) and run not in ("", os.curdir, os.pardir)
        return RunFolder(self.runs_dir / run) if plain else None


class SweepEntry:
    """One sweep: its folder, what its row says, and its trials once somebody has looked at them."""

    def __init__(self, path: Path) -> None:
        self.path, self.id = path, identifier(path)
        self.signature: tuple[Any, ...] = ()
        self.stored: Stored | None = None
        self.trials: Trials | None = None
        self.row: Row = {"id": self.id, "name": path.name, "path": str(path), "state": UNKNOWN}
        self.version = 0
        self.resume_words: list[str] = []  # of a sweep that handgrad resumes itself

    @property
    def lock(self) -> Path | None:
        """The file that its driver has locked; None where the trials are kept on a server, or nobody knows where."""
        url = study_of(self.path, self.stored.settings)[0] if self.stored else ""
        return Path(f"{file_of(url)}.lock") if is_file(url) else None

    def look(self, holders: Holders) -> bool:
        """Read its files if they have changed; whether its row has."""
        files = [self.path / name for name in (SUMMARY_FILE, SWEEP_FILE, BASE_FILE, "report.html")]
        signature = (*map(stamp, files), self._driven(holders))
        if signature == self.signature:
            return False
        if self.signature and signature[1:3] != self.signature[1:3]:
            self.trials = None
        self.signature, before = signature, self.row
        try:
            self.stored = read_sweep_files(self.path)
            self.row = self._row(self.stored, self._driven(holders))
        except (HandgradError, KeyError, TypeError, AttributeError, ValueError) as error:
            what = str(error) if isinstance(error, HandgradError) else f"{self.path} is damaged: {error!r}"
            self.stored = None
            self.row = {"id": self.id, "name": self.path.name, "path": str(self.path), "state": DAMAGED, "damage": what}
        return self.row != before

    def _driven(self, holders: Holders) -> bool | None:
        """Whether a process drives it; None where that is not known."""
        lock = self.lock
        if lock is None:
            return self.trials.driven if self.trials else None
        return is_locked(lock) if holders is None else lock_holder(lock, holders) is not None

    def _row(self, stored: Stored, driven: bool | None) -> Row:
        summary, definition, program = stored.summary, stored.definition, stored.definition.get("program")
        states, wanted, best = summary["states"], summary["wanted"], summary["best"]
        ended = sum(states.get(state, 0) for state in ENDED)
        idle = FINISHED if wanted is not None and ended >= wanted else UNKNOWN if driven is None else UNFINISHED
        function = definition["handgrad"].get("function") if program else None
        stopping = definition.get("early_terminate")
        parameters = {
            name: {"values": each.get("values"), "log": "log" in each["distribution"]}
            for name, each in definition["parameters"].items()
        }
        began, url = stamp(self.path / BASE_FILE), stored.settings.storage
        return {
            "id": self.id,
            "name": self.path.name,
            "path": str(self.path),
            "state": RUNNING if driven else idle,
            "method": stored.settings.method,
            "metric": {name: definition["metric"].get(name) for name in ("name", "goal", "target")},
            "program": program,
            "wanted": wanted,
            "ended": ended,
            "states": states,
            "best": {name: best[name] for name in ("number", "objective")} if best else None,
            "began": began[0] // 10**9 if began else None,
            "parameters": parameters,
            "early": stopping and {name: value for name, value in stopping.items() if value is not None},
            "resume": shlex.join(function or ["handgrad", "sweep", "resume", str(self.path)]),
            "function": bool(function),
            "storage": without_password(url) if url else None,
            "report": os.path.lexists(self.path / "report.html"),
        }


class SweepIndex(FolderIndex):
    """All sweeps in a folder."""

    entries: dict[str, SweepEntry]
    entry_type = SweepEntry

    def __init__(self, sweeps_dir: Path) -> None:
        super().__init__(sweeps_dir)
        self._runs: dict[str, Path] = {}
        self._looked_for_runs = -THOROUGH

    def _grows(self, entry: SweepEntry) -> bool:
        return bool(entry.row["state"] == RUNNING)

    def _look(self, entry: SweepEntry, holders: Holders) -> None:
        if entry.look(holders):
            self.version += 1
            entry.version = self.version

    def _paths(self) -> Iterable[Path]:
        begun = {}
        try:
            with os.scandir(self.folder) as found:
                for each in found:
                    known = stamp(Path(each.path) / SUMMARY_FILE)
                    if known and not each.name.startswith(TEMPORARY_PREFIX):
                        first = stamp(Path(each.path) / BASE_FILE) or known
                        begun[self.folder / each.name] = first[0]
        except OSError:  # there may be none yet, or none any more
            pass
        return sorted(begun, key=begun.__getitem__)

    def trials(self, name: object) -> Trials | None:
        """The trials of the sweep of this identifier, as they are by now."""
        entry: SweepEntry | None = self.find(name)
        if entry is None or entry.stored is None:
            return None
        entry.trials = entry.trials or Trials(entry.path, entry.stored.settings)
        entry.trials.read()
        return entry.trials

    def find_run(self, name: object) -> RunFolder | None:
        """The run of a trial that a request calls by its identifier."""
        if not isinstance(name, str) or len(name) != len(identifier(Path())):
            return None
        if name not in self._runs and time.monotonic() - self._looked_for_runs > SOONEST:
            self._looked_for_runs = time.monotonic()
            for entry in list(self.entries.values()):
                with suppress(OSError), os.scandir(entry.path / "runs") as found:
                    self._runs |= {identifier(path): path for path in map(Path, found)}
        return RunFolder(self._runs[name]) if name in self._runs else None

    def table(self, since: int = -1) -> Row:
        """Every row, or those that changed after version `since`."""
        with self._mutex:
            entries = list(self.entries.values())
            rows = [entry.row for entry in entries if entry.version > since]
            return {"version": self.version, "ids": [entry.id for entry in entries], "rows": rows}
