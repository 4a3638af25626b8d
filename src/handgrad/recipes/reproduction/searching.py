"""The sweeps of a recipe: which folder each has, running what is missing of it, and what it has found."""

import dataclasses
import hashlib
import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from handgrad.config import RunConfig
from handgrad.diagnostics import ERROR
from handgrad.errors import FileSystemError, HandgradError, UsageError
from handgrad.files import atomic_write
from handgrad.recipes.document import Document
from handgrad.recipes.refusal import choice
from handgrad.recipes.reproduction.work import Ending, Stopping, Tell, never
from handgrad.recipes.searches import Found
from handgrad.recipes.training import sweep_base
from handgrad.runs import InterruptedRunError
from handgrad.sweeps import BUNDLED, SweepDefinition, read_sweep
from handgrad.sweeps.analysis.result import Entry
from handgrad.sweeps.diagnostics import Plan, diagnose_sweep
from handgrad.sweeps.folder import Settings, Sweep, changed, create_sweep, open_sweep
from handgrad.sweeps.posthoc.diverse import choose
from handgrad.sweeps.posthoc.test import ranking
from handgrad.sweeps.samplers import require
from handgrad.sweeps.start import run_sweep
from handgrad.sweeps.watcher import Standing, Watcher

OVER = "over.json"


class PlannedSweep(NamedTuple):
    """A sweep of a recipe in one variant; its folder's name tells its space, but not how many trials it is to have."""

    folder: Path
    label: str
    definition: SweepDefinition
    base: RunConfig
    settings: Settings

    @property
    def name(self) -> str:
        """The folder's name, and the sweep's."""
        sweep = {name: part for name, part in self.definition.to_mapping().items() if name != "notices"}
        told = [sweep, self.base.to_mapping(), self.settings.method, self.settings.seed]
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
        return f"{self.label}-{digest}"

    @property
    def sweep(self) -> Sweep:
        """The sweep, whether it is there or not."""
        return Sweep(self.folder / self.name, self.definition, self.base, self.settings)

    @property
    def wanted(self) -> int:
        """How many trials there are to be."""
        return self.sweep.wanted or 0

    @property
    def begun(self) -> int:
        """How many trials have a folder."""
        return min(self.wanted, sum(1 for _ in self.sweep.runs_dir.glob("*")))

    @property
    def over(self) -> bool:
        """Whether nothing is left to do: a sweep may end with fewer trials than are wanted, where there are no more."""
        try:
            return bool(json.loads((self.sweep.path / OVER).read_text())["trials"] >= self.wanted)
        except (OSError, ValueError, KeyError, TypeError):
            return False


def plan_sweep(document: Document, name: str, variant: str, folder: Path, dataset: str | None) -> PlannedSweep:
    """The sweep called `name`, on another `dataset` where one is given.

    Raises  UsageError with the place, for a file that is no sweep, settings that cannot be, and errors of the
            diagnostics; or when Optuna is missing.
    """
    search = document.sweeps[name]
    if search.file not in BUNDLED and not Path(search.file).exists():
        wrong = choice("sweep file", search.file, BUNDLED)
        raise UsageError(f"sweeps.{name}.file: {wrong}; or give a file, seen from the recipe")
    base, held = sweep_base(document, name, variant)
    if dataset is not None:
        base, held = base.replaced(dataset=dataset), [*held, "dataset"]
    settings = Settings(search.method or "", search.seed, configurations=search.trials)
    try:
        definition = read_sweep(search.file, base)
        definition = definition.fixed(**{field: getattr(base, field) for field in held})
        definition = dataclasses.replace(definition, method=search.method or definition.method)
        for finding in diagnose_sweep(definition, base, Plan(search.trials)):
            if finding.severity == ERROR:
                raise UsageError(str(finding))
    except UsageError as error:
        raise UsageError(f"sweeps.{name}: {error}") from error
    require(definition.method)
    settings = dataclasses.replace(settings, method=definition.method)
    base = base.replaced(dataset=definition.constants.get("dataset", base.dataset))
    return PlannedSweep(folder, f"{name}-{variant}", definition, base, settings)


