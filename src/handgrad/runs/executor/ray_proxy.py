"""The process between the driver of a sweep and a Ray cluster.

`python -m handgrad.runs.executor.ray_proxy FD ORDER` hands tasks to workers, and passes on what they report. A worker
is one of Ray's actors, which live as long as the sweep, and not one of Ray's tasks: it imports, compiles and loads data
once, and takes messages while it trains. Where a worker is gone, the driver of the sweep has its trial run again.
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
from typing import Any

from handgrad.config import RunConfig, data_key
from handgrad.errors import CorruptDataError, FileSystemError, HandgradError, UsageError
from handgrad.runs.executor.protocol import INTERRUPTED, Channel, Ended, Task
from handgrad.runs.executor.ray_cluster import connected, last_line
from handgrad.runs.executor.ray_worker import Worker, difference, facts, packed, refusal, unpack
from handgrad.runs.executor.worker import data_set, folder_of

LONG_SECONDS = 30.0  # without a worker, after which that is worth a remark
COUNT_SECONDS = 2.0  # between two looks at how many CPUs there are
STOP_SECONDS = 2.0
MOMENT_SECONDS = 0.5
CALLS = 8  # at once in a worker: the trial, the one who listens, and some short ones
FAILURES = 3  # of workers to begin, in a row and with none at work, before the sweep is given up
POLL_SECONDS = 0.2
SHUTDOWN_SECONDS = 20.0


class Slot:
    """A worker, the call that it was sent last, what takes the result, and the task that it has."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.call: Any = None
        self.then: Callable[[Slot, Any], None]
        self.node: dict[str, Any] = {}
        self.ready, self.heard = False, 0
        self.task: Task | None = None
        self.running: Any = None

    @property
    def host(self) -> str:
        """The node that it is on, as far as that is known."""
        return str(self.node.get("host", "a node"))

    def wait_for(self, call: Any, then: Callable[["Slot", Any], None]) -> None:
        self.call, self.then = call, then

    def begin(self, task: Task, dataset: Any, bundle: dict[str, bytes]) -> None:
        self.task = task
        self.running = self.actor.run.remote(list(task), dataset, bundle)


class WorkerPool:
    """As many workers as the cluster has CPUs, or `jobs` of the order, for whose `config` and data set they prepare.

    One on a node that cannot run trials keeps its place, or Ray would offer the same place again. Whoever gives a slot
    a trial holds `lock`.
    """

    def __init__(self, order: dict[str, Any], dataset: Any, proxy: "Proxy") -> None:
        self.order, self.dataset, self.proxy = order, dataset, proxy
        self.lock = threading.RLock()
        self.slots: list[Slot] = []
        self._ours, self._remarks = facts(order["files"]), set[str]()
        self._failures = 0
        self._count_at, self._alone_since = 0.0, time.monotonic()

    @property
    def ready(self) -> list[Slot]:
        return [slot for slot in self.slots if slot.ready]

    def look(self, seconds: float) -> None:
        """Start workers where there is room, and pass on what they report; waits at most so long for something.

        Raises  HandgradError when nobody can run trials here.
        """
        import ray

        self._start_missing()
        slots = {slot.call: slot for slot in self.slots}
        slots |= {slot.running: slot for slot in self.slots if slot.running is not None}
        if not slots:
            time.sleep(seconds)
            self._patience()
            return
        done, rest = ray.wait(list(slots), timeout=seconds)
        more, _ = ray.wait(rest, num_returns=len(rest), timeout=0) if done and rest else ([], [])
        self._patience()
        for ref in [*done, *more]:
            if slots[ref] in self.slots:  # it may just have been missed
                self._receive(slots[ref], ref)

    def stop(self) -> None:
        """Let everybody go, with what they have put into scratch folders."""
        import ray

        leaving = [slot.actor.stop.remote() for slot in self.ready if not slot.node["shared"]]
        if leaving:
            ray.wait(leaving, num_returns=len(leaving), timeout=STOP_SECONDS)
        for slot in self.slots:
            ray.kill(slot.actor)

    def _patience(self) -> None:
        if self.ready:
            self._alone_since = time.monotonic()
        if time.monotonic() >= self._alone_since + LONG_SECONDS:
            self._remark("waiting for the Ray cluster: it has no CPU free, or its nodes are slow to begin")

    def _start_missing(self) -> None:
        import ray

        if time.monotonic() < self._count_at:
            return
        self._count_at = time.monotonic() + COUNT_SECONDS
        refused = sum(slot.then == self._ignore for slot in self.slots)
        cpus = int(ray.cluster_resources().get("CPU", 0))
        if refused and refused >= cpus:
            raise UsageError(f"no node of the Ray cluster can run trials: {sorted(self._remarks)[0]}")
        wanted = self.order["jobs"] or cpus - refused
        for _ in range(wanted + refused - len(self.slots)):
            self.slots.append(self._started())

    def _started(self) -> Slot:
        import ray

        actor = ray.remote(Worker).options(num_cpus=1, max_restarts=0, max_task_retries=0, max_concurrency=CALLS)
        slot = Slot(actor.remote(self.order["function"], os.getcwd(), self.order["mark"]))
        slot.wait_for(slot.actor.greet.remote(self.order["files"]), self._greeted)
        return slot

    def _receive(self, slot: Slot, ref: Any) -> None:
        import ray

        try:
            result = ray.get(ref)
        except ray.exceptions.ActorUnavailableError as error:
            if ref != slot.call or not slot.ready:
                self._missed(slot, error)
                return
            time.sleep(MOMENT_SECONDS)  # the network may be back by then, and with it what was not heard
            result = []
        except Exception as error:  # Ray's, or one of the worker's own in Ray's clothes
            self._missed(slot, error)
            return
        if ref == slot.call:
            slot.then(slot, result)
        elif ref == slot.running:  # no next trial has begun in the meantime
            slot.running = None

    def _greeted(self, slot: Slot, node: dict[str, Any]) -> None:
        slot.node = node
        refused = refusal(self._ours, node)
        if refused:
            self._remark(f"{slot.host} is left out: {refused}")
            self._ignore(slot, ())
        else:
            slot.wait_for(slot.actor.prepare.remote(self.order["config"], self.dataset), self._prepared)

    def _ignore(self, slot: Slot, messages: Any) -> None:
        slot.wait_for(slot.actor.listen.remote(0), self._ignore)

    def _prepared(self, slot: Slot, _: Any) -> None:
        self._failures, slot.ready = 0, True
        self._pass_on(slot, [])
        other = difference(self._ours, slot.node)
        if other:
            self._remark(f"{slot.host} may differ in the last bits: {other}")
        if not slot.node["shared"]:
            folder = Path(self.order["mark"]).parent
            self._remark(f"{slot.host} does not see {folder}: its runs are fetched when they end")

    def _pass_on(self, slot: Slot, messages: list[dict[str, Any]]) -> None:
        slot.heard += len(messages)
        slot.wait_for(slot.actor.listen.remote(slot.heard), self._pass_on)
        for message in messages:
            self.proxy.pass_on(slot, message)

    def _missed(self, slot: Slot, error: Exception) -> None:
        """Of a worker that did not even begin, the reason counts; of one that did, that it is gone."""
        import ray

        print(f"worker on {slot.host}: {error}", file=sys.stderr, flush=True)
        with self.lock:
            self.slots.remove(slot)
            began, slot.ready = slot.ready, False
        ray.kill(slot.actor)
        if not began:
            self._failed(error)
        if slot.task:
            self.proxy.send({"died": [slot.task.number, f"its worker on {slot.host} is gone"]})

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

    def _remark(self, text: str) -> None:
        """Each is made once, however many workers there are on a node."""
        if text not in self._remarks:
            self._remarks.add(text)
            self.proxy.send({"notice": [text]})


