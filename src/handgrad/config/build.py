"""From a configuration to what it describes: layers, loss, optimizer, schedule, links."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from handgrad.config.layers import build_layer
from handgrad.config.lookup import listed, nearest
from handgrad.errors import UsageError
from handgrad.nn import (
    ACTIVATIONS,
    INITIALIZERS,
    LOSSES,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Initializer,
    Layer,
    Loss,
    MaxPool2D,
)
from handgrad.optim import OPTIMIZERS, SCHEDULES, Links, Optimizer, Schedule

if TYPE_CHECKING:
    from handgrad.config.run_config import RunConfig

BACKENDS = ("handgrad", "torch")
DEVICES = ("cpu", "cuda", "auto")
REPLACED_BY_CNN = ("num_layers", "hidden_size", "dropout", "batch_norm")
REPLACED_BY_LAYERS = ("model", "activation", *REPLACED_BY_CNN)


def build_optimizer(config: "RunConfig") -> Optimizer:
    """The optimizer with those settings that it has; learning rate and epsilon are its own where they are None.

    Raises  UsageError for an option that it does not have, or a number that it refuses.
    """
    kind = OPTIMIZERS[config.optimizer]
    names = {field.name for field in dataclasses.fields(kind)}
    own = [field.name for field in dataclasses.fields(kind) if field.name not in type(config).model_fields]
    for option in config.optimizer_options:
        if option not in own:
            raise UsageError(_unknown_option(config.optimizer, option, own, is_field=option in names))
    try:
        return kind(**_matching(kind, config), **config.optimizer_options)
    except UsageError as error:
        message = str(error)
        for option in config.optimizer_options:
            message = message.replace(f"(--{option})", f"(--optimizer_options {option}=...)")
        raise UsageError(f"optimizer {config.optimizer}: {message}") from error


def build_schedule(config: "RunConfig") -> Schedule:
    """The learning rate's course; a schedule with a warm-up of its own keeps it where warmup_steps is 0."""
    kind = SCHEDULES[config.schedule]
    settings = _matching(kind, config)
    if not config.warmup_steps:
        settings.pop("warmup_steps", None)
    return kind(**settings)


def build_links(config: "RunConfig") -> Links:
    """Clipping and penalties."""
    return Links(**_matching(Links, config))


def build_loss(config: "RunConfig") -> Loss:
    """What training minimises."""
    kind = LOSSES[config.loss]
    return kind(**_matching(kind, config))


def build_initializer(config: "RunConfig") -> Initializer:
    """What weights start from; `init_scale` is the deviation of one that has a free deviation."""
    kind: Any = INITIALIZERS[config.weight_init]
    free = "std" in {field.name for field in dataclasses.fields(kind)}
    initializer: Initializer = kind(std=config.init_scale) if free else kind()
    return initializer


def build_layers(config: "RunConfig", classes: int) -> list[Layer]:
    """The network for `classes` outputs: the hidden layers that `model` describes, then Dense.

    Where the configuration lists `layers`, they are taken as they stand; the output layer is added unless it is there.
    """
    initializer = build_initializer(config)
    output = Dense(classes, initializer)
    if config.layers is not None:
        listed_layers = [build_layer(item, initializer) for item in config.layers]
        return listed_layers if listed_layers[-1] == output else [*listed_layers, output]
    return [*MODELS[config.model](config, initializer), output]


def _mlp(config: "RunConfig", initializer: Initializer) -> list[Layer]:
    """Flatten; Dense, BatchNorm, activation, Dropout per hidden layer."""
    layers: list[Layer] = [Flatten()]
    for units in config.hidden_sizes:
        layers.append(Dense(units, initializer))
        layers += [BatchNorm()] if config.batch_norm else []
        layers.append(ACTIVATIONS[config.activation]())
        layers += [Dropout(config.dropout)] if config.dropout else []
    return layers


def _cnn(config: "RunConfig", initializer: Initializer) -> list[Layer]:
    """Twice: four filters of 3 x 3, BatchNorm, activation, pools of 2 x 2; then Flatten."""
    stage = [Conv2D(4, 3, initializer=initializer), BatchNorm(), ACTIVATIONS[config.activation](), MaxPool2D(2)]
    return [*stage, *stage, Flatten()]


MODELS: dict[str, Callable[["RunConfig", Initializer], list[Layer]]] = {"mlp": _mlp, "cnn": _cnn}


def check(config: "RunConfig") -> None:
    """Build all parts once, so that what one of them refuses is refused before anything starts.

    Raises  UsageError, also where `layers` or the model `cnn` and a setting that it replaces are both given.
    """
    if config.layers is not None:
        _refuse(config, REPLACED_BY_LAYERS, "layers")
    elif config.model == "cnn":
        _refuse(config, REPLACED_BY_CNN, "model cnn")
    if config.device == "cuda" and config.backend == "handgrad":
        raise UsageError(
            "device cuda needs PyTorch: the hand-written engine computes on the processor (--backend torch)"
        )
    for build in (build_optimizer, build_schedule, build_links, build_loss, build_initializer):
        build(config)


def _refuse(config: "RunConfig", replaced: tuple[str, ...], what: str) -> None:
    for name in replaced:
        value = getattr(config, name)
        if value != type(config).model_fields[name].default:
            raise UsageError(f"{what} describes the whole network: leave out {name}, got {value} (--{name})")


def _matching(kind: type[Any], config: "RunConfig") -> dict[str, Any]:
    """The configuration's values for the fields of a dataclass, by name; None leaves a field at its own default."""
    names = [field.name for field in dataclasses.fields(kind) if field.name in type(config).model_fields]
    return {name: getattr(config, name) for name in names if getattr(config, name) is not None}


def _unknown_option(optimizer: str, option: str, own: list[str], is_field: bool) -> str:
    if is_field:
        return f"optimizer_options: {option} is a setting of its own (--{option})"
    near = nearest(option, own)
    hint = f"; did you mean {near}?" if near else ""
    has = f"expected {listed(own)}" if own else "it has none"
    return f"optimizer_options: {optimizer} has no option {option}, {has}{hint} (--optimizer_options)"
