"""The fork server of local workers: everything imported, compiled and loaded, and shared by all of them.

A worker so begins its first task within milliseconds, and a data set is in memory once. The server has a single
thread, as whatever forks must. `python -m handgrad.runs.executor.fork_server FD ORDER` prepares for what the JSON text
ORDER names, the function of all tasks and some configurations; then each byte that comes over the socket FD together
with a socket asks for a worker that serves it.
"""

import ctypes
import gc
import json
import logging
import os
import pkgutil
import signal
import socket
import sys
from typing import NoReturn

from handgrad import kernels
from handgrad.errors import HandgradError
from handgrad.runs.executor.protocol import INTERRUPTED, Channel, EpochEnded, Task, TaskProgress, message_of
from handgrad.runs.executor.worker import Function, perform, warm_up

SET_DEATH_SIGNAL = 1  # Linux's PR_SET_PDEATHSIG


def end_with(parent: int) -> None:
    """Have Linux kill this process when `parent` ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that
        os._exit(1)


def main(descriptor: int, text: str) -> None:
    """Prepare, then fork a worker whenever one is wanted, until the driver is gone."""
    end_with(os.getppid())  # on other systems than Linux, the closed socket must do
    logging.getLogger("handgrad").addHandler(logging.NullHandler())  # each run has its own log
    end = socket.socket(fileno=descriptor)
    control, order = Channel(end), json.loads(text)
    kernels.cache.NOTICE.report = lambda: control.send({"compiling": True})
    function: Function = pkgutil.resolve_name(order["function"])
    try:
        warm_up(order["configs"])
    except HandgradError as error:
        control.send({"refused": error.text, "exit_code": error.exit_code})
        return
    control.send({"ready": True})
    gc.freeze()  # so that no collection in a worker copies these pages
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for workers: their sockets show when they end
    fork_server = os.getpid()
    while True:
        data, descriptors, _, _ = socket.recv_fds(end, 1, 1)
        if not data:
            return
        if os.fork() == 0:
            end.close()
            serve(Channel(socket.socket(fileno=descriptors[0])), function, fork_server)
        os.close(descriptors[0])


def serve(channel: Channel, function: Function, fork_server: int) -> NoReturn:
    """A worker's life: one task after the other, until the driver hangs up."""
    end_with(fork_server)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    kernels.cache.NOTICE.report = lambda: channel.send({"compiling": True})
    channel.send({"pid": os.getpid()})
    try:
        reporter = SocketReporter(channel)
        while (message := channel.receive()) is not None:
            if "task" in message:
                channel.send({"ended": list(perform(function, Task(*message["task"]), reporter))})
                reporter.stopping = False
    finally:
        os._exit(0)


class SocketReporter:
    """A task's Reporter over a worker's channel."""

    def __init__(self, channel: Channel) -> None:
        self.channel, self.stopping = channel, False

    def report(self, event: EpochEnded | TaskProgress) -> str:
        self.channel.send(message_of(event))
        while event.asks:
            message = self.channel.receive()
            if message is None or "interrupt" in message:
                self.stopping = True
                return INTERRUPTED
            if "decision" in message:
                return str(message["decision"])
        return ""

    def interrupted(self) -> bool:
        """Whether an interrupt has come, or the driver has hung up."""
        self.stopping = self.stopping or any("interrupt" in message for message in self.channel.received())
        return self.stopping or self.channel.closed


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
