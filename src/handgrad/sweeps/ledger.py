"""The trials of a sweep in Optuna's storage: begun, noted, settled, and read again."""

import dataclasses
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from handgrad.sweeps.brains.axes import Axes
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.storage import Crew
from handgrad.sweeps.trial import FAILED, FINISHED, LOST, RUNNING, STOPPED, Stop, Trial

NOTE, EPOCHS, RESULT = "handgrad:note", "handgrad:epochs", "handgrad:result"


class Ledger:
    """The study called `name`, made where there is none.

    What a trial is stands in attributes of Optuna's trial: the note of who runs what, the metric by epoch, the result.
    Parameters and objective stand where Optuna's own tools look for them.
    """

    def __init__(self, storage: Any, name: str, definition: SweepDefinition) -> None:
        import optuna

        direction = "maximize" if definition.metric.goal == "maximize" else "minimize"
        study = optuna.create_study(storage=storage, study_name=name, direction=direction, load_if_exists=True)
        self.storage, self.definition, self.axes = storage, definition, Axes(definition)
        self.study_id = storage.get_study_id_from_name(study.study_name)
        self.states: Counter[str] = Counter()
        self.best: Trial | None = None  # of those known, the first of equal ones
        self._trials: dict[int, Trial] = {}
        self._ids: dict[int, int] = {}
        self._open: set[int] = set()  # what may yet change; the others are not looked at again, however many there are
        self._read = 0

    def trials(self) -> list[Trial]:
        """All of them as they are now, by number."""
        stored = self.storage.get_all_trials(self.study_id, deepcopy=False)
        self._open.update(number for number in range(self._read, len(stored)) if number not in self._trials)
        self._read = len(stored)
        for frozen in [stored[number] for number in sorted(self._open)]:
            if NOTE in frozen.user_attrs:
                self._ids[frozen.number] = frozen._trial_id
                self._remember(self._trial(frozen))
        return [self._trials[number] for number in sorted(self._trials)]

    def open(self) -> list[Trial]:
        """Those that were not settled when all were read last, by number."""
        return [self._trials[number] for number in sorted(self._open & self._trials.keys())]

    def known(self) -> list[Trial]:
        """All of them as this process saw them last."""
        return list(self._trials.values())

    def begin(self, values: dict[str, Any], run: str, **note: Any) -> Trial:
        """A new trial, running; `note` are further fields of it."""
        from optuna.trial import TrialState, create_trial

        attribute = {"values": values, "run": run, "began": round(time.time(), 3), **note}
        new = create_trial(
            state=TrialState.RUNNING,
            params=self.axes.params(values),
            distributions=self.axes.distributions,
            user_attrs={NOTE: attribute},
        )
        trial_id = self.storage.create_new_trial(self.study_id, template_trial=new)
        number = self.storage.get_trial_number_from_id(trial_id)
        self._ids[number] = trial_id
        self._remember(Trial(number=number, **attribute))
        return self._trials[number]

    def note(self, trial: Trial, **changes: Any) -> Trial:
        """Write down who runs a trial, how often its process died, that it is lost."""
        changed = dataclasses.replace(trial, **changes)
        fields = ("values", "run", "began", "seed", "replicate", "driver", "deaths", "state", "why")
        attribute = {name: getattr(changed, name) for name in fields}
        self.storage.set_trial_user_attr(self._ids[trial.number], NOTE, attribute)
        self._remember(changed)
        return changed

    def epochs(self, trial: Trial) -> None:
        """Write down the metric by epoch as far as it is known, for other drivers to judge theirs by."""
        self.storage.set_trial_user_attr(self._ids[trial.number], EPOCHS, trial.epochs)
        self._remember(trial)

    def settle(self, trial: Trial) -> None:
        """Write down how a trial ended; one that another driver has settled in the meantime stays as that one left it.

        Raises  ValueError when the trial is not settled, or rated with an objective that is not finite.
        """
        import optuna
        from optuna.trial import TrialState

        states = {FINISHED: TrialState.COMPLETE, STOPPED: TrialState.PRUNED, FAILED: TrialState.FAIL}
        rated = trial.objective is not None and math.isfinite(trial.objective)
        if trial.state not in states or (trial.state != FAILED and not rated):
            raise ValueError(f"trial {trial.number} is {trial.state} with objective {trial.objective}")
        result = {"seconds": trial.seconds, "why": trial.why, "stop": trial.stop, "objective": trial.objective}
        metric, values = self.definition.metric, None
        if trial.state != FAILED and trial.objective is not None:
            values = [metric.objective(trial.objective) if metric.goal == "target" else trial.objective]
        try:
            self.storage.set_trial_user_attr(self._ids[trial.number], EPOCHS, trial.epochs)
            self.storage.set_trial_user_attr(self._ids[trial.number], RESULT, result)
            self.storage.set_trial_state_values(self._ids[trial.number], states[trial.state], values)
        except optuna.exceptions.UpdateFinishedTrialError:
            return
        self._remember(trial)

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

    def _trial(self, frozen: Any) -> Trial:
        note, result = frozen.user_attrs[NOTE], frozen.user_attrs.get(RESULT, {})
        states = {"COMPLETE": FINISHED, "PRUNED": STOPPED, "FAIL": FAILED}
        ended = frozen.state.name in states
        more = {name: result[name] for name in ("seconds", "why", "objective") if ended and name in result}
        trial = Trial(
            **note | more | {"values": self.definition.canonical(note["values"])},
            number=frozen.number,
            epochs={int(epoch): value for epoch, value in frozen.user_attrs.get(EPOCHS, {}).items()},
        )
        state = states.get(frozen.state.name, trial.state)
        stop = Stop(*result["stop"]) if ended and result.get("stop") else None
        return dataclasses.replace(trial, state=state, stop=stop)


Choice = Callable[[Sequence[Trial]], tuple[dict[str, Any], str, dict[str, Any]] | None]


def claim(ledger: Ledger, crew: Crew, choose: Choice, resigned: set[int]) -> Trial | None:
    """A trial for this driver: one that its driver left behind, or a new one as `choose` says; None when there is none.

    Nobody else claims at the same time. `resigned` are lost trials that are not to be taken up again.
    """
    with crew.choosing():
        trials = ledger.trials()
        for trial in ledger.open():
            left = trial.state in (RUNNING, LOST) and trial.number not in resigned and trial.driver != crew.name
            if left and not (trial.state == RUNNING and crew.alive(trial.driver)):
                return ledger.note(trial, driver=crew.name, deaths=0, state=RUNNING, why="")
        chosen = choose(trials)
        if chosen is None:
            return None
        values, run, note = chosen
        return ledger.begin(values, run, driver=crew.name, **note)
