"""Presets: named values for the settings that nobody gives, and what a configuration says beyond its preset."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from handgrad.config.lookup import value_name
from handgrad.config.owners import stated
from handgrad.optim import OPTIMIZERS

if TYPE_CHECKING:
    from handgrad.config.run_config import RunConfig

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


def preset_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the preset that `values` name says of settings; nothing for a name that the check of the field refuses."""
    try:
        found = PRESETS[value_name("preset", str(values.get("preset", BEST)).strip(), PRESETS)]
        given = values.get("optimizer", found.get("optimizer"))
        return _of_optimizer(found, given and value_name("optimizer", str(given).strip(), OPTIMIZERS))
    except ValueError:
        return {}


def preset_value(config: "RunConfig", name: str) -> Any:
    """A setting as the configuration's preset has it."""
    found = _of_optimizer(PRESETS[config.preset], config.optimizer)
    return found.get(name, type(config).model_fields[name].default)


def _of_optimizer(preset: dict[str, Any], optimizer: str | None) -> dict[str, Any]:
    """A learning rate was chosen for one optimizer: another one begins with its own."""
    return preset if optimizer == preset.get("optimizer") else {n: v for n, v in preset.items() if n != "learning_rate"}


def departures(config: "RunConfig") -> dict[str, Any]:
    """The settings that differ from the configuration's preset."""
    return {name: value for name, value in stated(config).items() if value != preset_value(config, name)}
