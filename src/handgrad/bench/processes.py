"""Starting the benchmark's processes: pinned to cores, with the thread counts of every library set beforehand."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from handgrad.errors import HandgradError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
ERROR_LINE = re.compile(r"[\w.]+(Error|Exception|Exit|Interrupt)\b")  # the line of a traceback that says what it was
XLA_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


class ProcessError(HandgradError):
    """A process of the benchmark failed; the message is the error that ended it."""

    exit_code = 1


def available_cores() -> tuple[int, ...]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


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
    return {**os.environ, **more}


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
    module: str, arguments: Sequence[str], cores: Sequence[int], more: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    """Start `python -m handgrad.bench.module arguments` on `cores`, with `more` variables in its environment."""
    command = [sys.executable, "-m", f"handgrad.bench.{module}", *arguments]
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
    module: str, arguments: Sequence[str], cores: Sequence[int], more: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """`start` and `finish`."""
    return finish(start(module, arguments, cores, more))
