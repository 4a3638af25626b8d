"""Short runs on the digits, stopped where a test wants them stopped."""

import shutil

import pytest

from handgrad.config import RunConfig
from handgrad.runs import execute, open_run, resume
from handgrad.training import Callback


class StopAt(Callback):
    """Stops a training at the first pause at or after a step, as a signal would."""

    def __init__(self, step):
        self.step = step

    def paused(self, trainer):
        if trainer.step >= self.step:
            trainer.stop("interrupted")


@pytest.fixture
def make_config(tmp_path):
    """A configuration of 41 steps an epoch that takes a blink; any setting can be changed."""

    def make(**changes):
        settings = {
            "dataset": "digits",
            "num_layers": 1,
            "hidden_size": 16,
            "epochs": 3,
            "batch_size": 32,
            "batch_norm": False,
            "dropout": 0,
            "shift": 0,
            "optimizer": "adam",
            "learning_rate": 0.003,
            "schedule": "constant",
            "runs_dir": str(tmp_path / "runs"),
        }
        return RunConfig(**settings | changes)

    return make


@pytest.fixture
def start(make_config):
    """Start a run with some settings changed; it is stopped at `stop_at` unless that is None."""

    def started(stop_at=None, callbacks=(), weights=None, **changes):
        watching = [*callbacks, *([] if stop_at is None else [StopAt(stop_at)])]
        return execute(make_config(**changes), lambda config, folder: watching, weights)

    return started


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    """Copies of runs by their settings, in a folder of their own."""
    return {}, tmp_path_factory.mktemp("kept")


@pytest.fixture
def start_once(start, kept, tmp_path):
    """As `start`; of runs with the same settings the first is trained, the others are copies of its folder."""
    copies, folder = kept

    def started(name, **settings):
        known = (name, *sorted(settings.items()))
        if known not in copies:
            run = start(name=name, **settings)
            copies[known] = shutil.copytree(run.path, folder / str(len(copies)))
            return run
        return open_run(shutil.copytree(copies[known], tmp_path / "runs" / name))

    return started


@pytest.fixture
def go_on():
    """Resume a run, stopped again at `stop_at` unless that is None."""

    def resumed(run, stop_at=None):
        return resume(run.path, lambda config, folder: [] if stop_at is None else [StopAt(stop_at)])

    return resumed


def outcome(run):
    """All that two equal runs must agree on; seconds, names and places apart."""
    metrics = {name: value for name, value in run.metrics.items() if name not in ("seconds", "config")}
    for epoch in metrics["epochs"]:
        del epoch["seconds"]
    history = run.read_history()
    return run.model_file.read_bytes(), metrics, history.losses, history.correct, len(history.epochs)


@pytest.fixture
def same_end():
    """Whether two runs ended the same to the last bit."""

    def same(one, other):
        return outcome(one) == outcome(other) and one.read_history().same_as(other.read_history())

    return same
