"""The process that runs trials on a node: an actor of Ray's, and itself without a line of Ray's."""

import contextlib
import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from handgrad.config import RunConfig
from handgrad.data import Dataset
from handgrad.errors import HandgradError
from handgrad.sweeps.cluster.mailbox import Mailbox
from handgrad.sweeps.cluster.node import facts
from handgrad.sweeps.cluster.parcel import Parcel, folder_of, packed, unpack
from handgrad.sweeps.executor import Ended, Task
from handgrad.sweeps.workers.execution import provide, run_trial
from handgrad.sweeps.workers.nursery import warm_up

LISTEN_SECONDS = 20.0
SCRATCH = "handgrad-sweep-"


class Worker:
    """Runs one trial at a time in one of its threads; the others answer the driver.

    `mark` is a file that the driver, whose current folder is `home`, has made among the sweep's runs: a worker that
    sees it writes its runs there too. Any other has a scratch folder, and sends each run back.
    """

    def __init__(self, home: str, mark: str) -> None:
        self._mail = Mailbox()
        self.shared = Path(mark).is_file()
        self._scratch = Path(tempfile.gettempdir()) / (SCRATCH + Path(mark).name.strip("."))
        if self.shared and Path(home).is_dir():
            os.chdir(home)

    def greet(self) -> dict[str, Any]:
        """What this node is."""
        return {**facts(), "pid": os.getpid(), "shared": self.shared}

    def prepare(self, config: dict[str, Any], dataset: Dataset) -> None:
        """Load everything that the first trials need."""
        provide(RunConfig(**config), dataset)
        with threadpool_limits(1):
            warm_up([config])

    def run(self, fields: list[Any], dataset: Dataset, parcel: Parcel) -> None:
        """Run a trial, which goes on from `parcel` unless this node has more of it; its end is news."""
        task, noise = Task(*fields), io.StringIO()
        self._mail.begin()
        with contextlib.redirect_stderr(noise), threadpool_limits(1):
            ended, files = self._run(task, dataset, parcel)
        self._mail.post({"ended": list(ended), "files": files, "noise": noise.getvalue()})

    def listen(self, heard: int) -> list[Any]:
        """The news since the first `heard` ones, once there are any."""
        return self._mail.listen(heard, LISTEN_SECONDS)

    def answer(self, stop: str) -> None:
        """To the trial that asks."""
        self._mail.answer(stop)

    def interrupt(self) -> None:
        """Stop the trial where it is, saved."""
        self._mail.interrupt()

    def dismiss(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _run(self, task: Task, dataset: Dataset, parcel: Parcel) -> tuple[Ended, Parcel]:
        provide(RunConfig(**task.config), dataset)
        if self.shared:
            return run_trial(task, self._mail), {}
        task = task._replace(config={**task.config, "runs_dir": str(self._scratch)})
        config = RunConfig(**task.config)
        try:
            if parcel and not packed(config):
                unpack(parcel, config)
            ended = run_trial(task, self._mail)
            files = packed(config)
        except (HandgradError, OSError) as error:
            return Ended(task.number, "broken", message=f"{type(error).__name__}: {error}"), {}
        if ended.how != "broken":
            shutil.rmtree(folder_of(config), ignore_errors=True)
        return ended, files
