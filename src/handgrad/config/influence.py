"""Which settings of a run have a say in its result, and in what two runs differ that matters."""

import dataclasses
from typing import Any

from handgrad.classical import CLASSICAL
from handgrad.config.build import (
    REPLACED_BY_CNN,
    REPLACED_BY_FEATURES,
    REPLACED_BY_LAYERS,
    USED_BY_CLASSICAL,
    build_optimizer,
)
from handgrad.config.run_config import RunConfig, differences
from handgrad.nn import INITIALIZERS, LOSSES
from handgrad.optim import OPTIMIZERS, SCHEDULES

# Where a run is kept, who watches it, and how often it is looked at or saved: its weights are the same bits.
WITHOUT_INFLUENCE = frozenset(
    {
        "checkpoint_seconds",
        "evaluate_every",
        "log_every",
        "log_test",
        "name",
        "runs_dir",
        "track",
        "wandb_entity",
        "wandb_group",
        "wandb_mode",
        "wandb_project",
    }
)

# Registries whose entries make use of some settings and not of others, by the setting that chooses the entry.
CHOICES: dict[str, dict[str, Any]] = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "loss": LOSSES,
    "weight_init": INITIALIZERS,
}
OTHER_NAMES = {"std": "init_scale"}  # of a dataclass field, where the setting is called otherwise
OPTIMIZERS_OWN = ("learning_rate", "epsilon")  # what each optimizer has a number for where the setting is None
OF_HIDDEN_LAYERS = {"hidden_size", "activation", "dropout", "batch_norm"}


def idle(config: RunConfig) -> set[str]:
    """Settings that this run makes no use of, such as `beta1` of a run with plain SGD."""
    unused = {name for choice in CHOICES for name in owned(choice) - _fields(CHOICES[choice][getattr(config, choice)])}
    if config.model in CLASSICAL:
        unused |= set(type(config).model_fields) - set(USED_BY_CLASSICAL)
    elif config.layers is not None:
        unused |= set(REPLACED_BY_LAYERS)
    elif config.model != "mlp":
        unused |= set(REPLACED_BY_CNN)
    elif not config.num_layers:
        unused |= OF_HIDDEN_LAYERS
    unused |= set(REPLACED_BY_FEATURES) if config.features != "pixels" else set()
    unused |= {"device"} if config.backend == "handgrad" else set()
    unused |= set() if config.elastic else {"elastic_sigma"}
    unused |= set() if config.patience or config.keep == "best" else {"monitor"}
    return unused


def effective_differences(one: RunConfig, other: RunConfig) -> dict[str, tuple[Any, Any]]:
    """The settings that differ, that can change a result, and that both runs make use of; the seed among them.

    A setting that only one of the two makes use of comes with the choice that makes it so: of two runs with SGD and
    Adam, the optimizer differs, and `beta1` is part of that. A learning rate of its own is a difference all the same.
    """
    unused = idle(one) | idle(other) | WITHOUT_INFLUENCE
    found = differences(settled(one), settled(other))
    found = {name: values for name, values in found.items() if name not in unused}
    if "model" in found:
        found.pop("model_options", None)
    if "optimizer" in found:
        found.pop("optimizer_options", None)
        if one.epsilon == other.epsilon:
            found.pop("epsilon", None)  # each optimizer's own is part of its rule
    if "hidden_size" in found and any(isinstance(size, tuple) for size in found["hidden_size"]):
        found.pop("num_layers", None)  # the list says how many there are
    return found


def with_setting_of(base: RunConfig, other: RunConfig, name: str, besides: set[str]) -> RunConfig:
    """`base`, nameless, with one setting as in `other`, and those that it brings into use except the ones `besides`.

    Raises  UsageError when the settings do not go together.
    """
    changes = {name: getattr(other, name)}
    if name == "optimizer":
        changes |= {"optimizer_options": other.optimizer_options, "learning_rate": settled(base).learning_rate}
    elif name == "model":
        changes |= {"model_options": other.model_options}
    elif name == "learning_rate":
        changes = {name: settled(other).learning_rate}
    elif name == "hidden_size" and "num_layers" not in besides:
        changes |= {"num_layers": other.num_layers}
    changed = base.replaced(**changes, name=None)
    woken = idle(base) - idle(changed) - besides
    return changed.replaced(**{field: getattr(other, field) for field in woken}) if woken else changed


def settled(config: RunConfig) -> RunConfig:
    """With the optimizer's own numbers where the settings are None."""
    optimizer = build_optimizer(config)
    own = {name: getattr(optimizer, name, None) for name in OPTIMIZERS_OWN}
    return config.model_copy(update=own)


def owned(choice: str) -> set[str]:
    """The settings that some entries of a registry make use of, and others do not."""
    entries = [_fields(entry) for entry in CHOICES[choice].values()]
    used = {name for names in entries for name in names}
    return {name for name in used if not all(name in names for names in entries)} & set(RunConfig.model_fields)


def _fields(entry: Any) -> set[str]:
    return {OTHER_NAMES.get(field.name, field.name) for field in dataclasses.fields(entry)}
