"""How a configuration is called: as a command, and as a run."""

import hashlib
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

from handgrad.classical import CLASSICAL
from handgrad.config.build import build_optimizer
from handgrad.config.lookup import listed
from handgrad.config.presets import CHOICES, PLAIN, fields_of, owned
from handgrad.config.schema import (
    EACH_LAYER,
    GREY,
    NETWORKS,
    REPLACED_BY_FEATURES,
    REPLACED_BY_LAYERS,
    USED_BY_CLASSICAL,
    Schema,
    departures,
    differences,
    own_default,
    replaced_by,
    stated,
)
from handgrad.nn import ACTIVATIONS
from handgrad.run_folder import WITHOUT_INFLUENCE

LONGEST = 96
TURN_WANDB_ON = ("wandb_project", "wandb_entity", "wandb_mode")  # as flags, where nothing says otherwise


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in text.split())


# What else a name contains where it differs from the preset, and how it is abbreviated, as in the course's runs.
ABBREVIATIONS = _pairs(
    "preset= hidden_size=sz epochs=ep weight_init=wi init_scale=std weight_decay=wd l1=l1 dropout=do "
    "batch_norm=bn loss=loss label_smoothing=ls momentum=m beta=b beta1=b1 beta2=b2 epsilon=eps "
    "optimizer_options=opt clip_norm=clip schedule=sched schedule_steps=every schedule_factor=by "
    "warmup_steps=warm noise=noise shift=shift elastic=elastic elastic_sigma=sigma normalize=norm resize=px "
    "grey=grey flip=flip rotation=rot crop=crop cutout=cut "
    "train_fraction=train label_noise=wrong validation_fraction=val dtype= fold=fold backend= device="
)

# What stands in front of those where only some settings are named.
FIRST = _pairs(
    "dataset= model= layers=net num_layers=hl hidden_size=sz batch_size=bs activation=ac optimizer= learning_rate=lr"
)
# What a training may have besides a network, an optimizer and a number of epochs; each is off at 0, or constant.
ADDITIONS = (
    *("batch_norm", "dropout", "schedule", "warmup_steps", "weight_decay", "l1", "clip_norm", "label_smoothing"),
    *("label_noise", "noise", "shift", "elastic", "flip", "rotation", "crop", "cutout", "patience", "time_limit"),
)
LAYER_SETTINGS = ("batch_norm", "dropout", "activation")  # of which `layers` may have an item of its own
NEEDS: dict[str, tuple[str, Callable[[Any], bool]]] = {  # the setting that another one needs, and which of its values
    **dict.fromkeys(("hidden_size", "activation", "dropout", "batch_norm"), ("num_layers", bool)),
    "elastic_sigma": ("elastic", bool),
    "device": ("backend", "torch".__eq__),
}


def command(config: Schema) -> str:
    """`handgrad train` with every setting that differs from its preset, fit for a shell."""
    words = ["handgrad", "train"]
    for name, value in departures(config).items():
        if name != "num_layers" or isinstance(config.hidden_size, int):  # a list says how many layers there are
            words += _flag(name, value)
    if "wandb" not in config.track and any(getattr(config, name) is not None for name in TURN_WANDB_ON):
        words.append("--no_wandb")
    return shlex.join(words)


def auto_name(config: Schema) -> str:
    """A folder's name such as fashion_mnist_hl_3_bs_16_ac_tanh_adam_lr_0.0001_s_0, cut to 96 characters with a hash."""
    parts: list[Any] = [PurePath(config.dataset).stem or "data"]
    own = config.layers is not None or "activation" in replaced_by(config.model)
    activation = [] if own else ["ac", config.activation]
    parts += [config.features] if config.features != "pixels" else []
    if config.model in CLASSICAL:
        parts += [config.model, brief(config.model_options)]
    elif config.layers is not None:
        parts += ["net", *(item.replace(":", "") for item in config.layers)]
    elif config.model == "mlp":
        size = config.hidden_size  # the usual one is left out, as in the course's names
        parts += ["hl", config.num_layers, *(["sz", brief(size)] if size != EACH_LAYER else [])]
    else:
        parts.append(config.model)
    if config.model not in CLASSICAL:
        rate = f"{build_optimizer(config).learning_rate:g}"
        parts += ["bs", config.batch_size, *activation, config.optimizer, "lr", rate]
    unusual = departures(config)
    for name, abbreviation in ABBREVIATIONS.items():
        if name in unusual and name != "hidden_size":
            value = unusual[name]
            parts += ["no" if value is False else "", abbreviation, brief(value)]
    return file_name("_".join(str(part) for part in [*parts, "s", config.seed] if part != ""))


