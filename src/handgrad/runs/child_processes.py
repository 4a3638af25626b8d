"""Processes that a command starts: they end with it, however it ends, and Ctrl-C in a terminal is its own affair."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SET_DEATH_SIGNAL = 1  # Linux's PR_SET_PDEATHSIG
ORPHANED = 1.0  # seconds between two looks whether the parent is there, on other systems than Linux
KILLED = "a process was killed, perhaps for want of memory: the same command with fewer --jobs goes on"


def end_with(parent: int) -> None:
    """Have Linux kill this process when `parent` ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that
        os._exit(1)


def follow(parent: int) -> None:
    """End with `parent` on every system, and away from the terminal's Ctrl-C, which it passes on as SIGTERM."""
    os.setpgid(0, 0)
    end_with(parent)
    if sys.platform != "linux":
        threading.Thread(target=_wait_for_end, args=(parent,), daemon=True).start()


def _wait_for_end(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(ORPHANED)
    os._exit(1)


@contextmanager
def starting_processes() -> Iterator[None]:
    """Of a Ctrl-C that comes during the block this process hears at its end, those that are started in it never.

    They would otherwise print a traceback each while they import, before `follow`.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
