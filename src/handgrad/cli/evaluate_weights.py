"""`handgrad evaluate best_model.npy --dataset mnist`: a file of weights, with the settings that stand beside it."""

from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.cli.console import echo_notes
from handgrad.cli.flags import parse
from handgrad.config import RunConfig, build_dataset, build_loss, build_split
from handgrad.config.build import build_scaling
from handgrad.config.layer_list import build_layer
from handgrad.config.presets import PLAIN
from handgrad.data import Dataset
from handgrad.errors import CorruptDataError, UsageError
from handgrad.evaluation import Predictions, measure, predict
from handgrad.nn import Network
from handgrad.runs.execution import build_network
from handgrad.runs.predictions import images_of
from handgrad.training.models import load_model, load_weights, read_arrays, settings_file
from handgrad.training.numpy_weights import dense_pairs


class OfWeights(NamedTuple):
    """What a file of weights predicts, its mean loss and which one that is, and the name of the data set."""

    predictions: Predictions
    loss: float
    loss_name: str
    dataset: str


def predictions_of_weights(path: Path, arguments: Any) -> OfWeights:
    """With the settings that the flags, `--config` or a file beside the weights give; what is guessed is said.

    Raises  UsageError where they do not fit the images, or nothing says which these are; CorruptDataError.
    """
    places = [settings_file(path), path.with_name("best_config.json")]
    source = arguments.config or next((place for place in places if place.is_file()), None)
    flags = {"--config": source, "--dataset": arguments.dataset, "--activation": arguments.activation}
    parsed = parse([word for flag, value in flags.items() if value for word in (flag, str(value))], start=PLAIN)
    notes = [f"{path}: its settings are those in {source}"] if source else []
    if not source and not arguments.dataset:
        raise UsageError(f"{path} does not say which images it is for: give --dataset, or --config best_config.json")
    if not source and not arguments.activation and path.suffix != ".safetensors":
        notes.append(f"{path} does not say its activation: {parsed.config.activation} is taken (--activation)")
    dataset = build_dataset(parsed.config)
    network = _network(path, parsed.config, dataset)
    images, labels = images_of(parsed.config, dataset, arguments.on)
    predictions = predict(network, images, labels, dataset.class_names)
    echo_notes([*notes, *parsed.notes])
    loss = measure(network, images, labels).loss
    return OfWeights(predictions, loss, parsed.config.loss, dataset.name)


def _network(path: Path, config: RunConfig, dataset: Dataset) -> Network:
    """The network of the settings with the weights; where there are only W0, b0, ..., dense layers of their sizes.

    Raises  UsageError where they do not fit the images; CorruptDataError.
    """
    if path.suffix == ".safetensors":
        return load_model(path)
    arrays, rows = read_arrays(path), build_split(config, dataset).train_rows
    try:
        pairs = dense_pairs(arrays) if isinstance(arrays, dict) and "." not in "".join(arrays) else []
    except ValueError as error:
        raise CorruptDataError(f"{path}: {error}") from None
    if not pairs:
        if isinstance(arrays, dict) and "." not in "".join(arrays):
            got = ", ".join(list(arrays)[:5]) or "nothing"
            raise CorruptDataError(f"{path} holds no weights: expected arrays W0, b0, W1, ..., got {got}")
        network = build_network(config, dataset, rows)
    else:
        inputs, outputs, pixels = len(pairs[0][0]), pairs[-1][1].size, prod(dataset.input_shape)
        if (inputs, outputs) != (pixels, dataset.classes):
            what = f"{path} takes {inputs} numbers and has {outputs} classes"
            raise UsageError(
                f"{what}, but {dataset.name} has {pixels} pixels and {dataset.classes} classes (--dataset)"
            )
        hidden = [layer for _, bias in pairs[:-1] for layer in (f"dense:{bias.size}", config.activation)]
        network = Network(
            [build_layer(layer) for layer in ("flatten", *hidden, f"dense:{outputs}")],
            dataset.input_shape,
            loss=build_loss(config),
            scaling=build_scaling(config, dataset, rows),
        )
    load_weights(network, path)
    return network
