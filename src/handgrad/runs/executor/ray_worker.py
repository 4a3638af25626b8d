"""The process that does tasks on a node of a Ray cluster: an actor of Ray, which itself has not a line of Ray."""

import contextlib
import hashlib
import io
import json
import os
import pkgutil
import shutil
import signal
import socket
import tempfile
from collections import deque
from collections.abc import Iterable
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from threadpoolctl import threadpool_limits

from handgrad.config import RunConfig
from handgrad.data import Dataset
from handgrad.errors import CorruptDataError, HandgradError
from handgrad.files import TEMPORARY_PREFIX, atomic_write, json_text
from handgrad.runs.executor.protocol import Ended, Task, message_of
from handgrad.runs.executor.threads import WaitingReporter
from handgrad.runs.executor.worker import Function, folder_of, moved, perform, provide, warm_up
from handgrad.training.trainer import environment

PACKAGE = Path(__file__).parents[2]
ArtifactBundle = dict[str, bytes]
"""The content of each file, by its path in the folder."""
BEGUN, OVER = ("config.yaml", "trial.json"), ("metrics.json", "outcome.json")  # of handgrad's runs, and of programs
LISTEN_SECONDS = 20.0
SCRATCH = "handgrad-sweep-"


class MessageQueue(WaitingReporter):
    """A task's Reporter, for a driver that polls for messages over a network that may lose a reply.

    Messages are numbered from 0 and stay until the driver has acknowledged them.
    """

    def __init__(self) -> None:
        super().__init__(lambda event: self.post(message_of(event)))
        self._news: deque[Any] = deque()
        self._first = 0

    def post(self, news: Any) -> None:
        with self.changed:
            self._news.append(news)
            self.changed.notify_all()

    def listen(self, heard: int, seconds: float) -> list[Any]:
        """The news from number `heard` on; waits at most so long for some."""
        with self.changed:
            while self._first < heard and self._news:
                self._news.popleft()
                self._first += 1
            self.changed.wait_for(lambda: bool(self._news), seconds)
            return list(self._news)


@cache
def sources(folder: Path = PACKAGE) -> str:
    """A digest of every source file: two nodes with one version number may still run different code."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def facts(files: Iterable[str] = ()) -> dict[str, Any]:
    """What a node tells of itself and of these files, as plain data."""
    digests = {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in files if Path(name).is_file()}
    return {"host": socket.gethostname(), "sources": sources(), "environment": environment(), "files": digests}


def refusal(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """Why a node cannot take trials: it has another handgrad, or not the same files; nothing where it can."""
    here, there = ours["environment"]["handgrad"], theirs["environment"]["handgrad"]
    if here != there:
        return f"it has handgrad {there}, this machine has {here}"
    if ours["sources"] != theirs["sources"]:
        return f"its handgrad {there} differs from this machine's in its source files"
    missing = [name for name, digest in ours["files"].items() if theirs["files"].get(name) != digest]
    return f"it does not have this machine's {missing[0]}: share its folder, or copy it there" if missing else ""


def difference(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """What may change the last bits of a trial that is run there; nothing where nothing does."""
    here, there = ours["environment"], theirs["environment"]
    return ", ".join(f"{name} {there.get(name)} for {here[name]}" for name in here if here[name] != there.get(name))


def packed(folder: Path) -> ArtifactBundle:
    """Every file of a run; none where there is no run to go on with."""
    if not any((folder / name).is_file() for name in BEGUN):
        return {}
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    kept = [path for path in paths if path.name != ".lock" and not path.name.startswith(TEMPORARY_PREFIX)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in kept}


def unpack(bundle: ArtifactBundle, task: Task) -> None:
    """Make the task's folder hold these files and no others, as if it had been done here.

    The file by which a run is known to be over comes last.

    Raises  CorruptDataError for a path that leads out of the folder; FileSystemError.
    """
    folder = folder_of(task)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    content = _readdressed(bundle, RunConfig(**task.config)) if task.config else bundle
    for name in sorted(content, key=OVER.__contains__):
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts:
            raise CorruptDataError(f"a node sent a file for {name!r}, outside of the run {folder}")
        (folder / inside).parent.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / inside, content[name])


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

    def greet(self, files: Iterable[str]) -> dict[str, Any]:
        return {**facts(files), "pid": os.getpid(), "shared": self.shared}

    def prepare(self, config: dict[str, Any], dataset: Dataset | None) -> None:
        _provide(config, dataset)
        with threadpool_limits(1):
            warm_up([config] if config else [])

    def run(self, fields: list[Any], dataset: Dataset | None, bundle: ArtifactBundle) -> None:
        """Run a trial, which goes on from `bundle` unless this node has more of it; its end is news."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # which Ray's threads block, and so what they start
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

    def _run(self, task: Task, dataset: Dataset | None, bundle: ArtifactBundle) -> tuple[Ended, ArtifactBundle]:
        _provide(task.config, dataset)
        if self.shared:
            return perform(self._function, task, self._queue), {}
        task = moved(task, self._scratch)
        folder = folder_of(task)
        try:
            if bundle and not packed(folder):
                unpack(bundle, task)
            ended = perform(self._function, task, self._queue)
            files = packed(folder)
        except (HandgradError, OSError) as error:
            return Ended(task.number, "broken", message=f"{type(error).__name__}: {error}"), {}
        if ended.how != "broken":
            shutil.rmtree(folder, ignore_errors=True)
        return ended, files


def _provide(config: dict[str, Any], dataset: Dataset | None) -> None:
    """Have the data set of such runs; the programs of others have none that handgrad knows."""
    if dataset is not None:
        provide(RunConfig(**config), dataset)
