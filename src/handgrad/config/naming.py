"""How a configuration is called: as a command, and as a run."""

import hashlib
import re
import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from handgrad.classical import CLASSICAL
from handgrad.config.build import build_optimizer
from handgrad.config.presets import departures
from handgrad.config.resolve import EACH_LAYER

if TYPE_CHECKING:
    from handgrad.config.run_config import RunConfig

LONGEST = 96
TURN_WANDB_ON = ("wandb_project", "wandb_entity", "wandb_mode")  # as flags, where nothing says otherwise

# What a name says besides where it differs from the preset, and how it is abbreviated, as the course's runs do.
ABBREVIATIONS = {
    "preset": "",
    "hidden_size": "sz",
    "epochs": "ep",
    "weight_init": "wi",
    "init_scale": "std",
    "weight_decay": "wd",
    "l1": "l1",
    "dropout": "do",
    "batch_norm": "bn",
    "loss": "loss",
    "label_smoothing": "ls",
    "momentum": "m",
    "beta": "b",
    "beta1": "b1",
    "beta2": "b2",
    "epsilon": "eps",
    "optimizer_options": "opt",
    "clip_norm": "clip",
    "schedule": "sched",
    "schedule_steps": "every",
    "schedule_factor": "by",
    "warmup_steps": "warm",
    "noise": "noise",
    "shift": "shift",
    "elastic": "elastic",
    "elastic_sigma": "sigma",
    "normalize": "norm",
    "resize": "px",
    "train_fraction": "train",
    "validation_fraction": "val",
    "dtype": "",
    "fold": "fold",
    "backend": "",
    "device": "",
}

# What stands in front of those where only some settings are named.
FIRST = {
    "dataset": "",
    "model": "",
    "layers": "net",
    "num_layers": "hl",
    "hidden_size": "sz",
    "batch_size": "bs",
    "activation": "ac",
    "optimizer": "",
    "learning_rate": "lr",
}


def command(config: "RunConfig") -> str:
    """`handgrad train` with every setting that differs from its preset, fit for a shell."""
    words = ["handgrad", "train"]
    for name, value in departures(config).items():
        if not _implied(config, name):
            words += _flag(name, value)
    if "wandb" not in config.track and any(getattr(config, name) is not None for name in TURN_WANDB_ON):
        words.append("--no_wandb")
    return shlex.join(words)


def auto_name(config: "RunConfig") -> str:
    """A folder's name such as fashion_mnist_hl_3_bs_16_ac_tanh_adam_lr_0.0001_s_0, cut to 96 characters with a hash."""
    parts: list[Any] = [PurePath(config.dataset).stem or "data"]
    activation = ["ac", config.activation] if config.layers is None else []
    parts += [config.features] if config.features != "pixels" else []
    if config.model in CLASSICAL:
        parts += [config.model, _brief(config.model_options)]
    elif config.layers is not None:
        parts += ["net", *(item.replace(":", "") for item in config.layers)]
    elif config.model == "mlp":
        parts += ["hl", config.num_layers, *_sizes(config)]
    else:
        parts.append(config.model)
    if config.model not in CLASSICAL:
        rate = f"{build_optimizer(config).learning_rate:g}"
        parts += ["bs", config.batch_size, *activation, config.optimizer, "lr", rate]
    unusual = departures(config)
    for name in ABBREVIATIONS:
        parts += _unusual(name, unusual[name]) if name in unusual and name != "hidden_size" else []
    return file_name("_".join(str(part) for part in [*parts, "s", config.seed] if part != ""))


def values_name(values: Mapping[str, Any]) -> str:
    """A name for some values of settings, in the order and with the abbreviations of `auto_name`."""
    names = {**FIRST, **ABBREVIATIONS}
    ordered = [name for name in names if name in values] + [name for name in values if name not in names]
    parts = [part for name in ordered for part in _named(names.get(name, name), values[name])]
    return file_name("_".join(part for part in parts if part))


def _named(abbreviation: str, value: Any) -> list[str]:
    return [*(["no"] if value is False else []), abbreviation, "none" if value is None else _brief(value)]


def file_name(text: str) -> str:
    """A text as the name of a folder: what does not fit becomes "-", and a long one ends in a hash."""
    safe = re.sub(r"[^A-Za-z0-9_.+-]+", "-", text).lstrip("-._") or "run"
    if len(safe) <= LONGEST:
        return safe
    return f"{safe[: LONGEST - 9]}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def folder_of_name(name: str) -> str:
    """The folder of a run with a name that somebody gave it: what no folder can be called so by becomes "-"."""
    return re.sub(r'[\s/\\:*?"<>|]+', "-", name).strip("-.") or "run"


def _sizes(config: "RunConfig") -> list[str]:
    """Nothing for the usual size, as in the course's names."""
    return [] if config.hidden_size == EACH_LAYER else [ABBREVIATIONS["hidden_size"], _brief(config.hidden_size)]


def _unusual(name: str, value: Any) -> list[str]:
    return ["no" if value is False else "", ABBREVIATIONS[name], _brief(value)]


def _implied(config: "RunConfig", name: str) -> bool:
    """Whether another flag says it already: a list of sizes says how many layers there are."""
    return name == "num_layers" and isinstance(config.hidden_size, tuple)


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


def _brief(value: Any) -> str:
    if isinstance(value, bool):
        return ""
    if isinstance(value, tuple):
        return "x".join(str(item) for item in value)
    if isinstance(value, dict):
        return "_".join(f"{name}{number:g}" for name, number in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
