"""Which settings of a run have a say in its result, and in what two runs differ that matters."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from handgrad.classical import CLASSICAL
from handgrad.config.build import (
    REPLACED_BY_CNN,
    REPLACED_BY_FEATURES,
    REPLACED_BY_LAYERS,
    USED_BY_CLASSICAL,
)
from handgrad.config.lookup import listed
from handgrad.config.owners import CHOICES, fields_of, own_number, owned, stated
from handgrad.config.presets import PLAIN, departures
from handgrad.config.run_config import RunConfig, differences

# Where a run is kept, who watches it, and how often it is looked at or saved: its weights are the same bits.
WITHOUT_INFLUENCE = frozenset(
    {
        "checkpoint_seconds",
        "evaluate_every",
        "log_every",
        "log_test",
        "name",
        "preset",
        "runs_dir",
        "track",
        "wandb_entity",
        "wandb_group",
        "wandb_mode",
        "wandb_project",
    }
)

# What a training may have besides a network, an optimizer and a number of epochs; each is off at 0, or constant.
ADDITIONS = (
    *("batch_norm", "dropout", "schedule", "warmup_steps", "weight_decay", "l1", "clip_norm", "label_smoothing"),
    *("noise", "shift", "elastic", "patience", "time_limit"),
)
NEEDS: dict[str, tuple[str, Callable[[Any], bool]]] = {  # the setting that another one needs, and which of its values
    **dict.fromkeys(("hidden_size", "activation", "dropout", "batch_norm"), ("num_layers", bool)),
    "elastic_sigma": ("elastic", bool),
    "device": ("backend", "torch".__eq__),
}


class Condition(NamedTuple):
    """The setting that decides whether another one acts, the values with which it does, and those that are known."""

    selector: str
    holds: Callable[[Any], bool]
    users: tuple[str, ...] = ()


def conditions(field: str) -> Iterator[Condition]:
    """What a setting needs in order to act."""
    for choice, registry in CHOICES.items():
        if field in owned(choice):
            users = tuple(name for name, entry in registry.items() if field in fields_of(entry))
            yield Condition(choice, users.__contains__, users)
    if field in NEEDS:
        yield Condition(*NEEDS[field])


def called_for(field: str, chosen: Mapping[str, Any]) -> str:
    """The choice among `chosen` that makes use of a setting, such as "optimizer momentum" of momentum; "" for none."""
    for selector, holds, _ in conditions(field):
        if selector in chosen and holds(chosen[selector]):
            return f"{selector} {chosen[selector]}"
    return ""


def idle(config: RunConfig) -> set[str]:
    """Settings that this run makes no use of, such as `beta1` of a run with plain SGD."""
    return set(_reasons(config))


def idle_line(config: RunConfig, given: Iterable[str]) -> str:
    """Which of the given settings this run makes no use of, and why, on one line; nothing where all act."""
    reasons = _reasons(config)
    groups: dict[str, list[str]] = {}
    for name in given:
        if name in reasons:
            groups.setdefault(reasons[name], []).append(name)
    shared = {why: _users_of(names) for why, names in groups.items()}
    listed_groups = [f"{', '.join(names)} ({why}{shared[why]})" for why, names in groups.items()]
    return f"no effect here: {'; '.join(listed_groups)}" if groups else ""


def _users_of(names: list[str]) -> str:
    """Who uses settings that one choice leaves idle, where it is the same for all of them."""
    users = {condition.users for name in names for condition in conditions(name)}
    (first, *others) = users or {()}
    if others or not first:
        return ""
    return f"; {listed(first)} {'use' if len(first) > 1 else 'uses'} {'it' if len(names) == 1 else 'them'}"


def _reasons(config: RunConfig) -> dict[str, str]:
    """The settings that this run makes no use of, each with what makes it so."""
    found: dict[str, str] = {}
    for name in type(config).model_fields:
        for selector, holds, _ in conditions(name):
            if not holds(getattr(config, selector)):
                found[name] = f"{selector} {getattr(config, selector)}"
    if config.model in CLASSICAL:
        useless = set(type(config).model_fields) - set(USED_BY_CLASSICAL)
        found |= dict.fromkeys(useless, f"model {config.model}")
    elif config.layers is not None:
        found |= dict.fromkeys(REPLACED_BY_LAYERS, "layers describes the network")
    elif config.model != "mlp":
        found |= dict.fromkeys(REPLACED_BY_CNN, f"model {config.model}")
    if config.features != "pixels":
        found |= dict.fromkeys(REPLACED_BY_FEATURES, f"features {config.features}")
    if config.patience >= config.epochs:
        found["patience"] = f"epochs {config.epochs}"
    if not config.patience and config.keep != "best":
        found["monitor"] = f"patience 0, keep {config.keep}"
    return found


def beyond(config: RunConfig, among: Collection[str] = ADDITIONS) -> list[str]:
    """What acts in this run though its command does not say so, for the preset does; of the settings `among`."""
    unused = idle(config) | set(departures(config))
    return [name for name in ADDITIONS if name in among and name not in unused and _is_on(getattr(config, name))]


def beyond_line(config: RunConfig, names: Iterable[str]) -> str:
    """Those settings in one line, with the preset that they come from."""
    words = [_in_words(name, getattr(config, name)) for name in names] or ["nothing"]
    bare = "" if config.preset == PLAIN else f"; --preset {PLAIN} is the bare network"
    return f"also: {', '.join(words)} (preset {config.preset}{bare})"


def _is_on(value: Any) -> bool:
    return bool(value) and value != "constant"


def _in_words(name: str, value: Any) -> str:
    if value is True:
        return name
    return value if isinstance(value, str) else f"{name} {value:g}"


def effective_differences(one: RunConfig, other: RunConfig) -> dict[str, tuple[Any, Any]]:
    """The settings that differ, that can change a result, and that both runs make use of; the seed among them.

    A setting that only one of the two makes use of comes with the choice that makes it so: of two runs with SGD and
    Adam, the optimizer differs, and `beta1` is part of that. So are numbers of their own, the learning rate apart.
    """
    unused = idle(one) | idle(other) | WITHOUT_INFLUENCE
    said = {"learning_rate"} | {name for name, value in stated(one).items() if value != stated(other)[name]}
    found = differences(settled(one), settled(other))
    found = {name: values for name, values in found.items() if name in said and name not in unused}
    if "model" in found:
        found.pop("model_options", None)
    if "optimizer" in found:
        found.pop("optimizer_options", None)
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
    """With the owners' numbers where the settings are None."""
    names = [name for name, value in config if value is None]
    own = {name: own_number(config, name) for name in names}
    return config.model_copy(update={name: number for name, number in own.items() if number is not None})
