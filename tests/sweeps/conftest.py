"""Sweeps of runs that take a blink: in threads of this process, or driven by a process of their own."""

import shutil
import subprocess
from contextlib import closing, contextmanager

import numpy as np
import pytest
from tests.commands import arguments, environment
from tests.processes import children

from handgrad.config import RunConfig
from handgrad.data import load
from handgrad.runs.executor.threads import ThreadExecutor
from handgrad.sweeps import Hyperband, SweepDefinition
from handgrad.sweeps.database import open_storage
from handgrad.sweeps.driver import Driver, SweepCallback
from handgrad.sweeps.folder import Settings, changed, create_sweep, open_sweep
from handgrad.sweeps.run_trial import run_trial
from handgrad.sweeps.space import Categorical

BASE = {
    "dataset": "digits",
    "num_layers": 1,
    "hidden_size": 16,
    "epochs": 2,
    "batch_size": 32,
    "batch_norm": False,
    "dropout": 0,
    "optimizer": "adam",
    "learning_rate": 0.003,
    "schedule": "constant",
}
AFTER = {"activation": ("relu", "tanh"), "learning_rate": (0.00003, 0.003, 0.03), "hidden_size": (8, 24)}
SPACE = {"activation": ("relu", "tanh", "sigmoid"), "learning_rate": (0.001, 0.003), "num_layers": (1, 2)}


class Threads(ThreadExecutor):
    """Runs trials in this process; `tasks` are those that it was given."""

    def __init__(self, slots, function=run_trial):
        super().__init__(slots, function)
        self.tasks = []

    def submit(self, task):
        self.tasks.append(task)
        super().submit(task)


class Notes(SweepCallback):
    """Remembers in which order trials ended, and what was noticed."""

    def __init__(self):
        self.trials, self.texts = [], []

    def trial_ended(self, trial, progress):
        self.trials.append(trial)

    def noticed(self, text):
        self.texts.append(text)


@pytest.fixture
def make_sweep(tmp_path):
    """A new sweep over SPACE, or over the values given; settings and the definition's other fields by name."""

    def make(space=None, name="sweep", base=(), more=(), **settings):
        parameters = {field: Categorical(tuple(values)) for field, values in (space or SPACE).items()}
        definition = SweepDefinition(parameters, **{"method": "grid", **dict(more)})
        chosen = Settings(**{"method": definition.method, **settings})
        return create_sweep(tmp_path / "sweeps" / name, definition, RunConfig(**{**BASE, **dict(base)}), chosen)

    return make


def drive(sweep, jobs=1, callback=None, executor=None, hours=None):
    """Run what is missing of a sweep in threads; the executor and the notes taken."""
    executor, callback = executor or Threads(jobs), callback or Notes()
    with open_storage(sweep.storage_url) as (drivers, storage), closing(executor):
        Driver(sweep, sweep.store(storage), drivers, executor, callback).run(hours)
    return executor, callback


@pytest.fixture(scope="session")
def finished_sweep(tmp_path_factory):
    """The folder of a sweep over AFTER that is over; some trials were stopped after an epoch."""
    definition = SweepDefinition(
        {name: Categorical(values) for name, values in AFTER.items()},
        method="grid",
        early_terminate=Hyperband(min_iter=1, eta=2),
    )
    path = tmp_path_factory.mktemp("over") / "first"
    drive(create_sweep(path, definition, RunConfig(**BASE), Settings("grid")))
    return path


@pytest.fixture
def sweep(finished_sweep, here):
    """A copy of it, as sweeps/first in the working folder."""
    return open_sweep(shutil.copytree(finished_sweep, here / "sweeps" / "first"))


@pytest.fixture
def negatives(tmp_path):
    """An .npz file of the digits in negative: another data set of ten classes."""
    digits, path = load("digits"), tmp_path / "negatives.npz"
    np.savez(path, x_train=16 - digits.x_train, y_train=digits.y_train, x_test=16 - digits.x_test, y_test=digits.y_test)
    return str(path)


def again(sweep, **settings):
    """The sweep as another process would open it, with some settings changed."""
    return changed(open_sweep(sweep.path), **settings)


def workers(pid):
    """The workers of the driver `pid`, whose fork_server is its only child."""
    return [worker for fork_server in children(pid) for worker in children(fork_server)]


@contextmanager
def driving(words, *more, cwd=None):
    """A `handgrad` process that drives a sweep, killed at the block's end if it still runs."""
    process = subprocess.Popen(
        arguments(words, *more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=environment(),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
