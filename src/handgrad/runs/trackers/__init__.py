"""Trackers: callbacks that send a run to W&B or TensorBoard. A new one is a file and a row of TRACKERS."""

import importlib
from contextlib import suppress
from pathlib import Path

from handgrad.config import RunConfig
from handgrad.plugins import extend
from handgrad.runs.trackers.guard import Guarded
from handgrad.runs.trackers.tensorboard import TensorBoard
from handgrad.runs.trackers.wandb import WeightsAndBiases
from handgrad.training import Callback

TRACKERS: dict[str, type[Guarded]] = {"wandb": WeightsAndBiases, "tensorboard": TensorBoard}
extend(trackers=TRACKERS)


def trackers(config: RunConfig, folder: Path) -> list[Callback]:
    """The trackers that `config` asks for, writing below a run's `folder`."""
    return [TRACKERS[name](config, folder) for name in config.track if name in TRACKERS]


def preload(config: RunConfig) -> None:
    """Import what the trackers of `config` need, where it is installed, for processes that are forked afterwards."""
    for name in config.track:
        with suppress(ImportError):
            importlib.import_module(TRACKERS[name].package)
