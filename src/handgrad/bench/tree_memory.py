"""How much memory a process and all that it has started occupy together."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROCESSES = Path("/proc")
EVERY_SECONDS = 1.0


class Peak:
    """The most that was seen; None where the system does not tell."""

    bytes: int | None = None


@contextmanager
def watched(pid: int) -> Iterator[Peak]:
    """While the block runs, look at the tree of processes below `pid` once a second."""
    peak, over = Peak(), threading.Event()

    def watch() -> None:
        while not over.wait(EVERY_SECONDS):
            found = sum(share(each) for each in tree(pid))
            peak.bytes = max(peak.bytes or 0, found) or None

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def tree(pid: int) -> Iterator[int]:
    """The process and its descendants."""
    yield pid
    for thread in PROCESSES.glob(f"{pid}/task/*/children"):
        try:
            children = [int(child) for child in thread.read_text().split()]
        except OSError:  # it has just ended
            continue
        for child in children:
            yield from tree(child)


def share(pid: int) -> int:
    """Bytes of physical memory, those shared with others divided among them; 0 for a process that has ended.

    Ref     proc_pid_smaps(5): Pss
    """
    try:
        lines = (PROCESSES / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
