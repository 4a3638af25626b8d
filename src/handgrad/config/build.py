"""From a configuration to what it describes: layers, loss, optimizer, schedule, transforms."""

import dataclasses
from collections import ChainMap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from handgrad.classical import CLASSICAL, ClassicalModel
from handgrad.config.layers import build_layer
from handgrad.config.lookup import Problems, listed
from handgrad.config.owners import OTHER_NAMES
from handgrad.config.presets import departures
from handgrad.data import Dataset, Split, hold_fold, load, read_fold, split, watched_on_test, with_features
from handgrad.errors import UsageError
from handgrad.nn import (
    ACTIVATIONS,
    INITIALIZERS,
    LAYERS,
    LOSSES,
    Initializer,
    Layer,
    Loss,
)
from handgrad.optim import OPTIMIZERS, SCHEDULES, GradientTransforms, Optimizer, Schedule
from handgrad.text import nearest

if TYPE_CHECKING:
    from handgrad.config.run_config import RunConfig

BACKENDS = ("handgrad", "torch")
DEVICES = ("cpu", "cuda", "auto")
REPLACED_BY_CNN = ("num_layers", "hidden_size", "dropout", "batch_norm")
REPLACED_BY_LAYERS = ("model", "activation", *REPLACED_BY_CNN)
REPLACED_BY_FEATURES = ("noise", "shift", "elastic", "normalize")
USED_BY_CLASSICAL = (
    *("preset", "dataset", "resize", "validation_fraction", "train_fraction", "fold", "normalize", "features", "model"),
    *("model_options", "seed", "runs_dir", "name", "track", "wandb_project", "wandb_entity", "wandb_mode"),
)


def build_optimizer(config: "RunConfig") -> Optimizer:
    """The optimizer with those settings that it has; what is None is the optimizer's own.

    Raises  UsageError for an option that it does not have, or a number that it refuses.
    """
    kind = OPTIMIZERS[config.optimizer]
    _check_options(config, kind, "optimizer")
    return _with_options(kind, config, "optimizer")


def build_classical(config: "RunConfig") -> ClassicalModel:
    """The classical model with its hyper-parameters.

    Raises  UsageError as `build_optimizer`.
    """
    kind = CLASSICAL[config.model]
    _check_options(config, kind, "model")
    return _with_options(kind, config, "model")


def build_schedule(config: "RunConfig") -> Schedule:
    """The learning rate's course; a schedule with a warm-up of its own keeps it where warmup_steps is 0."""
    kind = SCHEDULES[config.schedule]
    settings = _matching(kind, config)
    if not config.warmup_steps:
        settings.pop("warmup_steps", None)
    return kind(**settings)


def build_transforms(config: "RunConfig") -> GradientTransforms:
    """Clipping and penalties."""
    return GradientTransforms(**_matching(GradientTransforms, config))


def build_loss(config: "RunConfig") -> Loss:
    """What training minimises."""
    kind = LOSSES[config.loss]
    return kind(**_matching(kind, config))


def build_initializer(config: "RunConfig") -> Initializer:
    """What weights start from; `init_scale` is the deviation of one that has a free deviation."""
    kind = INITIALIZERS[config.weight_init]
    return kind(**_matching(kind, config))


def build_layers(config: "RunConfig", classes: int) -> list[Layer]:
    """The network for `classes` outputs: the hidden layers that `model` describes, then Dense.

    Where the configuration lists `layers`, they are taken as they stand; the output layer is added unless it is there.
    """
    initializer = build_initializer(config)
    output = _layer("dense", classes, initializer)
    if config.layers is not None:
        listed_layers = [build_layer(item, initializer) for item in config.layers]
        return listed_layers if listed_layers[-1] == output else [*listed_layers, output]
    return [*MODELS[config.model](config, initializer), output]


def _mlp(config: "RunConfig", initializer: Initializer) -> list[Layer]:
    """Flatten; Dense, BatchNorm, activation, Dropout per hidden layer."""
    layers: list[Layer] = [_layer("flatten")]
    for units in config.hidden_sizes:
        layers.append(_layer("dense", units, initializer))
        layers += [_layer("batch_norm")] if config.batch_norm else []
        layers.append(ACTIVATIONS[config.activation]())
        layers += [_layer("dropout", config.dropout)] if config.dropout else []
    return layers


def _cnn(config: "RunConfig", initializer: Initializer) -> list[Layer]:
    """Twice: four filters of 3 x 3, BatchNorm, activation, pools of 2 x 2; then Flatten."""
    convolution = _layer("conv2d", 4, 3, initializer=initializer)
    stage = [convolution, _layer("batch_norm"), ACTIVATIONS[config.activation](), _layer("max_pool2d", 2)]
    return [*stage, *stage, _layer("flatten")]


def _layer(name: str, *values: Any, **settings: Any) -> Layer:
    kind: Any = LAYERS.get(name)
    if kind is None:
        raise UsageError(f"layers: {name} is not installed here, expected {listed(LAYERS)}")
    layer: Layer = kind(*values, **settings)
    return layer


MODELS: dict[str, Callable[["RunConfig", Initializer], list[Layer]]] = {"mlp": _mlp, "cnn": _cnn}


ALL_MODELS = ChainMap[str, Any](CLASSICAL, MODELS)
"""Networks and classical models, as they are registered now."""


