"""Trained networks on disk: everything that a prediction needs, in one safetensors file."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors import numpy as tensors_as_bytes

from handgrad.data import places
from handgrad.errors import CorruptDataError, HandgradError, UsageError
from handgrad.files import LARGEST_BYTES, atomic_write, path_of, read_file
from handgrad.nn import ACTIVATIONS, INITIALIZERS, LAYERS, LOSSES, Scaling
from handgrad.nn import Network as BaseNetwork
from handgrad.training.network import Network
from handgrad.training.numpy_weights import from_arrays, read_dict, to_arrays, write_arrays

Tensors = dict[str, NDArray[Any]]
FORMAT = 1
SUFFIXES = (".npz", ".npy", ".safetensors")


def write_tensors(path: Path, tensors: Tensors, document: dict[str, Any], durable: bool = True) -> None:
    """Write both to `path` atomically; `durable` is as for `atomic_write`.

    Raises  FileSystemError when the disk is full or the folder cannot be written.
    """
    text = json.dumps(document, sort_keys=True)
    whole = json.dumps({"digest": _digest(tensors, text), "document": text})
    # One entry only: safetensors writes several in an order that changes from process to process.
    atomic_write(path, tensors_as_bytes.save(tensors, {"handgrad": whole}), durable)


def read_tensors(path: Path, document_type: str) -> tuple[Tensors, dict[str, Any]]:
    """The arrays and the document of a file written by `write_tensors` whose document has the type `document_type`.

    Raises  FileSystemError when it cannot be read; CorruptDataError when it is torn, altered or of another kind.
    """
    content = read_file(path)
    try:
        tensors = tensors_as_bytes.load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        whole = json.loads(header["__metadata__"]["handgrad"])
        text, digest = whole["document"], whole["digest"]
        document = json.loads(text)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise CorruptDataError(
            f"{path} is not a {document_type} written by handgrad, or it is torn: {error}"
        ) from error
    if digest != _digest(tensors, text):
        raise CorruptDataError(f"{path} was altered after it was written: its digest does not match its content")
    if not isinstance(document, dict):
        raise CorruptDataError(f"{path} is not a {document_type} written by handgrad: it describes nothing")
    if document.get("kind") != document_type:
        raise CorruptDataError(f"{path} is a {document.get('kind')}, expected a {document_type}")
    return tensors, document


def _digest(tensors: Tensors, text: str) -> str:
    sha = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        sha.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        sha.update(tensors[name].tobytes())
    return sha.hexdigest()


def describe(thing: Any) -> Any:
    """A layer, a loss or an initialiser as {name: {field: value}}, nested where a field is one; others as they are.

    Raises  CorruptDataError when its class is in no registry, so that nothing is saved that could not be loaded.
    """
    if not is_dataclass(thing):
        return thing
    every: dict[str, Any] = {**LAYERS, **ACTIVATIONS, **LOSSES, **INITIALIZERS}
    for name, known in every.items():
        if type(thing) is known:
            return {name: {field.name: describe(getattr(thing, field.name)) for field in fields(thing)}}
    raise CorruptDataError(f"{type(thing).__name__} has no row in LAYERS, ACTIVATIONS, LOSSES or INITIALIZERS: add one")


def restore(description: Any, registry: Mapping[str, type]) -> Any:
    """The layer, loss or initialiser that `describe` was given, from its registry.  Raises  CorruptDataError."""
    try:
        ((name, values),) = description.items()
        made = {
            field: restore(value, INITIALIZERS) if isinstance(value, dict) else value for field, value in values.items()
        }
        return registry[name](**made)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorruptDataError(f"{description} describes nothing that is registered here: {error!r}") from error


def save_model(network: BaseNetwork, path: str | Path, durable: bool = True) -> None:
    """Write a network to `path`: its layers and loss by name, its parameters and buffers ("0.weight", ...) as arrays.

    `durable` is as for `atomic_write`.

    Raises  FileSystemError when it cannot be written; CorruptDataError when a layer is not registered.
    """
    if not isinstance(network, BaseNetwork):
        raise UsageError(f"save_model takes a network, got {network!r:.60}")
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
    write_tensors(path_of(path, "path"), network.views, document, durable)


def load_model(path: str | Path) -> Network:
    """The network that `save_model` wrote, predicting the same to the last bit.

    Raises  FileSystemError when the file cannot be read; CorruptDataError when it is torn, altered or no model.
    """
    path = path_of(path, "path")
    tensors, document = read_tensors(path, "model")
    if document.get("format") != FORMAT:
        raise CorruptDataError(
            f"{path} has format {document.get('format')}, this version reads {FORMAT}: update handgrad"
        )
    try:
        network = Network(
            [restore(layer, LAYERS | ACTIVATIONS) for layer in document["layers"]],
            tuple(document["input_shape"]),
            loss=restore(document["loss"], LOSSES),
            dtype=document["dtype"],
            scaling=Scaling(*(tuple(each) if isinstance(each, list) else float(each) for each in document["scaling"])),
            class_names=document["class_names"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptDataError(f"{path} lacks something of a model: {error!r}") from error
    except HandgradError as error:
        raise CorruptDataError(f"{path}: {error}") from error
    _fill(network, tensors, path)
    return network


def _fill(network: BaseNetwork, tensors: Tensors, path: Path) -> None:
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


def save_weights(network: BaseNetwork, path: Path) -> None:
    """Write the network's weights in the format that the name of `path` ends with.

    Shapes  .npz, and .npy, a dict: W0 (inputs, outputs), b0 (1, outputs), ..., as `to_arrays` has them
    Raises  UsageError for another ending; FileSystemError when it cannot be written.
    """
    check_suffix(path)
    if path.suffix == ".safetensors":
        return save_model(network, path)
    return atomic_write(path, write_arrays(to_arrays(network), path.suffix))


def load_weights(network: BaseNetwork, path: Path) -> None:
    """Give the network the weights that `save_weights` wrote for one with the same layers.

    Raises  UsageError for another ending; FileSystemError; CorruptDataError when names, shapes or types differ.
    """
    check_suffix(path)
    views = load_model(path).views if path.suffix == ".safetensors" else _read_numpy(network, path)
    for name, view in network.views.items():
        if name not in views or views[name].shape != view.shape:
            found = views[name].shape if name in views else "nothing"
            raise CorruptDataError(f"{path}: {name} must have shape {view.shape} for this network, found {found}")
        with np.errstate(over="ignore"):
            numbers = views[name].astype(view.dtype) if views[name].dtype.kind in "fiu" else np.nan
        if not np.isfinite(numbers).all():
            raise CorruptDataError(f"{path}: {name} must hold finite numbers")
        view[...] = numbers


def settings_file(path: Path) -> Path:
    """Where the settings of a file of weights stand: best_config.json beside best_model.npy, w_config.json of w.npz."""
    stem = path.stem.replace("model", "config") if "model" in path.stem else f"{path.stem}_config"
    return path.with_name(f"{stem}.json")


def check_suffix(path: Path) -> None:
    """Raises  UsageError when weights cannot be written to a file of this name."""
    if path.suffix not in SUFFIXES:
        raise UsageError(
            f"weights are kept in a file ending in {', '.join(SUFFIXES)}, got {path} (--model_save_path, --model_path)"
        )


def read_arrays(path: Path) -> NDArray[Any] | dict[str, NDArray[Any]]:
    """The arrays by name in a .npz file, or in a dict in a .npy file, or the one array in a .npy file.

    Raises  FileSystemError; CorruptDataError for what holds anything else than arrays of numbers.
    """
    content = places.read_file(path, LARGEST_BYTES)
    stream = io.BytesIO(content)
    try:
        if path.suffix == ".npz":
            with np.lib.npyio.NpzFile(stream, own_fid=True, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays}
        version = np.lib.format.read_magic(stream)
        read: Any = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        if read(stream)[2].hasobject:
            return read_dict(content[stream.tell() :])
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # damage shows as ValueError, EOFError, BadZipFile, zlib.error, TokenError and others
        raise CorruptDataError(f"{path} holds no weights: {' '.join(str(error).split())}") from error


def _read_numpy(network: BaseNetwork, path: Path) -> dict[str, NDArray[Any]]:
    found = read_arrays(path)
    try:
        return from_arrays(network, found) if isinstance(found, dict) else _cut(network, found)
    except ValueError as error:
        raise CorruptDataError(f"{path} holds no weights of this network: {error}") from error


def _cut(network: BaseNetwork, loaded: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The parts of one flat vector by name."""
    count = network.parameters.size
    if loaded.shape != (count + network.buffers.size,):
        raise ValueError(f"expected {count + network.buffers.size} numbers in a row, found shape {loaded.shape}")
    named = {slot.name: slot.view(loaded[:count]) for slot in network.parameter_slots}
    return named | {slot.name: slot.view(loaded[count:]) for slot in network.buffer_slots}
