"""The curves of a run while it goes on: its history file is read on from where the last look ended."""

import json
import math
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from handgrad.errors import HandgradError
from handgrad.files import open_file
from handgrad.run_folder import RunFolder

POINTS = 1000  # of a curve, at most twice as many: more than a screen shows
KEPT = 40  # runs whose curves stay in memory
CHUNK = 1 << 22
COLUMNS = (
    *("epoch", "step", "seconds", "train_loss", "validation_loss", "train_accuracy", "validation_accuracy"),
    *("test_loss", "test_accuracy", "learning_rate"),
)
SECONDS = COLUMNS.index("seconds")


class Curves:
    """What a history file holds, thinned: rows of epochs, the mean losses of iterations, norms of gradients."""

    def __init__(self, path: Path) -> None:
        self.path, self.version = path, 0
        self._forget()

    def _forget(self) -> None:
        self._inode, self._offset, self._torn = 0, 0, False
        self._stride, self._seconds = 1, 0.0
        self.rows: list[list[float | None]] = []
        self.last: list[float | None] = []
        self.steps, self._each, self._open = 0, 1, list[float]()
        self.losses: list[float] = []
        self.norms: list[tuple[int, float]] = []

    def read(self) -> None:
        """Read what was written since; all of it where the file is another one by now, as after a resume."""
        try:
            with open_file(self.path) as file:
                found = os.fstat(file.fileno())
                if found.st_ino != self._inode or found.st_size < self._offset:
                    self._forget()
                    self._inode = found.st_ino
                    self.version += 1
                if found.st_size == self._offset or self._torn:
                    return
                file.seek(self._offset)
                left = b""
                while chunk := file.read(CHUNK):
                    *lines, left = (left + chunk).split(b"\n")
                    for line in lines:
                        self._take(line)
                        self._offset += len(line) + 1
                self.version += 1
        except (HandgradError, OSError):
            return

    def _take(self, line: bytes) -> None:
        """One line; what follows a line that is none is not believed, as when the run is resumed."""
        if not line or line.startswith(b'{"statistics"') or self._torn:
            return
        try:
            record = json.loads(line)
            if "epoch" in record:
                self._take_epoch(record["epoch"])
            elif "losses" in record:
                self._take_losses(record["losses"])
                self.norms += [(int(step), float(norm)) for step, norm in record["norms"].items()]
                self.norms = self.norms[::2] if len(self.norms) > 2 * POINTS else self.norms
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._torn = True

    def _take_epoch(self, epoch: dict[str, Any]) -> None:
        self._seconds += float(epoch["seconds"])
        self.last = [plain_number(epoch.get(name)) for name in COLUMNS]
        self.last[SECONDS] = round(self._seconds, 3)
        if (int(epoch["epoch"]) - 1) % self._stride == 0:
            self.rows.append(self.last)
        if len(self.rows) > 2 * POINTS:
            self.rows, self._stride = self.rows[::2], 2 * self._stride

    def _take_losses(self, losses: list[float | None]) -> None:
        """Means of as many iterations each, which double whenever there are too many means."""
        self.steps += len(losses)
        self._open += [math.nan if loss is None else float(loss) for loss in losses]
        whole = len(self._open) // self._each * self._each
        for start in range(0, whole, self._each):
            self.losses.append(sum(self._open[start : start + self._each]) / self._each)
        self._open = self._open[whole:]
        while len(self.losses) > 2 * POINTS:
            pairs = zip(self.losses[::2], self.losses[1::2], strict=False)
            rest = self.losses[len(self.losses) // 2 * 2 :]
            self._open = [mean for mean in rest for _ in range(self._each)] + self._open
            self.losses, self._each = [(one + other) / 2 for one, other in pairs], 2 * self._each

    def payload(self) -> dict[str, Any]:
        """As JSON: a column for each of COLUMNS; a loss each so many iterations; norms with their iterations."""
        rows = self.rows if self.rows[-1:] == [self.last] or not self.last else [*self.rows, self.last]
        columns = {name: [row[place] for row in rows] for place, name in enumerate(COLUMNS)}
        kept = {name: values for name, values in columns.items() if any(value is not None for value in values)}
        return {
            "epochs": kept,
            "losses": [plain_number(loss) for loss in self.losses],
            "each": self._each,
            "norms": [[step for step, _ in self.norms], [plain_number(norm) for _, norm in self.norms]],
            "torn": self._torn,
        }


def plain_number(value: Any) -> float | None:
    """With five digits, as many as a screen shows; None for what JSON does not know."""
    if value is None or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.5g}")


class CurveStore:
    """The curves of the runs that somebody looks at; those that nobody has looked at for longest are forgotten."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, Curves] = OrderedDict()
        self._mutex = threading.Lock()

    def newer(self, run: RunFolder, seen: int) -> tuple[int, dict[str, Any] | None]:
        """The version of a run's curves by now, and the curves unless that was `seen`."""
        with self._mutex:
            curves = self._kept.setdefault(run.path, Curves(run.history_file))
            self._kept.move_to_end(run.path)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            curves.read()
            return curves.version, curves.payload() if curves.version != seen else None
