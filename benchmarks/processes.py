"""The processes that measure: pinned to cores, the thread counts of every library set, the memory of all watched."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from handgrad.errors import HandgradError
from handgrad.machine import available_cores

ROOT = Path(__file__).parents[1]
PROCESSES, EVERY_SECONDS = Path("/proc"), 1.0
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
ERROR_LINE = re.compile(r"[\w.]+(Error|Exception|Exit|Interrupt)\b")  # the line of a traceback that says what it was
XLA_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


class ProcessError(HandgradError):
    """A process of the benchmark failed; the message is the error that ended it."""

    exit_code = 1


def cores_for(threads: str) -> tuple[int, ...]:
    """ "1" or "all": the last core alone (the first one serves interrupts), or every one."""
    cores = available_cores()
    return cores[-1:] if threads == "1" else cores


def environment(threads: int) -> dict[str, str]:
    """This process's variables, with every library told to use so many threads and to stay on the processor."""
    more = dict.fromkeys(THREAD_VARIABLES, str(threads))
    more |= {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONWARNINGS": "ignore"}
    if threads == 1:
        more["XLA_FLAGS"] = XLA_ONE_THREAD
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **more, "PYTHONPATH": path}


@contextmanager
def pinned(cores: Sequence[int]) -> Iterator[None]:
    """Processes started within are confined to `cores`, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def start(
    name: str, arguments: Mapping[str, Any], cores: Sequence[int], more: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    """Start the measurement of that name (see worker) on `cores`, with `more` variables in its environment."""
    command = [sys.executable, "-m", "benchmarks.worker", name, json.dumps(arguments)]
    variables = environment(len(cores)) | dict(more or {})
    with pinned(cores):
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables)


def finish(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Wait for what `start` started and read the JSON of its last line.  Raises  ProcessError when it failed."""
    try:
        out, complaints = process.communicate()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        lines = complaints.strip().splitlines() or [f"exit code {process.returncode}"]
        named = [line for line in lines if ERROR_LINE.match(line)] or lines
        raise ProcessError(f"its process failed: {named[-1]}")
    measured: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return measured


def run(
    name: str, arguments: Mapping[str, Any], cores: Sequence[int], more: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """`start` and `finish`."""
    return finish(start(name, arguments, cores, more))


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

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


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
