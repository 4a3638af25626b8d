"""Whose a setting is: defaults and bounds that optimizers, schedules, losses and initialisers have of their own."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from handgrad.nn import INITIALIZERS, LAYERS, LOSSES
from handgrad.optim import OPTIMIZERS, SCHEDULES, GradientTransforms, Schedule

if TYPE_CHECKING:
    from handgrad.config.run_config import RunConfig

# Registries whose entries have some settings and not others, by the setting that chooses the entry.
CHOICES: dict[str, dict[str, Any]] = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "loss": LOSSES,
    "weight_init": INITIALIZERS,
}
OTHER_NAMES = {"std": "init_scale"}  # of a dataclass field, where the setting is called otherwise
# Settings that are None until they are given; a number that is the owner's own says no more than None.
OWN = ("momentum", "beta", "beta1", "beta2", "label_smoothing", "schedule_steps", "schedule_factor", "init_scale")


def fields_of(entry: Any) -> dict[str, Any]:
    """The dataclass fields of a registry's entry by the names of their settings."""
    return {OTHER_NAMES.get(field.name, field.name): field for field in dataclasses.fields(entry)}


def owned(choice: str) -> set[str]:
    """The fields that some entries of a registry have, and others do not."""
    entries: list[set[str]] = [set(fields_of(entry)) for entry in CHOICES[choice].values()]
    return set().union(*entries) - entries[0].intersection(*entries) if entries else set()


def defaults_of(setting: str) -> dict[str, Any]:
    """The default that each entry of a registry has for a setting, by the entry's name."""
    return {
        name: fields_of(entry)[setting].default
        for registry in CHOICES.values()
        for name, entry in registry.items()
        if setting in fields_of(entry)
    }


def interval_of(setting: str) -> str:
    """The bounds of a setting as its owners state them, the widest where they differ; unbounded where it has none."""
    found = [text.strip() for text in _intervals(setting)]
    if not found:
        return "(-inf, inf)"
    low = min(found, key=lambda text: (float(text[1:-1].split(",")[0]), text[0] == "("))
    high = max(found, key=lambda text: (float(text[1:-1].split(",")[1]), text[-1] == "]"))
    return f"{low.split(',')[0]},{high.split(',')[1]}"


def _intervals(setting: str) -> Iterator[str]:
    entries = [entry for registry in CHOICES.values() for entry in registry.values()]
    for entry in (*entries, GradientTransforms, Schedule):
        field = fields_of(entry).get(setting)
        if field is not None and "interval" in field.metadata:
            yield field.metadata["interval"]
    if setting == "dropout" and "dropout" in LAYERS:
        yield fields_of(LAYERS["dropout"])["rate"].metadata["interval"]


def own_number(config: "RunConfig", setting: str) -> Any:
    """What the run's optimizer, schedule, loss or initialiser has for a setting that is not given; None for none."""
    for choice, registry in CHOICES.items():
        field = fields_of(registry[getattr(config, choice)]).get(setting)
        if field is not None:
            return field.default
    return None


def stated(config: "RunConfig") -> dict[str, Any]:
    """Every setting; None for a number that is the owner's own or, where it has no use, that some owner has."""
    return {name: None if name in OWN and _says_nothing(config, name, value) else value for name, value in config}


def _says_nothing(config: "RunConfig", name: str, value: Any) -> bool:
    own = own_number(config, name)
    return value == own if own is not None else value in defaults_of(name).values()


def filled(config: "RunConfig") -> dict[str, Any]:
    """The configuration as plain data, a number for each of OWN: its owner's own, or else the first owner's."""
    values = config.to_mapping()
    for name in OWN:
        if values[name] is None:
            own = own_number(config, name)
            values[name] = own if own is not None else next(iter(defaults_of(name).values()), None)
    return values
