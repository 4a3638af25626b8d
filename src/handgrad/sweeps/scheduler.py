"""Which trial comes next: the replicates of what was begun, then what the sampler suggests, up to what is wanted."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from handgrad.sweeps.database import Drivers
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.samplers import SAMPLERS
from handgrad.sweeps.store import LOST, RUNNING, Trial, TrialStore


class Scheduler:
    """Remembers, of the trials that it is shown, how often there is each configuration and which names are in use."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.sampler = SAMPLERS[sweep.settings.method](sweep.definition, sweep.base, sweep.settings.seed)
        self._seen: set[int] = set()
        self._counts: Counter[str] = Counter()
        self._first: dict[str, dict[str, Any]] = {}
        self._names: set[str] = set()

    def next(self, trials: Sequence[Trial]) -> tuple[dict[str, Any], str, dict[str, Any]] | None:
        """Values, name of the run and further fields of a new trial; None when there is none to be begun."""
        self.see(trials)
        values = self._unfinished() or self._new(trials)
        if values is None:
            return None
        return self.trial(values)

    def trial(self, values: dict[str, Any]) -> tuple[dict[str, Any], str, dict[str, Any]]:
        """The next replicate of a configuration: its values, the name of its run, and further fields."""
        replicate = self._counts[self.sweep.definition.key(values)]
        seed = self._first_seed(values) + replicate
        return values, self._name(values, seed), {"seed": seed, "replicate": replicate}

    def see(self, trials: Sequence[Trial]) -> None:
        """Remember trials that are not known yet."""
        for trial in trials:
            if trial.number not in self._seen:
                self._count(trial)

    def known(self, values: dict[str, Any]) -> bool:
        """Whether there is a trial of a configuration."""
        return self.sweep.definition.key(values) in self._counts

    def _count(self, trial: Trial) -> None:
        key = self.sweep.definition.key(trial.values)
        self._seen.add(trial.number)
        self._counts[key] += 1
        self._first.setdefault(key, trial.values)
        self._names.add(trial.run)

    def _unfinished(self) -> dict[str, Any] | None:
        """The first configuration that has been begun with fewer seeds than it is to have."""
        seeds = self.sweep.settings.seeds
        if seeds == 1:
            return None
        return next((self._first[key] for key, count in self._counts.items() if count < seeds), None)

    def _new(self, trials: Sequence[Trial]) -> dict[str, Any] | None:
        limit, count = self.sweep.configurations, len(self._counts)
        if limit is not None and count >= limit:
            return None
        return self.sampler.suggest(count, self._counts, trials)

    def _first_seed(self, values: dict[str, Any]) -> int:
        return int(values.get("seed", self.sweep.definition.constants.get("seed", self.sweep.base.seed)))

    def _name(self, values: dict[str, Any], seed: int) -> str:
        """After the values, in the course's fashion; a number behind it where rounding has made two of them equal."""
        name = self.sweep.definition.trial_name(values) or self.sweep.name
        name += f"_s_{seed}" if self.sweep.settings.seeds > 1 else ""
        count = 1
        while (unique := name if count == 1 else f"{name}-{count}") in self._names:
            count += 1
        return unique


def claim(store: TrialStore, drivers: Drivers, scheduler: Scheduler, given_up: set[int]) -> Trial | None:
    """A trial for this driver: one that its driver left behind, else a new one of the `scheduler`, if any.

    Nobody else claims at the same time. `given_up` are lost trials that are not to be taken up again.
    """
    with drivers.exclusive():
        trials = store.trials()
        for trial in store.open():
            left = trial.state in (RUNNING, LOST) and trial.number not in given_up and trial.driver != drivers.name
            if left and not (trial.state == RUNNING and drivers.alive(trial.driver)):
                return store.note(trial, driver=drivers.name, deaths=0, state=RUNNING, why="")
        chosen = scheduler.next(trials)
        if chosen is None:
            return None
        values, run, note = chosen
        return store.begin(values, run, driver=drivers.name, **note)