def build_dataset(config: "RunConfig", name: str | None = None) -> Dataset:
    """The data set `config` names, as its model gets it: resized, features in place of images, one fold held out.

    Another one, `name`, is brought to the same form; no fold of it is held out.

    Raises  UsageError, FileSystemError, CorruptDataError.
    """
    dataset = with_features(load(name or config.dataset, config.resize), config.features)
    fold = read_fold(config.fold) if config.fold and name is None else None
    return hold_fold(dataset, fold, config.seed) if fold and fold.held else dataset


def build_split(config: "RunConfig", dataset: Dataset) -> Split:
    """Which of its images are trained on, and which validate."""
    if not validates_on_test(config):
        return split(dataset, config.validation_fraction, config.seed, config.train_fraction)
    fold = read_fold(str(config.fold))
    return watched_on_test(split(dataset, 0, config.seed, config.train_fraction), dataset, fold.folds, config.seed)


def validates_on_test(config: "RunConfig") -> bool:
    """Whether it watches test images while it trains, which then must choose nothing."""
    return config.fold is not None and not read_fold(config.fold).held


def check(config: "RunConfig") -> None:
    """Build all parts once, so that what one of them refuses is refused before anything starts.

    Raises  UsageError for all of that at once, also where `layers` or a model and a setting that it makes useless are
            both given.
    """
    problems, network = Problems(), config.model not in CLASSICAL
    if config.features != "pixels":
        problems.of(_refuse, config, REPLACED_BY_FEATURES, f"features {config.features} replace the pixels")
    if validates_on_test(config):
        problems.of(_check_watched, config)
    if config.layers is not None:
        problems.of(_refuse, config, REPLACED_BY_LAYERS, "layers describes the whole network")
    elif config.model == "cnn":
        problems.of(_refuse, config, REPLACED_BY_CNN, "model cnn describes the whole network")
    elif not network:
        useless = tuple(name for name in type(config).model_fields if name not in USED_BY_CLASSICAL)
        problems.of(_refuse, config, useless, f"model {config.model} is fitted by scikit-learn")
        problems.of(build_classical, config)
    if network:
        problems.of(_check_options, config, None, "model")
    if config.device == "cuda" and config.backend == "handgrad":
        what = "device cuda needs PyTorch: the hand-written engine computes on the processor (--backend torch)"
        problems.append(UsageError(what))
    for build in (build_optimizer, build_schedule, build_transforms, build_loss, build_initializer):
        problems.of(build, config)
    problems.refuse()


def _check_watched(config: "RunConfig") -> None:
    """Refuse what would choose by the test images that a run is watched on."""
    problems, what = Problems(), f"fold {config.fold} validates on test images"
    problems.of(_refuse, config, ("validation_fraction",), what)
    what += ", by which nothing may be chosen"
    problems.of(_refuse, config, ("patience", "monitor"), what)
    if config.keep == "best" and config.model not in CLASSICAL:
        ways_out = "keep must be last, got best (--keep). Validate on training images to keep the best"
        problems.append(UsageError(f"{what}: {ways_out}"))
    problems.refuse()


def _refuse(config: "RunConfig", replaced: tuple[str, ...], what: str) -> None:
    departing = departures(config)
    useless = [name for name in replaced if name in departing]
    if useless:
        leave_out = " and ".join(f"{name}, got {getattr(config, name)} (--{name})" for name in useless)
        raise UsageError(f"{what}: leave out {leave_out}")


def _matching(kind: type[Any], config: "RunConfig") -> dict[str, Any]:
    """The configuration's values for the fields of a dataclass, by name; None leaves a field at its own default."""
    names = {field.name: OTHER_NAMES.get(field.name, field.name) for field in dataclasses.fields(kind)}
    values = {name: getattr(config, setting, None) for name, setting in names.items()}
    return {name: value for name, value in values.items() if value is not None}


def _with_options(kind: Any, config: "RunConfig", what: str) -> Any:
    """An optimizer or a model with its settings and its options; what it says of an option is said of the flag."""
    options = getattr(config, f"{what}_options")
    try:
        return kind(**_matching(kind, config), **options)
    except UsageError as error:
        message = str(error)
        for option in options:
            message = message.replace(f"(--{option})", f"(--{what}_options {option}=...)")
        raise UsageError(f"{what} {getattr(config, what)}: {message}") from error


def _check_options(config: "RunConfig", kind: Any, what: str) -> None:
    """Refuse an option that an optimizer or a model does not have; a network, None, has none."""
    fields = [field.name for field in dataclasses.fields(kind)] if kind else []
    own = [name for name in fields if name not in type(config).model_fields]
    for option in getattr(config, f"{what}_options"):
        if option not in own:
            raise UsageError(_unknown_option(config, what, option, own, is_field=option in fields))


def _unknown_option(config: "RunConfig", what: str, option: str, own: list[str], is_field: bool) -> str:
    if is_field:
        return f"{what}_options: {option} is a setting of its own (--{option})"
    near = nearest(option, own)
    hint = f"; did you mean {near}?" if near else ""
    has = f"expected {listed(own)}" if own else "it has none"
    return f"{what}_options: {getattr(config, what)} has no option {option}, {has}{hint} (--{what}_options)"
