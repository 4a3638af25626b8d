"""Which trial comes next: the replicates of what was begun, then what the sampler suggests, up to what is wanted."""

import time
from collections.abc import Sequence
from typing import Any

from handgrad.sweeps.database import Drivers
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.samplers import SAMPLERS
from handgrad.sweeps.store import LOST, RUNNING, Trial, TrialStore


class Scheduler:
    """Begins the trials of a sweep, each after a look at all that there are in its `store`."""

    def __init__(self, sweep: Sweep, store: TrialStore) -> None:
        self.sweep, self.store = sweep, store
        self.sampler = SAMPLERS[sweep.settings.method](sweep.definition, sweep.base, sweep.settings.seed)

    def claim(self, drivers: Drivers, abandoned: set[int]) -> Trial | None:
        """A trial for this driver: one that its driver left behind, else a new one, if any.

        Nobody else claims at the same time. `abandoned` are lost trials that are not to be taken up again.
        """
        with drivers.exclusive():
            trials = self.store.trials()
            for trial in self.store.open():
                left = trial.number not in abandoned and trial.driver != drivers.name
                if left and (trial.state == LOST or (trial.state == RUNNING and not drivers.alive(trial.driver))):
                    return self.store.note(trial, driver=drivers.name, deaths=0, state=RUNNING, why="")
            values = self._unfinished() or self._new(trials)
            return None if values is None else self.begin(values, drivers.name)

    def begin(self, values: dict[str, Any], driver: str) -> Trial:
        """The next replicate of a configuration, as a trial of `driver`."""
        definition = self.sweep.definition
        earlier = self.store.configurations().get(definition.key(values), ())
        first = values.get("seed", definition.constants.get("seed"))
        seed = (first if isinstance(first, int) else self.sweep.base.seed) + len(earlier)
        trial = Trial(
            0, values, self._name(values, seed), seed, len(earlier), began=round(time.time(), 3), driver=driver
        )
        return self.store.add(trial)

    def _unfinished(self) -> dict[str, Any] | None:
        """The first configuration that has been begun with fewer seeds than it is to have."""
        seeds, groups = self.sweep.settings.seeds, self.store.configurations().values()
        return (
            next((self.store[group[0]].values for group in groups if len(group) < seeds), None) if seeds > 1 else None
        )

    def _new(self, trials: Sequence[Trial]) -> dict[str, Any] | None:
        limit, taken = self.sweep.configurations, self.store.configurations()
        return None if limit is not None and len(taken) >= limit else self.sampler.suggest(len(taken), taken, trials)

    def _name(self, values: dict[str, Any], seed: int) -> str:
        """After the values, in the course's fashion; a number behind it where rounding has made two of them equal."""
        name = self.sweep.definition.trial_name(values) or self.sweep.name
        name += f"_s_{seed}" if self.sweep.settings.seeds > 1 else ""
        count = 1
        while (unique := name if count == 1 else f"{name}-{count}") in self.store.runs:
            count += 1
        return unique
