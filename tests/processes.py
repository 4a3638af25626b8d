"""Processes that tests start, watch and end. Nothing here depends on how busy the machine is, but for a last limit."""

import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

LIMIT = 120.0  # seconds until something that does not happen fails a test


def wait_for(happened: Callable[[], T], what: str, seconds: float = LIMIT) -> T:
    """What `happened` answers once that is true."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        answer = happened()
        if answer:
            return answer
        time.sleep(0.01)
    raise AssertionError(f"{what} did not happen within {seconds:g} s")


def children(pid: int) -> list[int]:
    """The processes whose parent `pid` is."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:  # it has ended
        return []


def descendants(pid: int) -> list[int]:
    """Its children, theirs, and so on."""
    return [each for child in children(pid) for each in (child, *descendants(child))]


def kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def gone(pids: Iterable[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def cpu_seconds(pid: int) -> float:
    """What a process and its descendants have had of the processor, which hangs less on its other work than a clock."""
    found = 0
    for each in (pid, *descendants(pid)):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        found += int(fields[11]) + int(fields[12])
    return found / os.sysconf("SC_CLK_TCK")
