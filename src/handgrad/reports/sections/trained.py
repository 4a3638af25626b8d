"""What was trained, on what, by which settings."""

from typing import Any

import numpy as np

from handgrad.config import RunConfig
from handgrad.figures import RunData
from handgrad.reports.blocks import Block, Section, Table, Text
from handgrad.reports.gather import Gallery, joined

WITHOUT_EFFECT = ("runs_dir", "name", "track", "wandb_project", "wandb_entity", "wandb_mode")


def trained_section(data: RunData, gallery: Gallery) -> Section:
    """Architecture, data and settings."""
    blocks = joined(
        gallery.pictures("architecture"),
        _layers(data),
        [_data_words(data), _data_table(data)],
        gallery.pictures("samples"),
        [_settings_table(data.config)],
    )
    return Section("trained", "What was trained", blocks)


def _layers(data: RunData) -> list[Block]:
    if not data.run.model_file.exists():
        return []
    network = data.network
    sizes = [sum(part.size for part in plan.parameters) for plan in network.plans]
    rows = [("input", _shape(network.input_shape), "")]
    for layer, plan, size in zip(network.layers, network.plans, sizes, strict=True):
        rows.append((str(layer), _shape(plan.output), f"{size:,}" if size else ""))
    rows.append(("all", "", f"{network.parameters.size:,}"))
    marked = frozenset((len(rows) - 1,))
    return [Table(("layer", "output of one image", "parameters"), rows, "Layer by layer", ("layer",), marked)]


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _data_words(data: RunData) -> Text:
    dataset, config = data.dataset, data.config
    held = f"{100 * config.validation_fraction:g} %" if config.validation_fraction else "none"
    return Text(
        f"{dataset.name}: images of {_shape(dataset.image_shape)} pixels in {dataset.classes} classes. Of the training "
        f"images, {held} were held out for validation, drawn class by class with seed {config.seed}; the test images "
        "were not used for training, nor to choose anything. SHA-256 of the whole data set: "
        f"{dataset.fingerprint[:16]}…"
    )


def _data_table(data: RunData) -> Table:
    dataset, split = data.dataset, data.split
    labels = {
        "training": dataset.y_train[split.train_rows],
        "validation": dataset.y_train[split.validation_rows],
        "test": dataset.y_test,
    }
    counts = {part: np.bincount(values, minlength=dataset.classes) for part, values in labels.items()}
    rows = [
        (name, *(f"{counts[part][index]:,}" for part in labels)) for index, name in enumerate(dataset.class_names)
    ]
    rows.append(("all", *(f"{count.sum():,}" for count in counts.values())))
    return Table(("class", *labels), rows, "Images of each class", ("class",), frozenset((len(rows) - 1,)))


def _settings_table(config: RunConfig) -> Table:
    fields = type(config).model_fields
    rows = [(name, _value(value), str(fields[name].description)) for name, value in config if name not in WITHOUT_EFFECT]
    changed = frozenset(place for place, (name, *_) in enumerate(rows) if getattr(config, name) != fields[name].default)
    caption = "Settings; in bold what differs from the defaults"
    return Table(("setting", "value", "meaning"), rows, caption, ("setting", "value", "meaning"), changed)


def _value(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}={number}" for name, number in value.items()) or "none"
    return {None: "its own", True: "yes", False: "no"}.get(value, str(value)) if value in (None, True, False) else f"{value}"
