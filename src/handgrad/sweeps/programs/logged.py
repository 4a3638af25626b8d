"""What a program logs, whatever it logs with: rows of numbers by name, read while they are being written.

The stand-in for wandb and --metric_file write lines of JSON, W&B's own offline mode a log of protocol buffers, trackio
an SQLite file; --metric_regex reads the output.
"""

import json
import re
import sqlite3
import struct
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from handgrad.config.metrics import metric_name
from handgrad.sweeps.programs.program import IN_TRIAL, Program
from handgrad.sweeps.settings import OUTPUT

Row = dict[str, Any]
LOG, SUMMARY, ABOUT, TRACKIO = "log.jsonl", "summary.json", "run.json", "trackio"
BLOCK, HEADER = 32768, 7  # of a log in LevelDB's format, whose file begins with as many bytes as a record's header has
HISTORY, RECORD_SUMMARY, RUN, RUN_NAME, VALUE = 2, 3, 17, 8, 16  # numbers of fields in W&B's records
ANY_ACCURACY = "any validation accuracy"  # the metric of a sweep that names none
LARGEST = 1 << 24  # bytes of a file that are read at once


class Tail:
    """The whole lines that a file gets, from its byte `at` on."""

    def __init__(self, path: Path, at: int = 0) -> None:
        self.path, self.at = path, at

    def lines(self, last: bool = False) -> list[str]:
        """Those since the last call; with `last`, also one that has no end yet."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self.at)
                new = file.read(LARGEST)
        except OSError:
            return []
        whole = len(new) if last else new.rfind(b"\n") + 1
        self.at += whole
        return new[:whole].decode(errors="replace").splitlines()


def json_rows(lines: list[str]) -> Iterator[Row]:
    """The rows of those lines that hold one."""
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            yield flat(row)


def flat(row: Mapping[str, Any], before: str = "") -> Row:
    """Names of nested values with dots between them, as W&B has them."""
    found: Row = {}
    for name, value in row.items():
        found |= flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {f"{before}{name}": value}
    return found


class Logged:
    """The rows that a trial has logged, the values of its metric, and the names of all that it logged."""

    def __init__(self, folder: Path, program: Program, metric: str) -> None:
        self.metric, self.names, self.summary = metric, dict[str, None](), Row()
        self.last: float | None = None
        self._wandb_name = ""
        self._folder = folder
        self._pattern = re.compile(program.metric_regex) if program.metric_regex else None
        self._output, self._log = Tail(folder / OUTPUT), Tail(folder / LOG)
        self._file: Tail | None = None
        if program.metric_file:
            own, shared = program.metric_file.removeprefix(IN_TRIAL), Path(program.folder) / program.metric_file
            size = shared.stat().st_size if shared.is_file() else 0
            self._file = Tail(shared, size) if program.shares_file else Tail(folder / own)
        self._wandb_at: dict[Path, int] = {}
        self._trackio_at: dict[Path, int] = {}
        self._step: Any = None

    def new_values(self, last: bool = False) -> list[float]:
        """The values of the metric since the last call; of several in one step, the first one."""
        found: list[float] = []
        for row in self._rows(last):
            self.names |= dict.fromkeys(name for name in row if not name.startswith("_"))
            value = row.get(self._name(row))
            if isinstance(value, int | float):
                self.last = float(value)
                step = row.get("_step")
                if step is None or step != self._step:
                    found.append(self.last)
                self._step = step
        return found

    def _name(self, row: Row) -> str:
        if self.metric != ANY_ACCURACY:
            return self.metric
        return next((name for name in row if metric_name(name) == "validation_accuracy"), "")

    def result(self) -> float | None:
        """The metric in the run's summary, where it has one, else its last value."""
        with suppress(OSError, ValueError, AttributeError):  # it ended before it wrote a summary, or it has none
            self.summary |= flat(json.loads((self._folder / SUMMARY).read_text(encoding="utf-8")))
        self.names |= dict.fromkeys(name for name in self.summary if not name.startswith("_"))
        for name in (self.metric, *(f"{self.metric}.{rule}" for rule in ("best", "max", "min", "mean", "last"))):
            value = self.summary.get(name)
            if isinstance(value, int | float):
                return float(value)
        return self.last

    def name(self) -> str:
        """What the program calls its run, by `wandb.init(name=...)` or `wandb.run.name = ...`; or nothing."""
        with suppress(OSError, ValueError, AttributeError):
            about = json.loads((self._folder / ABOUT).read_text(encoding="utf-8"))
            return str(about["name"]) if about.get("name") not in (None, about.get("id")) else ""
        return self._wandb_name

    def _rows(self, last: bool) -> Iterator[Row]:
        yield from json_rows(self._log.lines(last))
        if self._file:
            yield from json_rows(self._file.lines(last))
        if self._pattern:
            for line in self._output.lines(last):
                for match in self._pattern.finditer(line):
                    named = match.groupdict() or {self.metric: match[1 if match.re.groups else 0]}
                    yield {name: value for name, text in named.items() if (value := _number(text)) is not None}
        for path in self._folder.glob("wandb/*run-*/*.wandb"):
            yield from self._wandb_rows(path)
        for path in self._folder.glob(f"{TRACKIO}/*.db"):
            yield from self._trackio_rows(path)

    def _wandb_rows(self, path: Path) -> Iterator[Row]:
        content = path.read_bytes()
        for end, record in records(content, self._wandb_at.get(path, HEADER)):
            self._wandb_at[path] = end
            for field, body in fields(record):
                if field == RUN:
                    self._wandb_name = next((text.decode() for n, text in fields(body) if n == RUN_NAME), "")
                elif field in (HISTORY, RECORD_SUMMARY):
                    row = dict(_items(body))
                    if field == HISTORY:
                        yield row
                    else:
                        self.summary |= row

    def _trackio_rows(self, path: Path) -> Iterator[Row]:
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
                known = self._trackio_at.get(path, 0)
                found = database.execute("SELECT id, step, metrics FROM metrics WHERE id > ? ORDER BY id", (known,))
                rows = found.fetchall()
        except sqlite3.Error:  # it is being made, or written
            return
        for number, step, text in rows:
            self._trackio_at[path] = number
            line = text.decode() if isinstance(text, bytes) else text
            yield from ({"_step": step, **row} for row in json_rows([line]))


