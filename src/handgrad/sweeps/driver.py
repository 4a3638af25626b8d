"""The loop of a sweep: claims trials, hands them to an executor, records what comes of them, and tells a callback."""

import dataclasses
import math
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

from handgrad.errors import IncompleteSweepError, UsageError
from handgrad.runs import InterruptedRunError, Run
from handgrad.sweeps.database import Drivers
from handgrad.sweeps.executors.protocol import (
    EARLY,
    INTERRUPTED,
    STATES,
    Died,
    Ended,
    EpochEnded,
    Event,
    Executor,
    Notice,
    Task,
)
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.pruner import Hyperband, Stop
from handgrad.sweeps.scheduler import Scheduler, claim
from handgrad.sweeps.store import FAILED, FINISHED, LOST, RUNNING, STOPPED, Trial, TrialStore


class SweepProgress(NamedTuple):
    """How far a sweep is: `wanted` is None where only time ends it, `seconds_left` where there is no estimate yet."""

    wanted: int | None
    settled: int
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

    def settled(self, trial: Trial, progress: SweepProgress) -> None:
        """A trial is finished, stopped, failed or lost."""

    def polled(self, progress: SweepProgress) -> None:
        """Some times a second."""

    def noticed(self, text: str) -> None:
        """Something happened that a person may want to read."""

    def ended(self, sweep: Sweep, progress: SweepProgress) -> None:
        """No more trials."""


POLL_SECONDS = 0.2
OTHERS_SECONDS = 1.0  # between two looks at what other drivers do, once there is nothing to begin
SHUTDOWN_SECONDS = 60.0  # for interrupted trials to save what they have
RECENT = 50  # ends of trials from which the time left is estimated
SAVE_SECONDS = 2.0  # between two summaries in sweep.json, while the sweep runs
FLUSHERS = 4  # threads that wait for the disk
DEATHS = 3  # of a trial's processes without an epoch between them, before it is lost
LOST_IN_A_ROW = 3  # before the fault is sought in the machine


def flush(run: Run) -> None:
    """Wait until a run's files are on the disk, where they are on this machine."""
    if run.path.is_dir():
        run.flush()


