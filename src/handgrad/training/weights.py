"""Bare weights in NumPy's own files, for other programs: `.npz` by name, `.npy` as one flat vector; never a pickle."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.errors import CorruptDataError, FileSystemError, UsageError
from handgrad.files import atomic_write
from handgrad.nn import Network
from handgrad.training.models import load_model, save_model

SUFFIXES = (".npz", ".npy", ".safetensors")


def save_weights(network: Network, path: Path) -> None:
    """Write the network's weights in the format that the name of `path` ends with.

    Shapes  .npz: "0.weight" (inputs, outputs), "0.bias" (outputs,), ...; .npy: all parameters, then all buffers
    Raises  UsageError for another ending; FileSystemError when it cannot be written.
    """
    check_suffix(path)
    if path.suffix == ".safetensors":
        return save_model(network, path)
    buffer = io.BytesIO()
    if path.suffix == ".npz":
        save: Any = np.savez
        save(buffer, **network.views)
    else:
        np.save(buffer, np.concatenate([network.parameters, network.buffers]))
    return atomic_write(path, buffer.getvalue())


def load_weights(network: Network, path: Path) -> None:
    """Give the network the weights that `save_weights` wrote for one with the same layers.

    Raises  UsageError for another ending; FileSystemError; CorruptDataError when names, shapes or types differ.
    """
    check_suffix(path)
    try:
        views = load_model(path).views if path.suffix == ".safetensors" else _numpy_views(network, path)
    except OSError as error:
        raise FileSystemError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise CorruptDataError(f"{path} holds no weights: {error}") from error
    for name, view in network.views.items():
        if name not in views or views[name].shape != view.shape:
            found = views[name].shape if name in views else "nothing"
            raise CorruptDataError(f"{path}: {name} must have shape {view.shape} for this network, found {found}")
        view[...] = views[name]


def check_suffix(path: Path) -> None:
    """Raises  UsageError when weights cannot be written to a file of this name."""
    if path.suffix not in SUFFIXES:
        raise UsageError(
            f"weights are kept in a file ending in {', '.join(SUFFIXES)}, got {path} (--model_save_path, --model_path)"
        )


def _numpy_views(network: Network, path: Path) -> dict[str, NDArray[Any]]:
    loaded = np.load(path, allow_pickle=False)
    if path.suffix == ".npz":
        return dict(loaded)
    slots = [*network.parameter_slots, *network.buffer_slots]
    if loaded.shape != (sum(slot.part.size for slot in slots),):
        raise ValueError(
            f"expected {sum(slot.part.size for slot in slots)} numbers in a row, found shape {loaded.shape}"
        )
    count = network.parameters.size
    named = {slot.name: slot.view(loaded[:count]) for slot in network.parameter_slots}
    return named | {slot.name: slot.view(loaded[count:]) for slot in network.buffer_slots}