def _number(text: str | None) -> float | None:
    try:
        return float((text or "").rstrip("%,;"))
    except ValueError:
        return None


def records(content: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Each whole record from byte `at` on, and where it ends.

    Ref     LevelDB's log format: blocks of 32 kB, in them pieces with checksum, length and type: 1 whole, 2 first,
            3 middle, 4 last
    """
    whole = b""
    while at + HEADER <= len(content):
        left = BLOCK - at % BLOCK
        if left < HEADER:
            at += left
            continue
        _, length, part = struct.unpack_from("<IHB", content, at)
        body = content[at + HEADER : at + HEADER + length]
        if not 1 <= part <= 4 or len(body) < length:
            return
        at += HEADER + length
        whole = whole + body if part in (3, 4) else body
        if part in (1, 4):
            yield at, whole


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Number and content of each field of a protocol buffer."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        length = {1: 8, 5: 4}.get(key & 7, 0)
        if key & 7 == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if key & 7 == 2:
            length, at = _varint(message, at)
        yield key >> 3, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte, at = message[at], at + 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    return value, at


def _items(body: bytes) -> Iterator[tuple[str, Any]]:
    """Names and values of a record of W&B's history or summary, whose names may have several parts."""
    for field, item in fields(body):
        if field == 1 and isinstance(item, bytes):
            parts = [*fields(item)]
            name = ".".join(text.decode() for number, text in parts if number in (1, 2))
            for number, text in parts:
                if number == VALUE:
                    yield name, _parsed(text)


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
