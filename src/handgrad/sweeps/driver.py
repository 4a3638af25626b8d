"""The loop of a sweep: claims trials, gives them to an executor, records how they end, and informs a callback."""

import math
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from handgrad.errors import IncompleteSweepError, UsageError
from handgrad.runs import InterruptedRunError, Run
from handgrad.runs.executor.local import POLL_SECONDS, interrupt_all
from handgrad.runs.executor.protocol import INTERRUPTED, Died, Ended, EpochEnded, Event, Executor, Notice
from handgrad.runs.interruption import Interruption, stopping_on_signals
from handgrad.sweeps.database import Drivers
from handgrad.sweeps.definition import Stop
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.programs.trial_folder import hopeless, ignores_arguments
from handgrad.sweeps.run_trial import EARLY, STATES
from handgrad.sweeps.samplers import SAMPLERS
from handgrad.sweeps.settings import OUTPUT
from handgrad.sweeps.store import FAILED, FINISHED, LOST, RUNNING, STOPPED, Trial, TrialStore
from handgrad.text import numbered

OTHERS_SECONDS = 1.0  # between two looks at what other drivers do, once there is nothing to begin
RECENT = 50  # ends of trials from which the time left is estimated
SAVE_SECONDS = 2.0  # between two summaries in sweep.json, while the sweep runs
FLUSHERS = 4  # threads that wait for the disk
DEATHS = 3  # of a trial's processes without an epoch between them, before it is lost
MOST_LOOKED_AT = 10  # finished trials of a program whose results may turn out to be all equal
LOST_IN_A_ROW = 3  # before the fault is sought in the machine


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
            groups, limit = self.store.configurations(), self.sweep.configurations
            begun = (self.store[group[0]] for group in groups.values() if len(group) < self.sweep.settings.seeds)
            values = next((trial.values for trial in begun), None)  # replicates of what has been begun come first
            if values is None and (limit is None or len(groups) < limit):
                values = self.sampler.suggest(len(groups), groups, trials)
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

    def _name(self, values: dict[str, Any], seed: int) -> str:
        """After the values, in the course's fashion; a number behind it where rounding has made two of them equal."""
        name = self.sweep.definition.trial_name(values) or self.sweep.name
        name += f"_s_{seed}" if self.sweep.settings.seeds > 1 else ""
        return next(each for each in numbered(name) if each not in self.store.runs)


class SweepProgress(NamedTuple):
    """How far a sweep is: `wanted` is None where only time ends it, `seconds_left` where there is no estimate yet."""

    wanted: int | None
    ended: int
    running: int
    stopped: int
    failed: int
    lost: int
    best: Trial | None
    seconds_left: float | None


class SweepCallback:
    """Every method may be left out. They are called by the driver, between two looks at its workers."""

    def began(self, sweep: Sweep, progress: SweepProgress) -> None:
        """Before the first trial, also after a resume."""

    def trial_ended(self, trial: Trial, progress: SweepProgress) -> None:
        """A trial is finished, stopped, failed or lost."""

    def polled(self, progress: SweepProgress) -> None:
        """Some times a second."""

    def noticed(self, text: str) -> None:
        """Something happened that a person may want to read."""

    def ended(self, sweep: Sweep, progress: SweepProgress) -> None:
        """No more trials."""


def flush(run: Run) -> None:
    """Wait until a run's files are on the disk, where they are on this machine."""
    if run.path.is_dir():
        run.flush()


