"""A trial as plain data, and the trials of a sweep in its storage: begun, noted, settled, and read again."""

import dataclasses
import hashlib
import json
import math
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from handgrad.errors import CorruptDataError
from handgrad.sweeps.database import REMEDY, TABLE, Database
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.pruner import Stop

RUNNING, FINISHED, STOPPED, FAILED, LOST = "running", "finished", "stopped", "failed", "lost"
SETTLED = (FINISHED, STOPPED, FAILED)
RATED = (FINISHED, STOPPED)


@dataclass(frozen=True)
class Trial:
    """A configuration of a sweep, run with one seed.

    `values` are those of the sweep's varying parameters; `objective` is the metric of the network that the run keeps;
    `epochs` the metric after each epoch, by its number from 1. `state` is running, finished, stopped (early), failed
    (diverged, or refused) or lost (its process died too often; a resumed sweep tries again). `why` tells what ended it.
    `replicate` counts the runs of one configuration from 0; `seconds` are those of training; `began` is in seconds
    since 1970. `driver` is the process that looks after it, `deaths` how many of its own ended without progress.
    """

    number: int
    values: dict[str, Any]
    run: str
    seed: int
    replicate: int = 0
    state: str = RUNNING
    objective: float | None = None
    epochs: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    began: float = 0.0
    why: str = ""
    stop: Stop | None = None
    driver: str = ""
    deaths: int = 0

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in SETTLED

    @property
    def rated(self) -> bool:
        """Whether it has an objective to compare with others."""
        return self.state in RATED and self.objective is not None


class TrialStore:
    """The trials of the study called `name`: a row for each, with all that is known of it as JSON, and its digest."""

    def __init__(self, database: Database, name: str, definition: SweepDefinition) -> None:
        self.database, self.study, self.definition = database, name, definition
        self.states: Counter[str] = Counter()
        self.best: Trial | None = None  # of those known, the first of equal ones
        self._trials: dict[int, Trial] = {}
        self._open: set[int] = set()  # what may yet change; the others are not looked at again, however many there are
        self._read = -1  # the last number that was there when all were read

    def trials(self) -> list[Trial]:
        """All of them as they are now, by number.

        Raises  CorruptDataError where a row is not as it was written.
        """
        waiting = "-1" + ", ?" * len(self._open)
        rows = self.database.read(
            f"SELECT number, record, digest FROM {TABLE} WHERE study = ? AND (number > ? OR number IN ({waiting}))",
            *(self.study, self._read, *self._open),
        )
        for row in rows:
            self._remember(self._trial(*row))
        self._read = max(self._trials, default=-1)
        return [self._trials[number] for number in sorted(self._trials)]

    def open(self) -> list[Trial]:
        """Those that were not settled when all were read last, by number."""
        return [self._trials[number] for number in sorted(self._open)]

    def known(self) -> list[Trial]:
        """All of them as this process saw them last."""
        return list(self._trials.values())

    def begin(self, values: dict[str, Any], run: str, **note: Any) -> Trial:
        """A new trial, running; `note` are further fields of it."""
        return self.add(Trial(number=0, values=values, run=run, began=round(time.time(), 3), **note))

    def add(self, trial: Trial) -> Trial:
        """A trial with the next number, whatever number it has: nobody else may add one at the same time."""
        ((last,),) = self.database.read(f"SELECT MAX(number) FROM {TABLE} WHERE study = ?", self.study)
        trial = dataclasses.replace(trial, number=0 if last is None else last + 1)
        self.database.write(f"INSERT INTO {TABLE} VALUES (?, ?, ?, ?, ?)", *self._row(trial))
        self._remember(trial)
        return trial

    def note(self, trial: Trial, **changes: Any) -> Trial:
        """Write down who runs a trial, how often its process died, that it is lost, its metric by epoch.

        One that another driver has settled in the meantime stays as that one left it.
        """
        changed = dataclasses.replace(trial, **changes)
        study, number, *content = self._row(changed)
        update = (
            f"UPDATE {TABLE} SET settled = ?, record = ?, digest = ? WHERE study = ? AND number = ? AND settled = 0"
        )
        if self.database.write(update, *content, study, number):
            self._remember(changed)
        return changed

    def settle(self, trial: Trial) -> None:
        """Write down how a trial ended.

        Raises  ValueError when the trial is not settled, or rated with an objective that is not finite.
        """
        rated = trial.objective is not None and math.isfinite(trial.objective)
        if trial.state not in SETTLED or (trial.state != FAILED and not rated):
            raise ValueError(f"trial {trial.number} is {trial.state} with objective {trial.objective}")
        self.note(trial)

    def _remember(self, trial: Trial) -> None:
        before = self._trials.get(trial.number)
        if before:
            self.states[before.state] -= 1
        self.states[trial.state] += 1
        self._trials[trial.number] = trial
        (self._open.discard if trial.settled else self._open.add)(trial.number)
        if trial.rated and (self.best is None or self._rank(trial) < self._rank(self.best)):
            self.best = trial

    def _rank(self, trial: Trial) -> tuple[float, int]:
        return self.definition.metric.objective(trial.objective or 0.0), trial.number

    def _row(self, trial: Trial) -> tuple[str, int, int, str, str]:
        record = json.dumps(dataclasses.asdict(trial))
        return self.study, trial.number, int(trial.settled), record, self._digest(trial.number, record)

    def _digest(self, number: int, record: str) -> str:
        return hashlib.sha256(f"{self.study}/{number}/{record}".encode()).hexdigest()[:16]

    def _trial(self, number: int, record: str, digest: str) -> Trial:
        if digest != self._digest(number, record):
            raise CorruptDataError(f"{self.database.name} is damaged: trial {number} is not as written. {REMEDY}")
        fields = json.loads(record)
        values = self.definition.canonical(fields["values"])
        epochs = {int(epoch): value for epoch, value in fields["epochs"].items()}
        stop = Stop(*fields["stop"]) if fields["stop"] else None
        return Trial(**fields | {"values": values, "epochs": epochs, "stop": stop})