def title(config: Schema) -> str:
    """For people: the run's own name, or words such as "Digits: 512-256 units, relu, adam"."""
    if config.name:
        return config.name
    if config.model in CLASSICAL:
        what = [config.model, brief(config.model_options)]
    elif config.layers is not None:
        what = ["a network of layers", config.optimizer]
    elif "activation" in replaced_by(config.model):
        what = [config.model, config.optimizer]
    else:
        units = f"{'-'.join(map(str, config.hidden_sizes))} units"
        what = [units if config.model == "mlp" else config.model.upper(), config.activation, config.optimizer]
    of = PurePath(config.dataset).stem or "data"
    return f"{of[0].upper()}{of[1:]}: {', '.join(word for word in what if word)}"


def values_name(values: Mapping[str, Any]) -> str:
    """A name for some values of settings, in the order and with the abbreviations of `auto_name`."""
    names = {**FIRST, **ABBREVIATIONS}
    ordered = [name for name in names if name in values] + [name for name in values if name not in names]
    parts: list[str] = []
    for name in ordered:
        value = values[name]
        parts += ["no" if value is False else "", names.get(name, name), "none" if value is None else brief(value)]
    return file_name("_".join(part for part in parts if part))


def file_name(text: str) -> str:
    """A text as the name of a folder: what does not fit becomes "-", and a long one ends in a hash."""
    safe = re.sub(r"[^A-Za-z0-9_.+-]+", "-", text).lstrip("-._") or "run"
    if len(safe) <= LONGEST:
        return safe
    return f"{safe[: LONGEST - 9]}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def folder_of_name(name: str) -> str:
    """The folder of a run with a name that somebody gave it: what no folder can be called so by becomes "-"."""
    return re.sub(r'[\s/\\:*?"<>|]+', "-", name).strip("-.") or "run"


