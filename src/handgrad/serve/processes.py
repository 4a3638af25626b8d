"""Other processes: commands that the page starts or stops, and the worker that does what needs the compiler."""

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handgrad.errors import UsageError
from handgrad.serve.run_index import lock_holder, lock_holders

MOST_JOBS, TAIL_BYTES = 8, 4000
LONGEST_LINE, TASK_SECONDS, IDLE_SECONDS = 1 << 24, 300.0, 600.0


class Job:
    """A command of handgrad in a process of its own, which goes on when the server ends."""

    def __init__(self, words: Sequence[str]) -> None:
        self.command = shlex.join(["handgrad", *words])
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - as long as this job
        self.process = subprocess.Popen(
            [sys.executable, "-m", "handgrad", *words],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def to_mapping(self) -> dict[str, Any]:
        """Its command, its exit code if it has ended, and the end of what it printed."""
        size = os.fstat(self._output.fileno()).st_size
        text = os.pread(self._output.fileno(), TAIL_BYTES, max(0, size - TAIL_BYTES)).decode(errors="replace")
        return {"command": self.command, "code": self.process.poll(), "output": text.splitlines()[-12:]}


class Jobs:
    """The commands that this server has started, the newest last."""

    def __init__(self) -> None:
        self.all: list[Job] = []

    def start(self, words: Sequence[str]) -> Job:
        """Start a command.  Raises  UsageError when enough of them run."""
        running = [job for job in self.all if job.running]
        if len(running) >= MOST_JOBS:
            raise UsageError(f"{MOST_JOBS} commands run already: wait for one of them")
        self.all = [*self.all[-MOST_JOBS:], Job(words)]
        return self.all[-1]


def interrupt(lock: Path, what: str) -> int:
    """Send the process that has locked a file, and `what` it does, what Ctrl-C sends; returns its number.

    Raises  UsageError when there is none, or the system does not say which it is.
    """
    holders = lock_holders()
    if holders is None:
        raise UsageError(f"this system does not say which process {what}: press Ctrl-C where it was started")
    process = lock_holder(lock, holders)
    if process is None or process <= 1:
        raise UsageError(f"no process {what}")
    try:
        os.kill(process, signal.SIGINT)
    except OSError as error:
        raise UsageError(f"cannot stop process {process}, which {what}: {error.strerror}") from error
    return process


class Worker:
    """The process that compares, draws conclusions and classifies: started when first wanted, ended when idle."""

    def __init__(self, seconds: float = TASK_SECONDS) -> None:
        self.seconds = seconds  # that a task may take
        self._process: asyncio.subprocess.Process | None = None
        self._one = asyncio.Lock()
        self._end: asyncio.TimerHandle | None = None

    async def do(self, task: str, **arguments: Any) -> dict[str, Any]:
        """What the worker answers.  Raises  UsageError with the error's line, or when it takes too long."""
        async with self._one:
            if self._end:
                self._end.cancel()
            try:
                process = await self._started()
                assert process.stdin
                assert process.stdout
                process.stdin.write(json.dumps({"task": task, **arguments}).encode() + b"\n")
                await process.stdin.drain()
                line = await asyncio.wait_for(process.stdout.readline(), self.seconds)
                result = json.loads(line)
            except (TimeoutError, ValueError, OSError) as error:
                self.stop()
                raise UsageError(f"the worker ended or took too long while it was to {task}: try once more") from error
            except asyncio.CancelledError:  # whoever wanted it has gone, and its answer must not reach somebody else
                self.stop()
                raise
            self._end = asyncio.get_running_loop().call_later(IDLE_SECONDS, self.stop)
        if "error" in result:
            raise UsageError(result["error"])
        return dict(result)

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "handgrad.serve.worker"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                limit=LONGEST_LINE,
                start_new_session=True,  # a Ctrl-C at the server's terminal is the server's
            )
        return self._process

    def stop(self) -> None:
        """End it; what is wanted next starts another."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        self._process = None
