"""Checkpoints: all that a training needs to go on as if nothing had happened.

Two are kept, so that one torn by a crash or altered since costs some steps and not the run. Losses so far are not in
them but in the history file, which is flushed to the disk before a checkpoint names its step.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from handgrad.errors import CorruptDataError, FileSystemError, HandgradError
from handgrad.training.models import Tensors, read_tensors, write_tensors
from handgrad.training.trainer import Trainer, differing

FORMAT = 1
KEPT = 2
PATTERN = "step-*.safetensors"
log = logging.getLogger("handgrad")


class OtherFormatError(CorruptDataError):
    """A valid checkpoint of another version of handgrad: going back behind it would throw away what it knows."""


def state_of(trainer: Trainer) -> Tensors:
    """Every array that the next step depends on: weights, running statistics, the optimizer's state and scalars."""
    state = {
        "parameters": trainer.network.parameters,
        "buffers": trainer.network.buffers,
        "states": trainer.optimization.states,
        "memory": trainer.optimization.memory,
    }
    if trainer.best is not None:
        state["best_parameters"], state["best_buffers"] = trainer.best
    return state


def save_checkpoint(trainer: Trainer, folder: Path, origin: Mapping[str, Any] | None = None) -> Path:
    """Write a checkpoint of the present step into `folder` and delete all but the newest two.

    `origin` is all that the training depends on: its settings, its data, its first weights. Like everything in the file
    it is under the digest.
    """
    document = {
        "kind": "checkpoint",
        "format": FORMAT,
        "step": trainer.step,
        "seconds": trainer.seconds,
        "epoch_seconds": trainer.epoch_seconds,
        "environment": trainer.environment(),
        "origin": dict(origin or {}),
    }
    path = folder / f"step-{trainer.step:012d}.safetensors"
    write_tensors(path, state_of(trainer), document)
    for old in sorted(folder.glob(PATTERN))[:-KEPT]:
        old.unlink()
    return path


def newest_origin(folder: Path) -> dict[str, Any] | None:
    """The `origin` that `save_checkpoint` wrote into the newest valid checkpoint; None without one.

    Older versions did not write it down: it is empty then.
    """
    for path in sorted(folder.glob(PATTERN), reverse=True):
        with suppress(HandgradError):
            return dict(read_tensors(path, "checkpoint")[1].get("origin", {}))
    return None


def load_newest_checkpoint(
    trainer: Trainer, folder: Path, latest: int, foreign: Callable[[Mapping[str, Any]], str] = lambda origin: ""
) -> int:
    """Put `trainer` where the newest valid checkpoint in `folder` says; returns its step, 0 when there is none.

    One that is torn, altered, or beyond step `latest` (the end of the history) is left out with a warning, and so is
    one of whose origin `foreign` says in what it is another training's; other versions or another processor are named
    in one.
    """
    for path in sorted(folder.glob(PATTERN), reverse=True):
        try:
            tensors, document = read_tensors(path, "checkpoint")
            if document.get("format") != FORMAT:
                raise OtherFormatError(
                    f"{path} has format {document.get('format')}, this version reads {FORMAT}: update handgrad"
                )
            if other := foreign(document.get("origin", {})):
                raise CorruptDataError(f"{path} is of another training: {other}")
            if document["step"] > latest:
                raise CorruptDataError(f"{path} is of step {document['step']}, but the history ends at step {latest}")
            _restore(trainer, tensors, document, path)
        except OtherFormatError:
            raise
        except (CorruptDataError, FileSystemError) as error:
            log.warning("%s. Resuming from the previous checkpoint", error)
            continue
        if changes := differing(document["environment"], trainer.environment()):
            what = f"resuming under other conditions ({'; '.join(changes)})"
            log.warning("%s: the result may differ in its last bits", what)
        return trainer.step
    return 0


def _restore(trainer: Trainer, tensors: Tensors, document: dict[str, Any], path: Path) -> None:
    own = state_of(trainer)
    expected = own | {"best_parameters": own["parameters"], "best_buffers": own["buffers"]}
    if not set(own) - {"best_parameters", "best_buffers"} <= set(tensors) <= set(expected):
        raise CorruptDataError(f"{path} holds {sorted(tensors)}, expected {sorted(own)}")
    for name, array in tensors.items():
        if array.shape != expected[name].shape or array.dtype != expected[name].dtype:
            raise CorruptDataError(f"{path}: {name} has shape {array.shape}, expected {expected[name].shape}")
    for name in ("parameters", "buffers", "states", "memory"):
        np.copyto(own[name], tensors[name])
    if "best_parameters" in tensors:
        trainer.best = tensors["best_parameters"], tensors["best_buffers"]
    trainer.step = int(document["step"])
    trainer.seconds, trainer.epoch_seconds = float(document["seconds"]), float(document["epoch_seconds"])
