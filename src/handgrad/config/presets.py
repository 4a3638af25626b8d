"""Values for settings that are not given: those of the preset, or of the optimizer, schedule, loss or initialiser."""

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

from handgrad.config.lookup import value_name
from handgrad.nn import INITIALIZERS, LAYERS, LOSSES
from handgrad.optim import OPTIMIZERS, SCHEDULES, GradientTransforms, Schedule

# Registries whose entries have some settings and not others, by the setting that chooses the entry.
CHOICES: dict[str, dict[str, Any]] = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "loss": LOSSES,
    "weight_init": INITIALIZERS,
}
OTHER_NAMES = {"std": "init_scale"}  # of a dataclass field, where the setting is called otherwise
# Settings that are None until they are given; the owner's own number is equal to None.
OWN = ("momentum", "beta", "beta1", "beta2", "label_smoothing", "schedule_steps", "schedule_factor", "init_scale")
# Values of fields of RunConfig; a field that a preset leaves out has its own default.
PRESETS: dict[str, dict[str, Any]] = {
    "best": {},
    # The best that the course's own flags can express, chosen on validation images: docs/plain-preset.
    "plain": {
        "num_layers": 2,
        "hidden_size": 256,
        "activation": "tanh",
        "dropout": 0.0,
        "batch_norm": False,
        "weight_init": "xavier",
        "epochs": 10,
        "batch_size": 16,
        "optimizer": "rmsprop",
        "learning_rate": 0.0003,
        "schedule": "constant",
    },
}
BEST, PLAIN = PRESETS


@cache
def fields_of(entry: Any) -> dict[str, Any]:
    """The dataclass fields of a registry's entry by the names of their settings."""
    return {OTHER_NAMES.get(field.name, field.name): field for field in dataclasses.fields(entry)}


@cache
def owned(*entries: Any) -> frozenset[str]:
    """The fields that some entries of a registry have, and others do not."""
    fields = [frozenset(fields_of(entry)) for entry in entries]
    return frozenset().union(*fields) - fields[0].intersection(*fields) if fields else frozenset()


def defaults_of(setting: str) -> dict[str, Any]:
    """The default that each entry of a registry has for a setting, by the entry's name."""
    return {
        name: fields_of(entry)[setting].default
        for registry in CHOICES.values()
        for name, entry in registry.items()
        if setting in fields_of(entry)
    }


def chosen_by(setting: str) -> str:
    """What chooses the owner of a setting: optimizer for momentum; "" for a setting without an owner."""
    entries = ((choice, entry) for choice, registry in CHOICES.items() for entry in registry.values())
    return next((choice for choice, entry in entries if setting in fields_of(entry)), "")


def interval_of(setting: str) -> str:
    """The bounds of a setting as its owners state them, the widest where they differ; unbounded where it has none."""
    entries: list[Any] = [entry for registry in CHOICES.values() for entry in registry.values()]
    fields = [fields_of(entry).get(setting) for entry in (*entries, GradientTransforms, Schedule)]
    fields += [fields_of(LAYERS["dropout"])["rate"]] if setting == "dropout" and "dropout" in LAYERS else []
    found = [field.metadata["interval"].strip() for field in fields if field and "interval" in field.metadata]
    if not found:
        return "(-inf, inf)"
    low = min(found, key=lambda text: (float(text[1:-1].split(",")[0]), text[0] == "("))
    high = max(found, key=lambda text: (float(text[1:-1].split(",")[1]), text[-1] == "]"))
    return f"{low.split(',')[0]},{high.split(',')[1]}"


def preset_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the preset that `values` name; nothing for a name that the check of the field refuses."""
    try:
        found = PRESETS[value_name("preset", str(values.get("preset", BEST)).strip(), PRESETS)]
        optimizer_name = values.get("optimizer", found.get("optimizer"))
        return of_optimizer(found, optimizer_name and value_name("optimizer", str(optimizer_name).strip(), OPTIMIZERS))
    except ValueError:
        return {}


def of_optimizer(preset: dict[str, Any], optimizer: str | None) -> dict[str, Any]:
    """A learning rate was chosen for one optimizer: another one begins with its own."""
    return preset if optimizer == preset.get("optimizer") else {n: v for n, v in preset.items() if n != "learning_rate"}