def main(descriptor: int, text: str) -> None:
    """Serve the driver until it hangs up, however it ends."""
    proxy, order = Proxy(Channel(socket.socket(fileno=descriptor))), json.loads(text)
    address = order["address"]
    threading.Thread(target=proxy.listen, daemon=True).start()
    try:
        with connected(address, order["jobs"], proxy.give_up):
            proxy.serve(order)
    except HandgradError as error:
        proxy.send({"refused": error.text, "exit_code": error.exit_code})
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

    def serve(self, order: dict[str, Any]) -> None:
        """Until the driver hangs up.  Raises  HandgradError when no task can be done."""
        self._pool = pool = WorkerPool(order, self._dataset(order["config"]), self)
        while not self._over.is_set():
            pool.look(POLL_SECONDS)
            self._hand_out()
            if self._workers != len(pool.ready):
                self._workers = len(pool.ready)
                self.send({"workers": self._workers})
        pool.stop()

    def _obey(self, message: dict[str, Any]) -> None:
        if "task" in message:
            self._waiting.append(Task(*message["task"]))
            self._hand_out()
        if "decision" in message:
            number, stop = message["decision"]
            for slot in self._busy():
                if slot.task and slot.task.number == number:
                    slot.actor.decide.remote(stop)
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
        try:
            slot.begin(task, self._dataset(task.config), {} if slot.node["shared"] else packed(folder_of(task)))
        except (HandgradError, OSError) as error:
            how = "refused" if isinstance(error, UsageError | CorruptDataError) else "broken"
            self.send({"ended": list(Ended(task.number, how, message=str(error)))})

    def _dataset(self, fields: dict[str, Any]) -> Any:
        """Loaded here, and put where every node can get it once: they need neither the files nor the internet."""
        import ray

        if not fields:
            return None
        config = RunConfig(**fields)
        key = data_key(config)
        if key not in self._data:
            self._data[key] = ray.put(data_set(config))
        return self._data[key]

    def pass_on(self, slot: Slot, content: dict[str, Any]) -> None:
        """A message of a worker to the driver; a run that ends elsewhere is unpacked first."""
        if "ended" not in content:
            self.send(content)
            return
        print(content["noise"], end="", file=sys.stderr, flush=True)
        task, ended = slot.task, content["ended"]
        if task and content["files"]:
            try:
                unpack(content["files"], task)
            except (HandgradError, OSError) as error:
                ended = list(Ended(task.number, "broken", message=f"its run cannot be kept: {error}"))
        slot.task = None
        self.send({"ended": ended})


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