class Driver:
    """Drives one sweep on one executor; other drivers may be at work on the same study."""

    def __init__(
        self, sweep: Sweep, store: TrialStore, drivers: Drivers, executor: Executor, callback: SweepCallback
    ) -> None:
        self.sweep, self.store, self.drivers, self.executor, self.callback = sweep, store, drivers, executor, callback
        self.scheduler = Scheduler(sweep)
        self.running: dict[int, Trial] = {}
        self.ready: deque[Trial] = deque()
        self.deadline = math.inf
        self.signal = 0
        self._ending: set[int] = set()  # trials in whose last epoch's wake a successor is claimed
        self._lengths: dict[int, int] = {}
        self._stops: dict[int, Stop] = {}
        self._resigned: set[int] = set()
        self._unwritten: deque[tuple[Trial, Ended, Future[None]]] = deque()  # until their files are on the disk
        self._flushers = ThreadPoolExecutor(FLUSHERS)
        self._lost_in_a_row = 0
        self._done = False  # nothing more is to be begun, whatever is still to be found
        self._look_at = 0.0
        self._saved = -math.inf  # when sweep.json was
        self._ends: deque[float] = deque(maxlen=RECENT)

    def run(self, hours: float | None = None) -> SweepProgress:
        """Until every trial that is wanted is settled, `hours` have passed, or a signal comes.

        Raises  IncompleteSweepError when trials are missing; InterruptedRunError after a signal.
        """
        self.deadline = time.monotonic() + 3600 * hours if hours else math.inf
        self.store.trials()
        self._standing = self.progress()
        self.callback.began(self.sweep, self._standing)
        with self._listening():
            while not self.signal and self._go_on():
                for event in self.executor.events(POLL_SECONDS):
                    self._hear(event)
            if self.signal:
                self._shut_down()
            self._write_down(wait=True)
        self._flushers.shutdown()
        progress = self.progress()
        self.sweep.save(self.store.trials())
        self.callback.ended(self.sweep, progress)
        self._complain(progress)
        return progress

    def progress(self) -> SweepProgress:
        """How far the sweep is, as far as this driver knows."""
        count, best = self.store.states, self.store.best
        settled = count[FINISHED] + count[STOPPED] + count[FAILED]
        left = self._seconds_left(settled)
        return SweepProgress(
            self.sweep.wanted, settled, len(self.running), count[STOPPED], count[FAILED], count[LOST], best, left
        )

    def _go_on(self) -> bool:
        """Start what can be started; whether anything runs or is waited for."""
        self.callback.polled(self._standing._replace(running=len(self.running)))
        self._write_down(wait=not self.running)
        self._fill()
        if self.running or self.ready:
            return True
        return not self._done and self._others_at_work()

    def _hand_out(self) -> None:
        while self.ready and len(self.running) < self.executor.slots and not self.signal:
            self._start(self.ready.popleft())

    def _fill(self) -> None:
        self._hand_out()
        while len(self.running) + len(self.ready) < self.executor.slots + len(self._ending):
            trial = self._claim()
            if trial is None:
                return
            if len(self.running) < self.executor.slots:
                self._start(trial)
            else:
                self.ready.append(trial)

    def _claim(self) -> Trial | None:
        now = time.monotonic()
        if self._done or now < self._look_at:
            return None
        if now > self.deadline:
            self._done = True
            return None
        if self.executor.slots == 1:  # what is chosen then depends on the results before it, and on no disk's speed
            self._write_down(wait=True)
        trial = claim(self.store, self.drivers, self.scheduler, self._resigned)
        if trial is None:
            self._look_at = now + OTHERS_SECONDS
        return trial

    def _start(self, trial: Trial) -> None:
        try:
            config = self.sweep.config(trial)
        except UsageError as error:
            self._settle(trial, FAILED, why=str(error))
            return
        rungs = self.sweep.definition.early_terminate
        self.running[trial.number] = trial
        self._lengths[trial.number] = config.epochs
        self.executor.submit(
            Task(
                trial.number,
                config.to_mapping(),
                self.sweep.definition.metric.name,
                tuple(rungs.rungs(config.epochs)) if rungs else (),
            )
        )

    def _hear(self, event: Event) -> None:
        if isinstance(event, Notice):
            self.callback.noticed(event.text)
        elif event.number in self.running:
            self._handle(event)

    def _handle(self, event: EpochEnded | Ended | Died) -> None:
        trial = self.running[event.number]
        if isinstance(event, EpochEnded):
            self._epoch(trial, event)
            return
        del self.running[event.number]
        self._ending.discard(event.number)
        if isinstance(event, Died):
            self._died(trial, event.message, event.alone)
            return
        self._hand_out()  # a trial that was claimed ahead begins before this one is written down
        self._unwritten.append((trial, event, self._flushers.submit(flush, self.sweep.run(trial))))

    def _write_down(self, wait: bool) -> None:
        """Settle trials that have ended, in that order, once a power cut cannot take their files any more."""
        while self._unwritten and (wait or self._unwritten[0][2].done()):
            trial, event, flushed = self._unwritten.popleft()
            flushed.result()
            self._ended(trial, event)

    def _epoch(self, trial: Trial, event: EpochEnded) -> None:
        if event.value is None:
            return
        if event.epoch not in trial.epochs:
            trial = dataclasses.replace(trial, epochs={**trial.epochs, event.epoch: event.value}, deaths=0)
            self.running[event.number] = trial
        if event.epoch == self._lengths[event.number]:
            self._ending.add(event.number)
        pruner = self.sweep.definition.early_terminate
        if event.asks and pruner:
            self._prune(trial, event, pruner)

    def _prune(self, trial: Trial, event: EpochEnded, pruner: Hyperband) -> None:
        metric = self.sweep.definition.metric
        self.store.note(trial)
        epochs = {trial.number: trial.epochs for trial in self.store.trials()}
        stop = pruner.prune(event.number, event.epoch, epochs, metric.objective)
        if stop:
            self._stops[event.number] = stop
        self.executor.answer(event.number, pruner.reason(stop, metric.name) if stop else "")

    def _ended(self, trial: Trial, event: Ended) -> None:
        if event.how == INTERRUPTED and self.signal:
            return
        if event.how in (INTERRUPTED, "broken"):
            self._died(trial, event.message or "its process was told to stop")
            return
        metric, pruner = self.sweep.definition.metric, self.sweep.definition.early_terminate
        stop = self._stops.get(trial.number) if event.how == EARLY else None
        state = STATES.get(event.how, FAILED)
        why = pruner.reason(stop, metric.name) if pruner and stop else event.message
        epochs = {epoch: value for epoch, value in enumerate(event.epochs, 1) if value is not None}
        trial = dataclasses.replace(trial, epochs=epochs or trial.epochs)
        self._settle(trial, state, objective=event.objective, seconds=event.seconds, why=why, stop=stop)
        self._ends.append(time.monotonic())
        if event.objective is not None and metric.reached(event.objective):
            self._done = True
            self.callback.noticed(f"{metric.name} {event.objective:.4g} reaches the target: no more trials are begun")

    def _settle(self, trial: Trial, state: str, **more: Any) -> None:
        settled = dataclasses.replace(trial, state=state, **more)
        self.store.settle(settled)
        self._lost_in_a_row = 0
        self._standing = self.progress()
        if time.monotonic() - self._saved > SAVE_SECONDS:
            self.sweep.save(self.store.known(), durable=False)
            self._saved = time.monotonic()
        self.callback.settled(settled, self._standing)

    def _died(self, trial: Trial, message: str, alone: bool = True) -> None:
        """Once more, from its checkpoint; unless it has died by itself often enough."""
        deaths = trial.deaths + alone
        if deaths < DEATHS:
            self.ready.appendleft(self.store.note(trial, deaths=deaths))
            self.callback.noticed(f"{trial.run}: {message}; it is begun again, from its checkpoint if there is one")
            return
        lost = self.store.note(trial, deaths=deaths, state=LOST, why=f"{message}, {deaths} times without progress")
        self._resigned.add(trial.number)
        self._lost_in_a_row += 1
        self._done = self._done or self._lost_in_a_row >= LOST_IN_A_ROW
        self._standing = self.progress()
        self.callback.settled(lost, self._standing)

    def _others_at_work(self) -> bool:
        """Whether trials are left that another driver runs, and may yet leave behind."""
        trials = self.store.trials()
        return any(t.state == RUNNING or (t.state == LOST and t.number not in self._resigned) for t in trials)

    def _shut_down(self) -> None:
        """Let every trial save itself and stop."""
        self.executor.interrupt()
        limit = time.monotonic() + SHUTDOWN_SECONDS
        while self.running and time.monotonic() < limit:
            for event in self.executor.events(POLL_SECONDS):
                if isinstance(event, Died):
                    self.running.pop(event.number, None)
                else:
                    self._hear(event)
            self.callback.polled(self._standing._replace(running=len(self.running)))

    def _complain(self, progress: SweepProgress) -> None:
        again = f"Go on with: handgrad sweep resume {self.sweep.path}"
        of = f" of {progress.wanted}" if progress.wanted is not None else ""
        if self.signal:
            raise InterruptedRunError(f"stopped with {progress.settled}{of} trials done, saved. {again}", self.signal)
        if progress.lost:
            why = next(trial.why for trial in reversed(self.store.known()) if trial.state == LOST)
            missing = progress.lost if progress.wanted is None else progress.wanted - progress.settled
            raise IncompleteSweepError(f"{missing} trials are missing: {why} ({self.sweep.workers_log}). {again}")

    def _seconds_left(self, settled: int) -> float | None:
        by_clock = self.deadline - time.monotonic()
        if self.sweep.wanted is None or len(self._ends) < 2:
            return by_clock if by_clock < math.inf else None
        each = (self._ends[-1] - self._ends[0]) / (len(self._ends) - 1)
        return max(0.0, min(by_clock, (self.sweep.wanted - settled) * each))

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """While the block runs, SIGINT and SIGTERM end the sweep in good order; a second one ends it at once."""

        def stop(number: int, frame: Any) -> None:
            for each in before:
                signal.signal(each, signal.SIG_DFL)
            self.signal = number

        before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, old in before.items():
                signal.signal(number, old)
