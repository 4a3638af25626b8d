"""A network as a file of Keras 3: a whole model (.keras), or its weights alone (.weights.h5), written with h5py."""

import io
import json
import re
import zipfile
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from handgrad.exports.operators import Array, Step, calls, installed, scaling_of, trace
from handgrad.nn import Network

VERSION = "3.0.0"  # the oldest that reads the layout
OPERATIONS = {"Arctan": "keras.src.ops.numpy"}  # what Keras has no layer for


class _Layer(NamedTuple):
    name: str
    operator: str
    values: dict[str, Any]
    inputs: tuple[str, ...]
    variables: tuple[Array, ...] = ()


def keras_weights(network: Network) -> bytes:
    """What Keras' `model.save_weights` writes.  Raises  UsageError without h5py, or for a layer that Keras has not."""
    return _weights(_layers(network))


def keras_model(network: Network) -> bytes:
    """What `model.save("w.keras")` of Keras writes; pixels are normalised by its first layer.

    Raises  as `keras_weights`.
    """
    layers, content = _layers(network), io.BytesIO()
    shape = [None, *_channels_last(network.input_shape)]
    entry = {"batch_shape": shape, "dtype": "float32", "name": "images"}
    rows = [
        {"module": "keras.layers", "class_name": "InputLayer", "config": entry, "name": "images", "inbound_nodes": []}
    ]
    rows += [_described(layer) for layer in layers]
    ends = {"input_layers": ["images", 0, 0], "output_layers": [layers[-1].name, 0, 0]}
    config = {"name": "handgrad", "trainable": False, "layers": rows, **ends}
    home = {"module": "keras.src.models.functional", "class_name": "Functional", "registered_name": "Functional"}
    saved = datetime.now(UTC).strftime("%Y-%m-%d@%H:%M:%S")
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": VERSION, "date_saved": saved}))
        archive.writestr("config.json", json.dumps(home | {"config": config}))
        archive.writestr("model.weights.h5", _weights(layers))
    return content.getvalue()


def _layers(network: Network) -> list[_Layer]:
    """Keras' layers after the input's, in the order in which Keras numbers those of a class."""
    layers: list[_Layer] = []

    def add(operator: str, inputs: tuple[str, ...], values: dict[str, Any], *variables: Array) -> str:
        name = f"{_snake_case(operator)}_{len(layers)}"
        layers.append(_Layer(name, operator, values, inputs, variables))
        return name

    def apply(step: Step, inputs: list[str]) -> str:
        named = list(calls(step.text.format(**step.values)))
        holder = next((call for call in named if call.result), named[-1])
        for call in named:
            arrays = [_laid_out(step, text) for text in step.variables] if call is holder else []
            inputs = [add(call.operator, tuple(inputs), call.values, *arrays)]
        return inputs[0]

    factor, summand = scaling_of(network, channels_last=True)
    first = add("Rescaling", ("images",), {"scale": factor.tolist(), "offset": summand.tolist()})
    trace(network, "keras", apply, first)
    if len(network.plans[-1].output) > 1:
        add("Flatten", (layers[-1].name,), {})
    depth = dict.fromkeys([layer.name for layer in layers], 0)
    for layer in reversed(layers):
        for source in layer.inputs:
            depth[source] = max(depth.get(source, 0), depth[layer.name] + 1)
    return sorted(layers, key=lambda layer: -depth[layer.name])


def _laid_out(step: Step, text: str) -> Array:
    """An array of PyTorch's as Keras has it, by what the table says: "weight", "weight:T", "weight:1,1,-1"."""
    name, _, form = text.partition(":")
    array = step.arrays[name]
    if form:
        return array.T if form == "T" else array.reshape([int(size) for size in form.split(",")])
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else np.moveaxis(array, 0, -1) if array.ndim == 3 else array


def _channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[1:], shape[0]) if len(shape) == 3 else shape


def _described(layer: _Layer) -> dict[str, Any]:
    tensors = [
        {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None], "dtype": "float32", "keras_history": [name, 0, 0]},
        }
        for name in layer.inputs
    ]
    return {
        "module": OPERATIONS.get(layer.operator, "keras.layers"),
        "class_name": layer.operator,
        "config": {"name": layer.name, **layer.values},
        "registered_name": layer.operator if layer.operator in OPERATIONS else None,
        "name": layer.name,
        "inbound_nodes": [{"args": [tensors if len(tensors) > 1 else tensors[0]], "kwargs": {}}],
    }


def _weights(layers: list[_Layer]) -> bytes:
    """Groups by class, numbered, each with its variables by number."""
    content, count = io.BytesIO(), dict[str, int]()
    with installed("h5py", "keras").File(content, "w") as file:
        file.create_group("vars")
        for layer in layers:
            name = _snake_case(layer.operator)
            number = count[name] = count.get(name, -1) + 1
            group = file.create_group(f"layers/{name}_{number}/vars" if number else f"layers/{name}/vars")
            group.attrs["name"] = layer.name
            for place, variable in enumerate(layer.variables):
                group[str(place)] = np.ascontiguousarray(variable, np.float32)
    return content.getvalue()


def _snake_case(name: str) -> str:
    """As Keras has it: Conv2D is conv2d, MaxPooling2D max_pooling2d, PReLU p_re_lu."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