class _Telling(Watcher):
    """Tells what share of the trials is over, and passes a wish to stop on as the signal that a sweep understands."""

    def __init__(self, name: str, tell: Tell, stopping: Stopping) -> None:
        self._name, self._tell, self._stopping, self._passed = name, tell, stopping, False

    def looked(self, standing: Standing) -> None:
        """Several times a second."""
        self._tell(self._name, standing.settled / max(standing.wanted or 1, 1))
        if self._stopping() and not self._passed:
            self._passed = True
            signal.raise_signal(signal.SIGTERM)


def finish_sweep(planned: PlannedSweep, tell: Tell, stopping: Stopping = never) -> Ending:
    """Run the sweep, go on with it, or leave it as it is when it is over; one trial at a time.

    What bayes suggests depends on the results that are there when it is asked: one after the other, they are the same
    each time. Other sweeps and runs have the other cores.

    Raises  FileSystemError, InterruptedRunError.
    """
    if planned.over:
        return Ending(planned.name)
    new = planned.sweep
    try:
        if os.path.lexists(new.summary_file):
            sweep = changed(open_sweep(new.path), configurations=new.settings.configurations)
        else:
            sweep = create_sweep(new.path, new.definition, new.base, new.settings)
        run_sweep(sweep, jobs=1, watcher=_Telling(planned.name, tell, stopping))
        atomic_write(sweep.path / OVER, json.dumps({"trials": planned.wanted}) + "\n")
    except (FileSystemError, InterruptedRunError):
        raise
    except HandgradError as error:
        return Ending(planned.name, str(error))
    return Ending(planned.name)


class Finds:
    """What the sweeps of a plan have found so far; each is read once."""

    def __init__(self, document: Document, sweeps: Mapping[tuple[str, str], PlannedSweep]) -> None:
        self._sweeps = sweeps
        self._orders: dict[tuple[str, str, str], list[Entry]] = {}
        self._ranks: dict[tuple[str, str], int] = {}
        for each in [experiment.found for experiment in document.experiments.values() if experiment.found]:
            self._ranks[each.sweep, each.among] = max(each.rank, self._ranks.get((each.sweep, each.among), 0))

    def config(self, found: Found, variant: str) -> RunConfig | None:
        """The configuration at that place, its seed apart; None where there is none yet, or at all."""
        planned = self._sweeps.get((found.sweep, variant))
        if planned is None or not planned.over:
            return None
        key = found.sweep, variant, found.among
        if key not in self._orders:
            self._orders[key] = _order(planned.sweep, found.among, self._ranks[found.sweep, found.among])
        order, sweep = self._orders[key], planned.sweep
        return (
            sweep.definition.to_config(order[found.rank - 1].values, sweep.base) if len(order) >= found.rank else None
        )


def _order(sweep: Sweep, among: str, count: int) -> list[Entry]:
    """Of `count` configurations at least, where there are so many."""
    try:
        return ORDERS[among](sweep, ranking(sweep), count)
    except UsageError:  # not one has a result
        return []


def _best(_sweep: Sweep, entries: Sequence[Entry], _count: int) -> list[Entry]:
    return list(entries)


def _worst(_sweep: Sweep, entries: Sequence[Entry], _count: int) -> list[Entry]:
    return list(entries[::-1])


def _diverse(sweep: Sweep, entries: Sequence[Entry], count: int) -> list[Entry]:
    return [pick.entry for pick in choose(entries, count, sweep.definition, sweep.base).picks]


ORDERS: dict[str, Callable[[Sweep, Sequence[Entry], int], list[Entry]]] = {
    "best": _best,
    "worst": _worst,
    "diverse": _diverse,
}