class Outcomes:
    """Records in the store how trials go on and end; `done` once no more are to be begun, whatever is left."""

    def __init__(
        self, sweep: Sweep, store: TrialStore, callback: SweepCallback, running: set[int], deadline: float
    ) -> None:
        self.sweep, self.store, self.callback = sweep, store, callback
        self.running, self.deadline = running, deadline
        self.metric, self.pruner = sweep.definition.metric, sweep.definition.early_terminate
        self.done = False
        self.died: deque[int] = deque()  # to be begun once more
        self.abandoned: set[int] = set()
        self._stops: dict[int, Stop] = {}
        self._unwritten: deque[tuple[Ended, Future[None]]] = deque()  # until their files are on the disk
        self._flushers = ThreadPoolExecutor(FLUSHERS)
        self._lost_in_a_row = 0
        self.hopeless, self._warned = "", False  # why no trial of a program can have a result
        self._saved = -math.inf  # when sweep.json was
        self._ends: deque[float] = deque(maxlen=RECENT)
        self.progress = self._progress()

    def epoch(self, event: EpochEnded) -> str:
        """Add an epoch to its trial; why a trial that asks is to stop, or nothing."""
        if event.value is None:
            return ""
        self.store.add_epoch(event.number, event.epoch, event.value)
        if not (event.asks and self.pruner):
            return ""
        self.store.note(self.store[event.number])
        epochs = {trial.number: trial.epochs for trial in self.store.trials()}
        stop = self.pruner.prune(event.number, event.epoch, epochs, self.metric.objective)
        if not stop:
            return ""
        self._stops[event.number] = stop
        return self.pruner.reason(stop, self.metric.name)

    def end(self, event: Ended) -> None:
        """Record how a trial ended, once its files are on the disk."""
        flushed = self._flushers.submit(flush, self.sweep.run(self.store[event.number]))
        self._unwritten.append((event, flushed))

    def write(self, wait: bool) -> None:
        """Record those that have ended, in that order, whose files a power cut cannot take any more."""
        while self._unwritten and (wait or self._unwritten[0][1].done()):
            event, flushed = self._unwritten.popleft()
            flushed.result()
            if event.how in (INTERRUPTED, "broken"):
                self.die(Died(event.number, event.message or "its process was stopped"))
            else:
                self._record(event)

    def die(self, event: Died) -> None:
        """Have a trial begun once more, from its checkpoint; unless it has died by itself often enough."""
        trial = self.store[event.number]
        deaths = trial.deaths + event.alone
        if deaths < DEATHS:
            self.store.note(trial, deaths=deaths)
            self.died.append(event.number)
            self.callback.noticed(
                f"{trial.run}: {event.message}; it is begun again, from its checkpoint if there is one"
            )
            return
        why = f"{event.message}, {deaths} times without progress"
        lost = self.store.note(trial, deaths=deaths, state=LOST, why=why)
        self.abandoned.add(event.number)
        self._lost_in_a_row += 1
        self.done = self.done or self._lost_in_a_row >= LOST_IN_A_ROW
        self.progress = self._progress()
        self.callback.trial_ended(lost, self.progress)

    def finish(self, number: int, state: str, **outcome: Any) -> None:
        """Record the outcome of a trial to which nothing more will happen."""
        trial = self.store.finish(number, state, **outcome)
        self._lost_in_a_row = 0
        self.progress = self._progress()
        self._watch_program()
        if time.monotonic() - self._saved > SAVE_SECONDS:
            self.sweep.save(self.store.known(), durable=False)
            self._saved = time.monotonic()
        self.callback.trial_ended(trial, self.progress)

    def _watch_program(self) -> None:
        """Begin no more trials of a program that gives no results; warn of one that seems to ignore its arguments."""
        if self.sweep.definition.program is None or self.done:
            return
        self.hopeless = hopeless(self.store, self.sweep.wanted)
        self.done = bool(self.hopeless)
        few = self.store.states[FINISHED] < MOST_LOOKED_AT
        if few and not self._warned and (warning := ignores_arguments(self.sweep.definition, self.store.known())):
            self._warned = True
            self.callback.noticed(warning)

    def close(self) -> None:
        """Record all that have ended, and the whole sweep's summary."""
        self.write(wait=True)
        self._flushers.shutdown()
        self.progress = self._progress()
        self.sweep.save(self.store.trials())

    def _record(self, event: Ended) -> None:
        stop = self._stops.get(event.number) if event.how == EARLY else None
        why = self.pruner.reason(stop, self.metric.name) if self.pruner and stop else event.message
        epochs = {epoch: value for epoch, value in enumerate(event.epochs, 1) if value is not None}
        self.finish(
            event.number,
            STATES.get(event.how, FAILED),
            objective=event.objective,
            seconds=event.seconds,
            why=why,
            stop=stop,
            epochs=epochs or self.store[event.number].epochs,
        )
        self._ends.append(time.monotonic())
        if event.objective is not None and self.metric.reached(event.objective):
            self.done = True
            reached = f"{self.metric.name} {event.objective:.4g} reaches the target"
            self.callback.noticed(f"{reached}: no more trials are begun")

    def _progress(self) -> SweepProgress:
        count, wanted = self.store.states, self.sweep.wanted
        ended = count[FINISHED] + count[STOPPED] + count[FAILED]
        left = self.deadline - time.monotonic()
        if wanted is not None and len(self._ends) > 1:
            each = (self._ends[-1] - self._ends[0]) / (len(self._ends) - 1)
            left = max(0.0, min(left, (wanted - ended) * each))
        seconds = left if left < math.inf else None
        counts = ended, len(self.running), count[STOPPED], count[FAILED], count[LOST]
        return SweepProgress(wanted, *counts, self.store.best, seconds)


