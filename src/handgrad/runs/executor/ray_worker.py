"""The process that does tasks on a node of a Ray cluster: an actor of Ray, which itself has not a line of Ray."""

import contextlib
import hashlib
import io
import json
import os
import pkgutil
import shutil
import socket
import tempfile
import threading
from collections import deque
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from threadpoolctl import threadpool_limits

from handgrad.config import RunConfig
from handgrad.data import Dataset
from handgrad.errors import CorruptDataError, HandgradError
from handgrad.files import TEMPORARY_PREFIX, atomic_write, json_text
from handgrad.runs.executor.protocol import INTERRUPTED, Ended, EpochEnded, Task, TaskProgress, message_of
from handgrad.runs.executor.worker import Function, perform, provide, run_of, warm_up
from handgrad.training.trainer import environment


class MessageQueue:
    """A task's Reporter, for a driver that polls for messages over a network that may lose a reply.

    Messages are numbered from 0 and stay until the driver has acknowledged them.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._news: deque[Any] = deque()
        self._first = 0
        self._decision: str | None = None
        self._stopping = False

    def post(self, news: Any) -> None:
        with self._changed:
            self._news.append(news)
            self._changed.notify_all()

    def listen(self, heard: int, seconds: float) -> list[Any]:
        """The news from number `heard` on; waits at most so long for some."""
        with self._changed:
            while self._first < heard and self._news:
                self._news.popleft()
                self._first += 1
            self._changed.wait_for(lambda: bool(self._news), seconds)
            return list(self._news)

    def begin(self) -> None:
        """A new task: nothing that was sent to the last one counts."""
        with self._changed:
            self._decision, self._stopping = None, False

    def decide(self, stop: str) -> None:
        with self._changed:
            self._decision = stop
            self._changed.notify_all()

    def interrupt(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def report(self, event: EpochEnded | TaskProgress) -> str:
        with self._changed:
            self._decision = None
        self.post(message_of(event))
        if not event.asks:
            return ""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._decision is not None)
            return INTERRUPTED if self._decision is None else self._decision

    def interrupted(self) -> bool:
        return self._stopping


PACKAGE = Path(__file__).parents[2]


@cache
def sources(folder: Path = PACKAGE) -> str:
    """A digest of every source file: two nodes with one version number may still run different code."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def facts() -> dict[str, Any]:
    """What a node tells of itself, as plain data."""
    return {"host": socket.gethostname(), "sources": sources(), "environment": environment()}


def refusal(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """Why a node cannot take trials: it has another handgrad; nothing where it can."""
    here, there = ours["environment"]["handgrad"], theirs["environment"]["handgrad"]
    if here != there:
        return f"it has handgrad {there}, this machine has {here}"
    if ours["sources"] != theirs["sources"]:
        return f"its handgrad {there} differs from this machine's in its source files"
    return ""


def difference(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """What may change the last bits of a trial that is run there; nothing where nothing does."""
    here, there = ours["environment"], theirs["environment"]
    return ", ".join(f"{name} {there.get(name)} for {here[name]}" for name in here if here[name] != there.get(name))


ArtifactBundle = dict[str, bytes]
"""The content of each file, by its path in the folder."""


def packed(config: RunConfig) -> ArtifactBundle:
    """Every file of a run; none where there is no run to go on with."""
    folder = run_of(config).path
    if not (folder / "config.yaml").is_file():
        return {}
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    kept = [path for path in paths if path.name != ".lock" and not path.name.startswith(TEMPORARY_PREFIX)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in kept}


def unpack(bundle: ArtifactBundle, config: RunConfig) -> None:
    """Make the run's folder hold these files and no others, as if `config` had been trained here.

    metrics.json, by which a run is known to be over, comes last.

    Raises  CorruptDataError for a path that leads out of the folder; FileSystemError.
    """
    folder = run_of(config).path
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "checkpoints").mkdir(parents=True)
    for name, content in sorted(_readdressed(bundle, config).items(), key=lambda item: item[0] == "metrics.json"):
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts:
            raise CorruptDataError(f"a node sent a file for {name!r}, outside of the run {folder}")
        (folder / inside).parent.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / inside, content)


def _readdressed(bundle: ArtifactBundle, config: RunConfig) -> ArtifactBundle:
    """Three of the files tell where the run lies."""
    changed = {**bundle, "config.yaml": config.to_yaml().encode()}
    for name, key, value in (
        ("metrics.json", "config", config.to_mapping()),
        ("run.json", "command", config.command()),
    ):
        if name in bundle:
            changed[name] = json_text({**json.loads(bundle[name]), key: value}).encode()
    return changed


LISTEN_SECONDS = 20.0
SCRATCH = "handgrad-sweep-"


class Worker:
    """Does one task at a time, by `function`, in one of its threads; the others answer the driver.

    `mark` is a file that the driver, whose current folder is `home`, has made among the sweep's runs: a worker that
    sees it writes its runs there too. Any other has a scratch folder, and sends each run back.
    """

    def __init__(self, function: str, home: str, mark: str) -> None:
        self._function: Function = pkgutil.resolve_name(function)
        self._queue = MessageQueue()
        self.shared = Path(mark).is_file()
        self._scratch = Path(tempfile.gettempdir()) / (SCRATCH + Path(mark).name.strip("."))
        if self.shared and Path(home).is_dir():
            os.chdir(home)

    def greet(self) -> dict[str, Any]:
        return {**facts(), "pid": os.getpid(), "shared": self.shared}

    def prepare(self, config: dict[str, Any], dataset: Dataset) -> None:
        provide(RunConfig(**config), dataset)
        with threadpool_limits(1):
            warm_up([config])

    def run(self, fields: list[Any], dataset: Dataset, bundle: ArtifactBundle) -> None:
        """Run a trial, which goes on from `bundle` unless this node has more of it; its end is news."""
        task, noise = Task(*fields), io.StringIO()
        self._queue.begin()
        with contextlib.redirect_stderr(noise), threadpool_limits(1):
            ended, files = self._run(task, dataset, bundle)
        self._queue.post({"ended": list(ended), "files": files, "noise": noise.getvalue()})

    def listen(self, heard: int) -> list[Any]:
        """The news since the first `heard` ones, once there are any."""
        return self._queue.listen(heard, LISTEN_SECONDS)

    def decide(self, stop: str) -> None:
        self._queue.decide(stop)

    def interrupt(self) -> None:
        """Stop the trial where it is, saved."""
        self._queue.interrupt()

    def stop(self) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _run(self, task: Task, dataset: Dataset, bundle: ArtifactBundle) -> tuple[Ended, ArtifactBundle]:
        provide(RunConfig(**task.config), dataset)
        if self.shared:
            return perform(self._function, task, self._queue), {}
        task = task._replace(config={**task.config, "runs_dir": str(self._scratch)})
        config = RunConfig(**task.config)
        try:
            if bundle and not packed(config):
                unpack(bundle, config)
            ended = perform(self._function, task, self._queue)
            files = packed(config)
        except (HandgradError, OSError) as error:
            return Ended(task.number, "broken", message=f"{type(error).__name__}: {error}"), {}
        if ended.how != "broken":
            shutil.rmtree(run_of(config).path, ignore_errors=True)
        return ended, files
