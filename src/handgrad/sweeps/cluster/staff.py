"""The workers of a sweep on a Ray cluster: hired for every CPU there is, listened to, and missed when they are gone."""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.config import RunConfig
from handgrad.errors import FileSystemError, HandgradError, UsageError
from handgrad.sweeps.cluster.connection import last_line
from handgrad.sweeps.cluster.node import difference, facts, refusal
from handgrad.sweeps.cluster.worker import Worker
from handgrad.sweeps.executor import Task

LONG_SECONDS = 30.0  # without a worker, after which that is worth a remark
COUNT_SECONDS = 2.0  # between two looks at how many CPUs there are
FAREWELL_SECONDS = 2.0
MOMENT_SECONDS = 0.5
CALLS = 8  # at once in a worker: the trial, the one who listens, and some short ones
FAILURES = 3  # of workers to begin, in a row and with none at work, before the sweep is given up


class News(NamedTuple):
    """Something that the worker of a slot tells of its trial."""

    slot: "Slot"
    content: dict[str, Any]


class Gone(NamedTuple):
    """A worker is gone, and with it the trial that it had, if any."""

    slot: "Slot"


class Remark(NamedTuple):
    """Something that a person may want to read."""

    text: str


Happening = News | Gone | Remark


class Slot:
    """A worker, what it was asked last, who takes its answer, and the trial that it has."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.asked: Any = None
        self.take: Callable[[Slot, Any], list[Happening]]
        self.node: dict[str, Any] = {}
        self.ready, self.heard = False, 0
        self.task: Task | None = None
        self.running: Any = None

    @property
    def host(self) -> str:
        """The node that it is on, as far as that is known."""
        return str(self.node.get("host", "a node"))

    def begin(self, task: Task, dataset: Any, parcel: dict[str, bytes]) -> None:
        """Run a trial."""
        self.task = task
        self.running = self.actor.run.remote(list(task), dataset, parcel)


class Staff:
    """As many workers as the cluster has CPUs, or `jobs`; `config` and its data set are what they prepare for.

    One on a node that cannot run trials keeps its place, or Ray would offer the same place again. Whoever gives a slot
    a trial holds `lock`.
    """

    def __init__(self, jobs: int | None, config: RunConfig, dataset: Any, mark: Path) -> None:
        self.jobs, self.config, self.dataset, self.mark = jobs, config, dataset, mark
        self.lock = threading.RLock()
        self.slots: list[Slot] = []
        self._ours, self._told = facts(), set[str]()
        self._failures = 0
        self._count_at, self._alone_since = 0.0, time.monotonic()

    @property
    def ready(self) -> list[Slot]:
        """Those that can run trials."""
        return [slot for slot in self.slots if slot.ready]

    def look(self, seconds: float) -> list[Happening]:
        """Hire whom there is room for, and hear who has something to say; waits at most so long for somebody.

        Raises  HandgradError when nobody can run trials here.
        """
        import ray

        self._hire()
        slots = {slot.asked: slot for slot in self.slots}
        slots |= {slot.running: slot for slot in self.slots if slot.running is not None}
        if not slots:
            time.sleep(seconds)
            return self._patience()
        done, rest = ray.wait(list(slots), timeout=seconds)
        more, _ = ray.wait(rest, num_returns=len(rest), timeout=0) if done and rest else ([], [])
        found = self._patience()
        for ref in [*done, *more]:
            if slots[ref] in self.slots:  # it may just have been missed
                found += self._hear(slots[ref], ref)
        return found

    def dismiss(self) -> None:
        """Let everybody go, with what they have put into scratch folders."""
        import ray

        leaving = [slot.actor.dismiss.remote() for slot in self.ready if not slot.node["shared"]]
        if leaving:
            ray.wait(leaving, num_returns=len(leaving), timeout=FAREWELL_SECONDS)
        for slot in self.slots:
            ray.kill(slot.actor)

    def _patience(self) -> list[Happening]:
        if self.ready:
            self._alone_since = time.monotonic()
        if time.monotonic() < self._alone_since + LONG_SECONDS:
            return []
        return self._remark("waiting for the Ray cluster: it has no CPU free, or its nodes are slow to begin")

    def _hire(self) -> None:
        import ray

        if time.monotonic() < self._count_at:
            return
        self._count_at = time.monotonic() + COUNT_SECONDS
        refused = sum(slot.take == self._ignore for slot in self.slots)
        cpus = int(ray.cluster_resources().get("CPU", 0))
        if refused and refused >= cpus:
            raise UsageError(f"no node of the Ray cluster can run trials: {sorted(self._told)[0]}")
        wanted = self.jobs or cpus - refused
        for _ in range(wanted + refused - len(self.slots)):
            self.slots.append(self._hired())

    def _hired(self) -> Slot:
        import ray

        actor = ray.remote(Worker).options(num_cpus=1, max_restarts=0, max_task_retries=0, max_concurrency=CALLS)
        slot = Slot(actor.remote(os.getcwd(), str(self.mark)))
        self._ask(slot, slot.actor.greet.remote(), self._greeted)
        return slot

    def _ask(self, slot: Slot, asked: Any, take: Callable[[Slot, Any], list[Happening]]) -> None:
        slot.asked, slot.take = asked, take

    def _hear(self, slot: Slot, ref: Any) -> list[Happening]:
        import ray

        try:
            answer = ray.get(ref)
        except ray.exceptions.ActorUnavailableError as error:
            if ref != slot.asked or not slot.ready:
                return self._missed(slot, error)
            time.sleep(MOMENT_SECONDS)  # the network may be back by then, and with it what was not heard
            answer = []
        except Exception as error:  # Ray's, or one of the worker's own in Ray's clothes
            return self._missed(slot, error)
        if ref == slot.asked:
            return slot.take(slot, answer)
        if ref == slot.running:  # no next trial has begun in the meantime
            slot.running = None
        return []

    def _greeted(self, slot: Slot, node: dict[str, Any]) -> list[Happening]:
        slot.node = node
        refused = refusal(self._ours, node)
        if refused:
            self._ask(slot, slot.actor.listen.remote(0), self._ignore)
            return self._remark(f"{slot.host} is left out: {refused}")
        self._ask(slot, slot.actor.prepare.remote(self.config.to_mapping(), self.dataset), self._prepared)
        return []

    def _ignore(self, slot: Slot, news: Any) -> list[Happening]:
        self._ask(slot, slot.actor.listen.remote(0), self._ignore)
        return []

    def _prepared(self, slot: Slot, _: Any) -> list[Happening]:
        self._failures, slot.ready = 0, True
        self._ask(slot, slot.actor.listen.remote(0), self._told_news)
        other = difference(self._ours, slot.node)
        found = self._remark(f"{slot.host} may differ in the last bits: {other}") if other else []
        if not slot.node["shared"]:
            found += self._remark(f"{slot.host} does not see {self.mark.parent}: its runs are fetched when they end")
        return found

    def _told_news(self, slot: Slot, news: list[dict[str, Any]]) -> list[Happening]:
        slot.heard += len(news)
        self._ask(slot, slot.actor.listen.remote(slot.heard), self._told_news)
        return [News(slot, content) for content in news]

    def _missed(self, slot: Slot, error: Exception) -> list[Happening]:
        """Of a worker that did not even begin, the reason counts; of one that did, that it is gone."""
        import ray

        print(f"worker on {slot.host}: {error}", file=sys.stderr, flush=True)
        with self.lock:
            self.slots.remove(slot)
            began, slot.ready = slot.ready, False
        ray.kill(slot.actor)
        if not began:
            self._failed(error)
        return [Gone(slot)]

    def _failed(self, error: Exception) -> None:
        cause = getattr(error, "cause", None)
        if isinstance(cause, HandgradError):
            raise cause
        if "No module named" in str(error):
            version = self._ours["environment"]["handgrad"]
            raise UsageError(f"a node of the Ray cluster lacks handgrad {version}, or a part of it: {last_line(error)}")
        self._failures += 1
        if self._failures >= FAILURES and not self.ready:
            raise FileSystemError(f"no worker begins on the Ray cluster: {last_line(error)}")

    def _remark(self, text: str) -> list[Happening]:
        """Each is made once, however many workers there are on a node."""
        if text in self._told:
            return []
        self._told.add(text)
        return [Remark(text)]