class Driver:
    """Drives one sweep on one executor; other drivers may be at work on the same study."""

    def __init__(
        self, sweep: Sweep, store: TrialStore, drivers: Drivers, executor: Executor, callback: SweepCallback
    ) -> None:
        self.sweep, self.store, self.drivers, self.executor, self.callback = sweep, store, drivers, executor, callback
        self.scheduler = Scheduler(sweep, store)
        self.running: set[int] = set()
        self._ready: deque[int] = deque()  # claimed, and not begun yet
        self._lengths: dict[int, int] = {}
        self._last_epoch: set[int] = set()  # trials that are about to end: a successor is claimed for each
        self._look_at = 0.0
        self._interruption = Interruption()

    def run(self, hours: float | None = None) -> SweepProgress:
        """Until every trial that is wanted has ended, `hours` have passed, or a signal comes.

        Raises  IncompleteSweepError when trials are missing; InterruptedRunError after a signal.
        """
        deadline = time.monotonic() + 3600 * hours if hours else math.inf
        self.store.trials()
        self.outcomes = Outcomes(self.sweep, self.store, self.callback, self.running, deadline)
        self.callback.began(self.sweep, self.outcomes.progress)
        with stopping_on_signals() as self._interruption:
            while not self._interruption.signal and self._go_on():
                for event in self.executor.events(POLL_SECONDS):
                    self._handle(event)
            if self._interruption.signal:
                for event in interrupt_all(self.executor, self.running):
                    if not isinstance(event, Died):
                        self._handle(event)
                    self._poll()
            self.outcomes.close()
        progress = self.outcomes.progress
        self.callback.ended(self.sweep, progress)
        self._complain(progress)
        return progress

    def _poll(self) -> None:
        self.callback.polled(self.outcomes.progress._replace(running=len(self.running)))

    def _go_on(self) -> bool:
        """Start what can be started; whether anything runs or is waited for."""
        self._poll()
        self.outcomes.write(wait=not self.running)
        self._hand_out()
        while len(self.running) + len(self._ready) < self.executor.slots + len(self._last_epoch):
            trial = self._claim()
            if trial is None:
                break
            self._ready.append(trial.number)
            self._hand_out()
        if self.running or self._ready or self.outcomes.died:
            return True
        if self.outcomes.done:
            return False
        trials = self.store.trials()  # of which another driver may yet leave some behind
        return any(t.state == RUNNING or (t.state == LOST and t.number not in self.outcomes.abandoned) for t in trials)

    def _hand_out(self) -> None:
        """Start trials where there is room, those first whose process has died."""
        while self.outcomes.died:
            self._ready.appendleft(self.outcomes.died.popleft())
        while self._ready and len(self.running) < self.executor.slots and not self._interruption.signal:
            trial = self.store[self._ready.popleft()]
            try:
                task = self.sweep.task(trial)
            except UsageError as error:
                self.outcomes.finish(trial.number, FAILED, why=str(error))
                continue
            self.running.add(trial.number)
            self._lengths[trial.number] = task.config.get("epochs", 0)
            self.executor.submit(task)

    def _claim(self) -> Trial | None:
        now = time.monotonic()
        if self.outcomes.done or now < self._look_at:
            return None
        if now > self.outcomes.deadline:
            self.outcomes.done = True
            return None
        if self.executor.slots == 1:  # what is chosen then depends on the results before it, and on no disk's speed
            self.outcomes.write(wait=True)
        trial = self.scheduler.claim(self.drivers, self.outcomes.abandoned)
        if trial is None:
            self._look_at = now + OTHERS_SECONDS
        return trial

    def _handle(self, event: Event) -> None:
        if isinstance(event, Notice):
            self.callback.noticed(event.text)
        elif event.number not in self.running:
            return
        elif isinstance(event, EpochEnded):
            decision = self.outcomes.epoch(event)
            if event.asks:
                self.executor.decide(event.number, decision)
            if event.value is not None and event.epoch == self._lengths[event.number]:
                self._last_epoch.add(event.number)
        elif isinstance(event, Ended | Died):
            self.running.discard(event.number)
            self._last_epoch.discard(event.number)
            if isinstance(event, Died):
                self.outcomes.die(event)
                return
            self._hand_out()  # a trial that was claimed ahead begins before this one is recorded
            if not (event.how == INTERRUPTED and self._interruption.signal):
                self.outcomes.end(event)

    def _complain(self, progress: SweepProgress) -> None:
        command = f"Go on with: {self.sweep.resume_command}"
        of = f" of {progress.wanted}" if progress.wanted is not None else ""
        if number := self._interruption.signal:
            raise InterruptedRunError(f"stopped with {progress.ended}{of} trials done, saved. {command}", number)
        if self.outcomes.hopeless:
            raise IncompleteSweepError(f"no more trials are begun: {self.outcomes.hopeless}")
        if progress.lost:
            lost = next(trial for trial in reversed(self.store.known()) if trial.state == LOST)
            missing = progress.lost if progress.wanted is None else progress.wanted - progress.ended
            program, folder = self.sweep.definition.program, self.sweep.run(lost).path
            where = folder / OUTPUT if program else self.sweep.workers_log
            raise IncompleteSweepError(f"{missing} trials are missing: {lost.why} ({where}). {command}")
