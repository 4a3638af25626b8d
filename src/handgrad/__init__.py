"""handgrad: train image classifiers, compare them with PyTorch, search hyper-parameters, write reports.

Names are imported when they are first used, so that `handgrad --help` need not wait for the compiler.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handgrad.config import RunConfig
    from handgrad.data import load
    from handgrad.errors import CorruptDataError, DivergedError, FileSystemError, HandgradError, UsageError
    from handgrad.estimator import HandgradClassifier
    from handgrad.evaluation import confusion_matrix, measure
    from handgrad.evaluation.explanation import explain
    from handgrad.nn.gradcheck import gradcheck
    from handgrad.runs import Run, execute, open_run, resume
    from handgrad.sweeps.search import sweep
    from handgrad.training import (
        CSVLogger,
        EarlyStopping,
        LearningRateFinder,
        ModelCheckpoint,
        Network,
        load_model,
        save_model,
        train,
    )
    from handgrad.training.fit import fit
    from handgrad.training.lr_find import lr_find

__version__ = "0.2.0"

__all__ = [
    "CSVLogger",
    "CorruptDataError",
    "DivergedError",
    "EarlyStopping",
    "FileSystemError",
    "HandgradClassifier",
    "HandgradError",
    "LearningRateFinder",
    "ModelCheckpoint",
    "Network",
    "Run",
    "RunConfig",
    "UsageError",
    "confusion_matrix",
    "execute",
    "explain",
    "fit",
    "gradcheck",
    "load",
    "load_model",
    "lr_find",
    "measure",
    "open_run",
    "resume",
    "runs",
    "save_model",
    "sweep",
    "train",
]

_HOMES = {
    "config": ("RunConfig",),
    "data": ("load",),
    "errors": ("CorruptDataError", "DivergedError", "FileSystemError", "HandgradError", "UsageError"),
    "estimator": ("HandgradClassifier",),
    "evaluation": ("confusion_matrix", "measure"),
    "evaluation.explanation": ("explain",),
    "nn": ("gradcheck",),
    "runs": ("Run", "execute", "open_run", "resume"),
    "sweeps.search": ("sweep",),
    "training.lr_find": ("lr_find",),
    "training": (
        *("CSVLogger", "EarlyStopping", "LearningRateFinder", "ModelCheckpoint"),
        *("Network", "fit", "load_model", "save_model", "train"),
    ),
}


_ROOMS = ("config", "data", "evaluation", "nn", "optim", "runs", "sweeps", "training")


def __getattr__(name: str) -> Any:
    for room, names in _HOMES.items():
        if name in names:
            return globals().setdefault(name, getattr(importlib.import_module(f"handgrad.{room}"), name))
    if name in _ROOMS:
        return importlib.import_module(f"handgrad.{name}")
    raise AttributeError(f"module 'handgrad' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
