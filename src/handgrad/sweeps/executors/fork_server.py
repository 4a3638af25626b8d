"""The fork server of local workers: everything imported, compiled and loaded, and shared by all of them.

A worker so begins its first trial within milliseconds, and a data set is in memory once. The server has a single
thread, as whatever forks must. `python -m handgrad.sweeps.executors.fork_server FD CONFIGS` prepares for the
configurations in the JSON text CONFIGS; then each byte that comes over the socket FD together with a socket asks for a
worker that serves it.
"""

import gc
import json
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any, NoReturn

from handgrad.config import RunConfig
from handgrad.errors import HandgradError, UsageError
from handgrad.evaluation import measure
from handgrad.kernels.cache import NOTICE
from handgrad.runs import prepare
from handgrad.runs.interruption import end_with
from handgrad.runs.trackers import preload
from handgrad.sweeps.executors.protocol import Channel, EpochEnded, Task
from handgrad.sweeps.executors.run_trial import data_set, run_trial
from handgrad.training import Trainer


def main(descriptor: int, configs: str) -> None:
    """Prepare, then fork a worker whenever one is asked for, until the driver is gone."""
    driver = os.getppid()
    end_with(driver)  # elsewhere than on Linux, the closed socket must do
    logging.getLogger("handgrad").addHandler(logging.NullHandler())  # each run has its own log
    end = socket.socket(fileno=descriptor)
    control = Channel(end)
    NOTICE.report = lambda: control.send({"compiling": True})
    try:
        warm_up(json.loads(configs))
    except HandgradError as error:
        control.send({"refused": str(error), "exit_code": error.exit_code})
        return
    control.send({"ready": True})
    gc.freeze()  # so that no collection in a worker copies these pages
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for workers: their sockets tell when they end
    fork_server = os.getpid()
    while True:
        data, descriptors, _, _ = socket.recv_fds(end, 1, 1)
        if not data:
            return
        if os.fork() == 0:
            end.close()
            serve(Channel(socket.socket(fileno=descriptors[0])), fork_server)
        os.close(descriptors[0])


def warm_up(configs: list[dict[str, Any]]) -> None:
    """Load the data sets and trackers, and take a step of each configuration, for which all its kernels are loaded.

    A network that does not fit its images is left out: its trial, if it ever comes, will say why.
    """
    for mapping in configs:
        config = RunConfig(**mapping)
        dataset = data_set(config)
        preload(config)
        with suppress(UsageError):
            network, parts, settings = prepare(config, dataset)
            Trainer(network, parts, settings).seconds_for(1)
            measure(network, parts.x, parts.y, parts.train_rows[:1])


def serve(channel: Channel, fork_server: int) -> NoReturn:
    """A worker's life: one trial after the other, until the driver hangs up."""
    end_with(fork_server)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    channel.send({"pid": os.getpid()})
    try:
        reporter = SocketReporter(channel)
        while (message := channel.receive()) is not None:
            if "task" in message:
                task = Task(*message["task"])
                channel.send({"ended": list(run_trial(task, reporter))})
                reporter.stopping = False
    finally:
        os._exit(0)


class SocketReporter:
    """A trial's Reporter over a worker's channel."""

    def __init__(self, channel: Channel) -> None:
        self.channel, self.stopping = channel, False

    def epoch_ended(self, event: EpochEnded) -> str:
        self.channel.send({"epoch": list(event)})
        while event.asks:
            message = self.channel.receive()
            if message is None or "interrupt" in message:
                self.stopping = True
                return "interrupted"
            if "answer" in message:
                return str(message["answer"])
        return ""

    def interrupted(self) -> bool:
        """Whether an interrupt has come, or the driver has hung up."""
        self.stopping = self.stopping or any("interrupt" in message for message in self.channel.received())
        return self.stopping or self.channel.closed


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