def _flag(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no_{name}"]
    words = _words(value)
    if not words[0][:1].isalnum():  # a dash in front would make it a flag
        return [f"--{name}={words[0]}", *words[1:]]
    return [f"--{name}", *words]


def _words(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [f"{name}={number!r}" for name, number in value.items()] or ["none"]
    if isinstance(value, tuple):
        return [str(item) for item in value] or ["none"]
    return ["none"] if value is None else [str(value)]


def brief(value: Any) -> str:
    """A value as names of runs have it: 512x256, 0.001; nothing for yes and no."""
    if isinstance(value, bool):
        return ""
    if isinstance(value, tuple):
        return "x".join(str(item) for item in value)
    if isinstance(value, dict):
        return "_".join(f"{name}{number:g}" for name, number in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


class Condition(NamedTuple):
    """The setting that decides whether another one acts, the values with which it does, and those that are known."""

    selector: str
    holds: Callable[[Any], bool]
    users: tuple[str, ...] = ()


def conditions(field: str) -> Iterator[Condition]:
    """What a setting needs in order to act."""
    for choice, registry in CHOICES.items():
        if field in owned(*registry.values()):
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


def idle(config: Schema) -> set[str]:
    """Settings that this run makes no use of, such as `beta1` of a run with plain SGD."""
    return set(_reasons(config))


def idle_line(config: Schema, stated_names: Iterable[str]) -> str:
    """Which of the given settings this run makes no use of, and why, on one line; nothing where all act."""
    reasons = _reasons(config)
    groups: dict[str, list[str]] = {}
    for name in stated_names:
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


def _reasons(config: Schema) -> dict[str, str]:
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
    else:
        found |= dict.fromkeys(replaced_by(config.model), f"model {config.model}")
    if config.features != "pixels":
        found |= dict.fromkeys(REPLACED_BY_FEATURES, f"features {config.features}")
    if config.patience >= config.epochs:
        found["patience"] = f"epochs {config.epochs}"
    if not config.patience and config.keep != "best":
        found["monitor"] = f"patience 0, keep {config.keep}"
    return found


def beyond(config: Schema, among: Collection[str] = ADDITIONS) -> list[str]:
    """Settings `among` those given that act in this run because its preset sets them, not its command."""
    unused = idle(config) | set(departures(config))
    off = (None, False, 0, "constant")
    return [n for n in ADDITIONS if n in among and n not in unused and getattr(config, n) not in off]


def beyond_line(config: Schema, names: Iterable[str]) -> str:
    """Those settings in one line, with the preset that they come from."""
    values = {name: getattr(config, name) for name in names}
    words = [
        name if value is True else value if isinstance(value, str) else f"{name} {value:g}"
        for name, value in values.items()
    ]
    bare = "" if config.preset == PLAIN else f"; --preset {PLAIN} is the bare network"
    return f"also: {', '.join(words or ['nothing'])} (preset {config.preset}{bare})"


def effective_differences(one: Schema, other: Schema) -> dict[str, tuple[Any, Any]]:
    """The settings that differ, that can change a result, and that both runs make use of; the seed among them.

    A setting that only one of the two makes use of comes with the choice that makes it so: of two runs with SGD and
    Adam, the optimizer differs, and `beta1` is part of that. So are numbers of their own, the learning rate apart.
    """
    unused, others = idle(one) | idle(other) | WITHOUT_INFLUENCE, stated(other)
    stated_differently = {"learning_rate"} | {name for name, value in stated(one).items() if value != others[name]}
    found = differences(resolved(one), resolved(other))
    found = {name: values for name, values in found.items() if name in stated_differently and name not in unused}
    if "model" in found:
        found.pop("model_options", None)
    if "optimizer" in found:
        found.pop("optimizer_options", None)
    if "layers" in found and not {one.model, other.model} & CLASSICAL.keys():
        found.pop("layers")
        found |= _between_layers(one, other)
    if "hidden_size" in found and any(isinstance(size, tuple) for size in found["hidden_size"]):
        found.pop("num_layers", None)  # the list says how many there are
    return found


def _layers(config: Schema) -> dict[str, list[tuple[int, str]]]:
    """The items of a network by LAYER_SETTINGS, and "layers" for all others; each with how many of these precede it."""
    found: dict[str, list[tuple[int, str]]] = {name: [] for name in ("layers", *LAYER_SETTINGS)}
    for item in NETWORKS[config.model](config, GREY) if config.layers is None else config.layers:
        name, _, number = item.partition(":")
        setting = "activation" if name in ACTIVATIONS else name if name in LAYER_SETTINGS else "layers"
        if name != "dropout" or float(number):
            found[setting].append((len(found["layers"]), item))
    return found


def effective(config: Schema, name: str) -> Any:
    """What a setting comes to in a run: where a network is not made by it, by what the network contains."""
    if name not in LAYER_SETTINGS or name not in idle(config) or config.model in CLASSICAL:
        return getattr(resolved(config), name)
    items = tuple(dict.fromkeys(item.partition(":")[2] or item for _, item in _layers(config)[name]))
    if name == "batch_norm":
        return bool(items)
    values = tuple(map(float, items)) or (0.0,) if name == "dropout" else items
    return values[0] if len(values) == 1 else values


def _between_layers(one: Schema, other: Schema) -> dict[str, tuple[Any, Any]]:
    """How two networks differ of which one is given as `layers`: in single LAYER_SETTINGS where the rest is equal."""
    first, second = _layers(one), _layers(other)
    names = [name for name in first if first[name] != second[name]]
    found = {name: (effective(one, name), effective(other, name)) for name in names}
    if "layers" in found or any(a == b for a, b in found.values()):  # a == b: the same, elsewhere in the network
        return {"layers": (one.layers, other.layers)}
    return found


def resolved(config: Schema) -> Schema:
    """With the owners' numbers where the settings are None."""
    names = [name for name, value in config if value is None]
    own = {name: own_default(config, name) for name in names}
    return config.model_copy(update={name: number for name, number in own.items() if number is not None})
