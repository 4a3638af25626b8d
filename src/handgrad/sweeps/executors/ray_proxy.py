"""The process between the driver of a sweep and a Ray cluster.

`python -m handgrad.sweeps.executors.ray_proxy FD ORDER` hands trials to workers, and passes on what they report. A
worker is one of the actors of Ray, not a task a trial: it imports, compiles and loads once, it can be asked and told
things while it trains, and a trial whose worker is gone is run again by the driver, which counts such deaths and knows
of checkpoints.
"""

import json
import os
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.config import RunConfig
from handgrad.errors import CorruptDataError, FileSystemError, HandgradError, UsageError
from handgrad.sweeps.executors.protocol import INTERRUPTED, Channel, Ended, Task
from handgrad.sweeps.executors.ray_cluster import connected, last_line
from handgrad.sweeps.executors.ray_worker import Worker, difference, facts, packed, refusal, unpack
from handgrad.sweeps.executors.run_trial import data_key, data_set

LONG_SECONDS = 30.0  # without a worker, after which that is worth a remark
COUNT_SECONDS = 2.0  # between two looks at how many CPUs there are
STOP_SECONDS = 2.0
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


WorkerEvent = News | Gone | Remark


class Slot:
    """A worker, what it was asked last, who takes its answer, and the trial that it has."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.asked: Any = None
        self.take: Callable[[Slot, Any], list[WorkerEvent]]
        self.node: dict[str, Any] = {}
        self.ready, self.heard = False, 0
        self.task: Task | None = None
        self.running: Any = None

    @property
    def host(self) -> str:
        """The node that it is on, as far as that is known."""
        return str(self.node.get("host", "a node"))

    def begin(self, task: Task, dataset: Any, bundle: dict[str, bytes]) -> None:
        self.task = task
        self.running = self.actor.run.remote(list(task), dataset, bundle)


class WorkerPool:
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
        return [slot for slot in self.slots if slot.ready]

    def look(self, seconds: float) -> list[WorkerEvent]:
        """Start workers where there is room, and return what they report; waits at most so long for something.

        Raises  HandgradError when nobody can run trials here.
        """
        import ray

        self._start_missing()
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

    def stop(self) -> None:
        """Let everybody go, with what they have put into scratch folders."""
        import ray

        leaving = [slot.actor.stop.remote() for slot in self.ready if not slot.node["shared"]]
        if leaving:
            ray.wait(leaving, num_returns=len(leaving), timeout=STOP_SECONDS)
        for slot in self.slots:
            ray.kill(slot.actor)

    def _patience(self) -> list[WorkerEvent]:
        if self.ready:
            self._alone_since = time.monotonic()
        if time.monotonic() < self._alone_since + LONG_SECONDS:
            return []
        return self._remark("waiting for the Ray cluster: it has no CPU free, or its nodes are slow to begin")

    def _start_missing(self) -> None:
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
            self.slots.append(self._started())

    def _started(self) -> Slot:
        import ray

        actor = ray.remote(Worker).options(num_cpus=1, max_restarts=0, max_task_retries=0, max_concurrency=CALLS)
        slot = Slot(actor.remote(os.getcwd(), str(self.mark)))
        self._ask(slot, slot.actor.greet.remote(), self._greeted)
        return slot

    def _ask(self, slot: Slot, asked: Any, take: Callable[[Slot, Any], list[WorkerEvent]]) -> None:
        slot.asked, slot.take = asked, take

    def _hear(self, slot: Slot, ref: Any) -> list[WorkerEvent]:
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

    def _greeted(self, slot: Slot, node: dict[str, Any]) -> list[WorkerEvent]:
        slot.node = node
        refused = refusal(self._ours, node)
        if refused:
            self._ask(slot, slot.actor.listen.remote(0), self._ignore)
            return self._remark(f"{slot.host} is left out: {refused}")
        self._ask(slot, slot.actor.prepare.remote(self.config.to_mapping(), self.dataset), self._prepared)
        return []

    def _ignore(self, slot: Slot, news: Any) -> list[WorkerEvent]:
        self._ask(slot, slot.actor.listen.remote(0), self._ignore)
        return []

    def _prepared(self, slot: Slot, _: Any) -> list[WorkerEvent]:
        self._failures, slot.ready = 0, True
        self._ask(slot, slot.actor.listen.remote(0), self._told_news)
        other = difference(self._ours, slot.node)
        found = self._remark(f"{slot.host} may differ in the last bits: {other}") if other else []
        if not slot.node["shared"]:
            found += self._remark(f"{slot.host} does not see {self.mark.parent}: its runs are fetched when they end")
        return found

    def _told_news(self, slot: Slot, news: list[dict[str, Any]]) -> list[WorkerEvent]:
        slot.heard += len(news)
        self._ask(slot, slot.actor.listen.remote(slot.heard), self._told_news)
        return [News(slot, content) for content in news]

    def _missed(self, slot: Slot, error: Exception) -> list[WorkerEvent]:
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

    def _remark(self, text: str) -> list[WorkerEvent]:
        """Each is made once, however many workers there are on a node."""
        if text in self._told:
            return []
        self._told.add(text)
        return [Remark(text)]


POLL_SECONDS = 0.2
SHUTDOWN_SECONDS = 20.0


def main(descriptor: int, text: str) -> None:
    """Serve the driver until it hangs up, however it ends."""
    proxy, order = Proxy(Channel(socket.socket(fileno=descriptor))), json.loads(text)
    address, jobs = order["address"], order["jobs"]
    threading.Thread(target=proxy.listen, daemon=True).start()
    try:
        with connected(address, jobs, proxy.give_up):
            proxy.serve(jobs, RunConfig(**order["config"]), Path(order["mark"]))
    except HandgradError as error:
        proxy.send({"refused": str(error), "exit_code": error.exit_code})
    except Exception as error:  # of Ray, which has lost its cluster
        traceback.print_exc()
        lost = f"the Ray cluster ({address}) was lost: {last_line(error)}"
        proxy.send({"refused": lost, "exit_code": FileSystemError.exit_code})
    os._exit(0)  # whatever threads Ray still has


class Proxy:
    """Does as the driver says, in a thread that listens to it, and tells it what happens, in the main thread."""

    def __init__(self, channel: Channel) -> None:
        self._channel, self._sending = channel, threading.Lock()
        self._over = threading.Event()
        self._pool: WorkerPool | None = None
        self._waiting: deque[Task] = deque()
        self._data: dict[Any, Any] = {}
        self._workers = 0

    def send(self, message: dict[str, Any]) -> None:
        """To the driver, from any thread."""
        with self._sending:
            self._channel.send(message)

    def give_up(self, why: str) -> None:
        """End the process, as Ray cannot be made to."""
        self.send({"refused": why, "exit_code": FileSystemError.exit_code})
        os._exit(1)

    def listen(self) -> None:
        """Obey the driver until it hangs up; then the process has some seconds to end by itself."""
        try:
            while (message := self._channel.receive()) is not None:
                self._obey(message)
        finally:
            self._over.set()
            end = threading.Timer(SHUTDOWN_SECONDS, os._exit, (1,))
            end.daemon = True
            end.start()

    def serve(self, jobs: int | None, config: RunConfig, mark: Path) -> None:
        """Until the driver hangs up.  Raises  HandgradError when no trial can be run."""
        self._pool = pool = WorkerPool(jobs, config, self._dataset(config), mark)
        while not self._over.is_set():
            for event in pool.look(POLL_SECONDS):
                TELLERS[type(event)](self, event)
            self._hand_out()
            if self._workers != len(pool.ready):
                self._workers = len(pool.ready)
                self.send({"workers": self._workers})
        pool.stop()

    def _obey(self, message: dict[str, Any]) -> None:
        if "task" in message:
            self._waiting.append(Task(*message["task"]))
            self._hand_out()
        if "answer" in message:
            number, stop = message["answer"]
            for slot in self._busy():
                if slot.task and slot.task.number == number:
                    slot.actor.answer.remote(stop)
        if "interrupt" in message:
            while self._waiting:
                self.send({"ended": list(Ended(self._waiting.popleft().number, INTERRUPTED))})
            for slot in self._busy():
                slot.actor.interrupt.remote()

    def _busy(self) -> list[Slot]:
        return [slot for slot in self._pool.slots if slot.task] if self._pool else []

    def _hand_out(self) -> None:
        """Trials that wait to workers that do nothing."""
        if self._pool is None:
            return
        with self._pool.lock:
            for slot in self._pool.ready:
                if slot.task is None and self._waiting:
                    self._begin(slot, self._waiting.popleft())

    def _begin(self, slot: Slot, task: Task) -> None:
        config = RunConfig(**task.config)
        try:
            slot.begin(task, self._dataset(config), {} if slot.node["shared"] else packed(config))
        except (HandgradError, OSError) as error:
            how = "refused" if isinstance(error, UsageError | CorruptDataError) else "broken"
            self.send({"ended": list(Ended(task.number, how, message=str(error)))})

    def _dataset(self, config: RunConfig) -> Any:
        """Loaded here, and put where every node can get it once: they need neither the files nor the internet."""
        import ray

        key = data_key(config)
        if key not in self._data:
            self._data[key] = ray.put(data_set(config))
        return self._data[key]

    def _news(self, event: News) -> None:
        slot, content = event
        if "epoch" in content:
            self.send({"epoch": content["epoch"]})
            return
        print(content["noise"], end="", file=sys.stderr, flush=True)
        task, ended = slot.task, content["ended"]
        if task and content["files"]:
            try:
                unpack(content["files"], RunConfig(**task.config))
            except (HandgradError, OSError) as error:
                ended = list(Ended(task.number, "broken", message=f"its run cannot be kept: {error}"))
        slot.task = None
        self.send({"ended": ended})

    def _gone(self, event: Gone) -> None:
        slot = event.slot
        if slot.task:
            self.send({"died": [slot.task.number, f"its worker on {slot.host} is gone"]})

    def _remark(self, event: Remark) -> None:
        self.send({"notice": event.text})


TELLERS: dict[type[WorkerEvent], Any] = {News: Proxy._news, Gone: Proxy._gone, Remark: Proxy._remark}

if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
