"""Trained networks on disk: everything that a prediction needs, in one safetensors file."""

from pathlib import Path

import numpy as np

from handgrad.errors import CorruptDataError, HandgradError
from handgrad.nn import Network, Scaling
from handgrad.training.description import describe, restore_layer, restore_loss
from handgrad.training.tensor_file import Tensors, read_tensors, write_tensors

FORMAT = 1


def save_model(network: Network, path: str | Path, durable: bool = True) -> None:
    """Write a network to `path`: its layers and loss by name, its parameters and buffers ("0.weight", ...) as arrays.

    `durable` is as for `atomic_write`.

    Raises  FileSystemError when it cannot be written; CorruptDataError when a layer is not registered.
    """
    document = {
        "kind": "model",
        "format": FORMAT,
        "layers": [describe(layer) for layer in network.layers],
        "loss": describe(network.loss),
        "input_shape": network.input_shape,
        "dtype": network.dtype,
        "scaling": network.scaling,
        "class_names": network.class_names,
    }
    write_tensors(Path(path), network.views, document, durable)


def load_model(path: str | Path) -> Network:
    """The network that `save_model` wrote, predicting the same to the last bit.

    Raises  FileSystemError when the file cannot be read; CorruptDataError when it is torn, altered or no model.
    """
    path = Path(path)
    tensors, document = read_tensors(path, "model")
    if document.get("format") != FORMAT:
        raise CorruptDataError(
            f"{path} has format {document.get('format')}, this version reads {FORMAT}: update handgrad"
        )
    try:
        network = Network(
            [restore_layer(layer) for layer in document["layers"]],
            tuple(document["input_shape"]),
            loss=restore_loss(document["loss"]),
            dtype=document["dtype"],
            scaling=Scaling(*map(float, document["scaling"])),
            class_names=document["class_names"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptDataError(f"{path} lacks something of a model: {error!r}") from error
    except HandgradError as error:
        raise CorruptDataError(f"{path}: {error}") from error
    _fill(network, tensors, path)
    return network


def _fill(network: Network, tensors: Tensors, path: Path) -> None:
    views = network.views
    if set(tensors) != set(views):
        odd = sorted(set(tensors) ^ set(views))[0]
        raise CorruptDataError(f"{path} and its own layers disagree about {odd}")
    for name, view in views.items():
        array = tensors[name]
        if array.shape != view.shape or array.dtype != view.dtype:
            raise CorruptDataError(
                f"{path}: {name} has another shape or type than its layers say, expected {view.shape}"
            )
        if not np.isfinite(array).all():
            raise CorruptDataError(f"{path}: {name} holds numbers that are not finite: the training diverged")
        view[...] = array
