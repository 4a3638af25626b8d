"""The process between a sweep's driver and a Ray cluster: `python -m handgrad.sweeps.cluster.bridge FD ORDER`.

It hands trials to workers, and passes on what they tell. A worker is one of Ray's actors, not a task a trial: it
imports, compiles and loads once, it can be asked and told things while it trains, and a trial whose worker is gone is
run again by the driver, which counts such deaths and knows of checkpoints.
"""

import json
import os
import socket
import sys
import threading
import traceback
from collections import deque
from pathlib import Path
from typing import Any

from handgrad.config import RunConfig
from handgrad.errors import CorruptDataError, FileSystemError, HandgradError, UsageError
from handgrad.sweeps.cluster.connection import connected, last_line
from handgrad.sweeps.cluster.parcel import packed, unpack
from handgrad.sweeps.cluster.staff import Gone, Happening, News, Remark, Slot, Staff
from handgrad.sweeps.executor import INTERRUPTED, Ended, Task
from handgrad.sweeps.workers.channel import Channel
from handgrad.sweeps.workers.execution import data_key, data_set

POLL_SECONDS = 0.2
FAREWELL_SECONDS = 20.0


def main(descriptor: int, text: str) -> None:
    """Serve the driver until it hangs up, however it ends."""
    bridge, order = Bridge(Channel(socket.socket(fileno=descriptor))), json.loads(text)
    address, jobs = order["address"], order["jobs"]
    threading.Thread(target=bridge.listen, daemon=True).start()
    try:
        with connected(address, jobs, bridge.give_up):
            bridge.serve(jobs, RunConfig(**order["config"]), Path(order["mark"]))
    except HandgradError as error:
        bridge.send({"refused": str(error), "exit_code": error.exit_code})
    except Exception as error:  # of Ray, which has lost its cluster
        traceback.print_exc()
        lost = f"the Ray cluster ({address}) was lost: {last_line(error)}"
        bridge.send({"refused": lost, "exit_code": FileSystemError.exit_code})
    os._exit(0)  # whatever threads Ray still has


class Bridge:
    """Does as the driver says, in a thread that listens to it, and tells it what happens, in the main thread."""

    def __init__(self, channel: Channel) -> None:
        self._channel, self._sending = channel, threading.Lock()
        self._over = threading.Event()
        self._staff: Staff | None = None
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
            end = threading.Timer(FAREWELL_SECONDS, os._exit, (1,))
            end.daemon = True
            end.start()

    def serve(self, jobs: int | None, config: RunConfig, mark: Path) -> None:
        """Until the driver hangs up.  Raises  HandgradError when no trial can be run."""
        self._staff = staff = Staff(jobs, config, self._dataset(config), mark)
        while not self._over.is_set():
            for happening in staff.look(POLL_SECONDS):
                TELLERS[type(happening)](self, happening)
            self._hand_out()
            if self._workers != len(staff.ready):
                self._workers = len(staff.ready)
                self.send({"workers": self._workers})
        staff.dismiss()

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
        return [slot for slot in self._staff.slots if slot.task] if self._staff else []

    def _hand_out(self) -> None:
        """Trials that wait to workers that do nothing."""
        if self._staff is None:
            return
        with self._staff.lock:
            for slot in self._staff.ready:
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

    def _news(self, happening: News) -> None:
        slot, content = happening
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

    def _gone(self, happening: Gone) -> None:
        slot = happening.slot
        if slot.task:
            self.send({"died": [slot.task.number, f"its worker on {slot.host} is gone"]})

    def _remark(self, happening: Remark) -> None:
        self.send({"notice": happening.text})


TELLERS: dict[type[Happening], Any] = {News: Bridge._news, Gone: Bridge._gone, Remark: Bridge._remark}

if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
