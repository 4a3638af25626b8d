"""The Executor that a driver has of a cluster: the near end of a bridge."""

import json
import os
import secrets
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from handgrad.errors import FileSystemError, HandgradError
from handgrad.sweeps.cluster.address import LOCAL, check_cluster
from handgrad.sweeps.executor import Died, Ended, EpochEnded, Event, Notice, Task
from handgrad.sweeps.workers.channel import Channel

BRIDGE = "handgrad.sweeps.cluster.bridge"
PATIENCE_SECONDS = 25.0
EVENTS: dict[str, Callable[[Any], Event]] = {
    "epoch": lambda fields: EpochEnded(*fields),
    "ended": lambda fields: Ended(*fields),
    "died": lambda fields: Died(*fields),
    "notice": Notice,
}


class Cluster:
    """Trials on a Ray cluster, at most `jobs` at a time, else as many as it has CPUs; what Ray says goes to `log`.

    Ray is at work in a process of its own, the bridge: it prints what it likes there, and where it loses its cluster,
    for which it knows no other way than to abort the process, the driver goes on and says so.

    Raises  as check_cluster.
    """

    def __init__(self, address: str, jobs: int | None, config: dict[str, Any], runs_dir: Path, log: Path) -> None:
        check_cluster(address)
        self.address, self._log, self._workers = address, log, 0
        self._mark = runs_dir.absolute() / f".{secrets.token_hex(8)}"  # nobody has it who does not see this folder
        self._mark.touch()
        order = {"address": address, "jobs": jobs, "config": config, "mark": str(self._mark)}
        ours, theirs = socket.socketpair()
        with theirs, log.open("ab") as file:
            self._bridge = subprocess.Popen(
                [sys.executable, "-m", BRIDGE, str(theirs.fileno()), json.dumps(order)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={**os.environ, **environment(address)},
                start_new_session=True,  # Ctrl-C is for the driver alone
            )
        self._channel = Channel(ours)

    @property
    def slots(self) -> int:
        """The workers that are there; one trial can wait for the first of them."""
        return max(1, self._workers)

    def submit(self, task: Task) -> None:
        """Over the bridge."""
        self._channel.send({"task": list(task)})

    def answer(self, number: int, stop: str) -> None:
        """To the trial that asks."""
        self._channel.send({"answer": [number, stop]})

    def interrupt(self) -> None:
        """To every trial."""
        self._channel.send({"interrupt": True})

    def events(self, seconds: float) -> Sequence[Event]:
        """Read what has come, once something has.

        Raises  HandgradError when the cluster cannot be reached any more, or its nodes cannot run trials.
        """
        select.select([self._channel.socket], [], [], seconds)
        found = [event for message in self._channel.received() for event in self._events(message)]
        if self._channel.closed and not found:
            why = f"the Ray cluster ({self.address}) was lost: {self._log} may tell why"
            raise FileSystemError(f"{why}. Go on with: handgrad sweep resume {self._log.parent} --ray {self.address}")
        return found

    def close(self) -> None:
        """Hang up: the bridge dismisses its workers, and ends a cluster of its own."""
        self._channel.close()
        try:
            self._bridge.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._bridge.kill()
            self._bridge.wait()
        self._mark.unlink(missing_ok=True)

    def _events(self, message: dict[str, Any]) -> list[Event]:
        if "refused" in message:
            error = HandgradError(message["refused"])
            error.exit_code = message["exit_code"]
            raise error
        self._workers = message.get("workers", self._workers)
        return [make(message[kind]) for kind, make in EVENTS.items() if kind in message]


def environment(address: str) -> dict[str, str]:
    """Variables of the bridge; a cluster of its own has a token of its own, where nobody says otherwise."""
    variables = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_NUM_REDIS_GET_RETRIES": "4",  # of a cluster that does not answer: each takes up to 6 s
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else a driver under `uv run` would send its folder to every node
    }
    if address == LOCAL and "RAY_AUTH_MODE" not in os.environ:
        variables |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    return variables
