"""Trackers send runs to W&B, TensorBoard, MLflow or trackio. A new one is a file and a row of TRACKERS."""

import importlib
from contextlib import suppress
from pathlib import Path

from handgrad.config import RunConfig
from handgrad.runs.trackers.mlflow import MLflow
from handgrad.runs.trackers.tensorboard import TensorBoard
from handgrad.runs.trackers.tracker import Tracker
from handgrad.runs.trackers.trackio import Trackio
from handgrad.runs.trackers.weights_and_biases import WeightsAndBiases
from handgrad.training import Callback

TRACKERS: dict[str, type[Tracker]] = {
    "wandb": WeightsAndBiases,
    "tensorboard": TensorBoard,
    "mlflow": MLflow,
    "trackio": Trackio,
}


def trackers(config: RunConfig, folder: Path) -> list[Callback]:
    """The trackers that `config` asks for, writing below a run's `folder`."""
    return [TRACKERS[name](config, folder) for name in config.track if name in TRACKERS]


def preload(config: RunConfig) -> None:
    """Import what the trackers of `config` need, where it is installed, for processes that are forked afterwards."""
    for name in config.track:
        with suppress(ImportError):
            importlib.import_module(TRACKERS[name].package)
