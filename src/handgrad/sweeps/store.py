"""A trial as plain data, and the store, the one owner of the state of a sweep's trials, in memory and in a database."""

import dataclasses
import json
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from handgrad.sweeps.database import TABLE, Database, read_records, record_digest
from handgrad.sweeps.definition import Stop, SweepDefinition

RUNNING, FINISHED, STOPPED, FAILED, LOST = "running", "finished", "stopped", "failed", "lost"
ENDED = (FINISHED, STOPPED, FAILED)
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
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED

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
        self.runs: set[str] = set()  # the names of their runs
        self._trials: dict[int, Trial] = {}
        self._open: set[int] = set()  # what may yet change; the others are not looked at again, however many there are
        self._read = -1  # the last number that was there when all were read
        self._configurations: dict[str, list[int]] = {}
        self._grouped = 0  # the first number that is not among those

    def trials(self) -> list[Trial]:
        """All of them as they are now, by number.

        Raises  CorruptDataError where a row is not as it was written.
        """
        for number, fields in read_records(self.database, self.study, self._read, self._open):
            trial = self._trial(fields)
            known = self._trials.get(number, trial)
            ahead = (
                known.driver == trial.driver and known.state == trial.state and len(known.epochs) > len(trial.epochs)
            )
            if not ahead:  # the epochs of this driver's trials are written at rungs only
                self._remember(trial)
        self._read = max(self._trials, default=-1)
        return [self._trials[number] for number in sorted(self._trials)]

    def __getitem__(self, number: int) -> Trial:
        """A trial as this process saw it last."""
        return self._trials[number]

    def open(self) -> list[Trial]:
        """Those that had not ended when all were read last, by number."""
        return [self._trials[number] for number in sorted(self._open)]

    def known(self) -> list[Trial]:
        """All of them as this process saw them last."""
        return list(self._trials.values())

    def configurations(self) -> dict[str, list[int]]:
        """The numbers of the trials of each configuration, by its key, the first one that was begun first."""
        while trial := self._trials.get(self._grouped):
            self._configurations.setdefault(self.definition.key(trial.values), []).append(trial.number)
            self._grouped += 1
        return self._configurations

    def add(self, trial: Trial) -> Trial:
        """A trial with the next number, whatever number it has: nobody else may add one at the same time."""
        ((last,),) = self.database.read(f"SELECT MAX(number) FROM {TABLE} WHERE study = ?", self.study)
        trial = dataclasses.replace(trial, number=0 if last is None else last + 1)
        self.database.write(f"INSERT INTO {TABLE} VALUES (?, ?, ?, ?, ?)", *self._row(trial))
        self._remember(trial)
        return trial

    def add_epoch(self, number: int, epoch: int, value: float) -> None:
        """Remember a trial's metric after an epoch, which is progress; it is written by the next `note`."""
        trial = self._trials[number]
        if epoch not in trial.epochs:
            self._remember(dataclasses.replace(trial, epochs={**trial.epochs, epoch: value}, deaths=0))

    def note(self, trial: Trial, **changes: Any) -> Trial:
        """Write who runs a trial, how often its process died, that it is lost, its metric by epoch.

        One that ended under another driver in the meantime stays as that one left it.
        """
        changed = dataclasses.replace(trial, **changes)
        study, number, *content = self._row(changed)
        update = (
            f"UPDATE {TABLE} SET settled = ?, record = ?, digest = ? WHERE study = ? AND number = ? AND settled = 0"
        )
        if self.database.write(update, *content, study, number):
            self._remember(changed)
        return changed

    def finish(self, number: int, state: str, **outcome: Any) -> Trial:
        """Write how a trial ended.

        Raises  ValueError where that is not one of ENDED, or is without a finite objective though it did not fail.
        """
        objective = outcome.get("objective")
        rated = objective is not None and math.isfinite(objective)
        if state not in ENDED or (state != FAILED and not rated):
            raise ValueError(f"trial {number} is {state} with objective {objective}")
        return self.note(self._trials[number], state=state, **outcome)

    def _remember(self, trial: Trial) -> None:
        before = self._trials.get(trial.number)
        if before:
            self.states[before.state] -= 1
        self.states[trial.state] += 1
        self._trials[trial.number] = trial
        self.runs.add(trial.run)
        (self._open.discard if trial.ended else self._open.add)(trial.number)
        if trial.rated:
            objective = self.definition.metric.objective
            among = [each for each in (self.best, trial) if each]
            self.best = min(among, key=lambda each: (objective(each.objective or 0.0), each.number))

    def _row(self, trial: Trial) -> tuple[str, int, int, str, str]:
        record = json.dumps(dataclasses.asdict(trial))
        return self.study, trial.number, int(trial.ended), record, record_digest(self.study, trial.number, record)

    def _trial(self, fields: dict[str, Any]) -> Trial:
        values = self.definition.canonical(fields["values"])
        epochs = {int(epoch): value for epoch, value in fields["epochs"].items()}
        stop = Stop(*fields["stop"]) if fields["stop"] else None
        return Trial(**fields | {"values": values, "epochs": epochs, "stop": stop})
