"""What was trained, on what, by which settings."""

from typing import Any

import numpy as np

from handgrad.config import RunConfig, validates_on_test
from handgrad.config.influence import WITHOUT_INFLUENCE, idle, settled
from handgrad.config.presets import departures
from handgrad.figures import RunData
from handgrad.reports.blocks import Section, Table, Text
from handgrad.reports.gather import Gallery, joined


def trained_section(data: RunData, gallery: Gallery) -> Section:
    """Architecture, data and settings."""
    blocks = joined(
        gallery.pictures("architecture"),
        [_data_words(data), _data_table(data)],
        gallery.pictures("samples"),
        [_settings_table(data.config)],
    )
    return Section("trained", "What was trained", blocks)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _data_words(data: RunData) -> Text:
    dataset, config = data.dataset, data.config
    held = f"{100 * config.validation_fraction:g} %" if config.validation_fraction else "none"
    parts = (
        f"Of the training images, {held} were held out for validation, drawn class by class with seed {config.seed}; "
        "the test images were not used for training, nor to choose anything."
    )
    if validates_on_test(config):
        parts = (
            f"{len(data.split.validation_rows):,} of the test images were looked at after each epoch (fold "
            f"{config.fold}), and are the validation images of this page. They chose nothing: the last epoch was kept."
        )
    return Text(
        f"{dataset.name}: images of {_shape(dataset.image_shape)} pixels in {dataset.classes} classes. {parts} "
        f"SHA-256 of the whole data set: {dataset.fingerprint[:16]}…"
    )


def _data_table(data: RunData) -> Table:
    dataset, split = data.dataset, data.split
    labels = {
        "training": split.y_train,
        "validation (of the test images)" if validates_on_test(data.config) else "validation": split.y_validation,
        "test": dataset.y_test,
    }
    counts = {part: np.bincount(values, minlength=dataset.classes) for part, values in labels.items()}
    rows = [(name, *(f"{counts[part][index]:,}" for part in labels)) for index, name in enumerate(dataset.class_names)]
    rows.append(("all", *(f"{count.sum():,}" for count in counts.values())))
    return Table(("class", *labels), rows, "Images of each class", ("class",), frozenset((len(rows) - 1,)))


def _settings_table(config: RunConfig) -> Table:
    """What this run makes use of, and what can change its result."""
    fields = type(config).model_fields
    unused = idle(config) | WITHOUT_INFLUENCE
    used = [(name, value) for name, value in settled(config) if name not in unused and value not in (None, {})]
    rows = [(name, _value(value), str(fields[name].description)) for name, value in used]
    differing = departures(config)
    changed = frozenset(place for place, (name, *_) in enumerate(rows) if name in differing)
    caption = f"Settings that this run makes use of; in bold what differs from the preset {config.preset}"
    header = ("setting", "value", "meaning")
    return Table(header, rows, caption, header, changed)


def _value(value: Any) -> str:
    """As a person would write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}={number}" for name, number in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
