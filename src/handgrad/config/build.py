"""From a configuration to what it describes: layers, loss, optimizer, schedule, transforms."""

import dataclasses
from typing import Any

import numpy as np

from handgrad.classical import CLASSICAL, ClassicalModel
from handgrad.config.layer_list import build_layer
from handgrad.config.lookup import Problems, listed
from handgrad.config.presets import OTHER_NAMES
from handgrad.config.schema import (
    GREY,
    NETWORKS,
    OF_DATA,
    REPLACED_BY_FEATURES,
    REPLACED_BY_LAYERS,
    USED_BY_CLASSICAL,
    Schema,
    departures,
    replaced_by,
)
from handgrad.data import (
    Dataset,
    Split,
    hold_fold,
    load,
    read_fold,
    split,
    watched_on_test,
    with_features,
    with_label_noise,
)
from handgrad.errors import UsageError
from handgrad.nn import INITIALIZERS, LOSSES, Initializer, Layer, Loss
from handgrad.nn.layer import Shape
from handgrad.nn.network import Scaling
from handgrad.optim import OPTIMIZERS, SCHEDULES, GradientTransforms, Optimizer, Schedule
from handgrad.text import nearest


def build_optimizer(config: Schema) -> Optimizer:
    """The optimizer with those settings that it has; what is None is the optimizer's own.

    Raises  UsageError for an option that it does not have, or a number that it refuses.
    """
    entry = OPTIMIZERS[config.optimizer]
    _check_options(config, entry, "optimizer")
    return _with_options(entry, config, "optimizer")


def build_classical(config: Schema) -> ClassicalModel:
    """The classical model with its hyper-parameters.

    Raises  UsageError as `build_optimizer`.
    """
    entry = CLASSICAL[config.model]
    _check_options(config, entry, "model")
    return _with_options(entry, config, "model")


def build_schedule(config: Schema) -> Schedule:
    """The learning rate's course; a schedule with a warm-up of its own keeps it where warmup_steps is 0."""
    entry = SCHEDULES[config.schedule]
    settings = matching(entry, config)
    if not config.warmup_steps:
        settings.pop("warmup_steps", None)
    return entry(**settings)


def build_transforms(config: Schema) -> GradientTransforms:
    """Clipping and penalties."""
    return GradientTransforms(**matching(GradientTransforms, config))


def build_loss(config: Schema) -> Loss:
    """What training minimises."""
    entry = LOSSES[config.loss]
    return entry(**matching(entry, config))


def build_class_weights(config: Schema, labels: Any, classes: int) -> tuple[float, ...]:
    """How much an image of each class counts in training; nothing where all count alike.

    Shapes  labels (n,) int in [0, classes), of the training images
    Math    balanced: n / (k n_c) for n images of k classes that occur, n_c of them of class c; 1 where n_c is 0
    Ref     scikit-learn's compute_class_weight("balanced"), after King & Zeng (2001), Political Analysis 9(2)
    """
    if not isinstance(config.class_weight, str):
        return config.class_weight or ()
    counts = np.bincount(labels, minlength=classes)
    return tuple(len(labels) / (np.count_nonzero(counts) * count) if count else 1.0 for count in counts.tolist())


def build_initializer(config: Schema) -> Initializer:
    """What weights start from; `init_scale` is the deviation of one that has a free deviation."""
    entry = INITIALIZERS[config.weight_init]
    return entry(**matching(entry, config))


def build_layers(config: Schema, classes: int, shape: Shape = GREY) -> list[Layer]:
    """For images of `shape` and `classes` outputs, the hidden layers that `layers` or `model` describe, then Dense.

    The output layer is added unless it is the last one of `layers`.
    """
    initializer = build_initializer(config)
    items = NETWORKS[config.model](config, shape) if config.layers is None else config.layers
    hidden, output = [build_layer(item, initializer) for item in items], build_layer(f"dense:{classes}", initializer)
    return hidden if config.layers is not None and hidden[-1] == output else [*hidden, output]


def data_key(config: Schema, name: str | None = None) -> tuple[Any, ...]:
    """What `build_dataset` depends on: the same key, the same data."""
    return name, *(getattr(config, setting) for setting in OF_DATA), config.fold and config.seed


def build_dataset(config: Schema, name: str | None = None) -> Dataset:
    """The data set `config` names, as its model gets it: resized, features in place of images, one fold held out.

    Another one, `name`, is brought to the same form; no fold of it is held out.

    Raises  UsageError, FileSystemError, CorruptDataError.
    """
    dataset = load(name or config.dataset, config.resize, config.skip_damaged, config.grey)
    dataset = with_features(dataset, config.features)
    fold = read_fold(config.fold) if config.fold and name is None else None
    return hold_fold(dataset, fold, config.seed) if fold and fold.held else dataset


def build_split(config: Schema, dataset: Dataset) -> Split:
    """Which of its images are trained on, and which validate."""
    held_out = 0 if validates_on_test(config) else config.validation_fraction
    parts = split(dataset, held_out, config.seed, config.train_fraction)
    if config.label_noise:
        parts = with_label_noise(parts, config.label_noise, dataset.classes, config.seed)
    if not validates_on_test(config):
        return parts
    return watched_on_test(parts, dataset, read_fold(str(config.fold)).folds, config.seed)


def build_scaling(config: Schema, dataset: Dataset, rows: Any) -> Scaling:
    """Pixels to [0, 1], or each channel to mean 0 and deviation 1 over the training images (rows of x_train)."""
    if config.normalize != "standard":
        return Scaling()
    channels = dataset.channels
    counts = np.zeros((channels, 256), np.int64)
    for part in np.array_split(rows, max(1, len(rows) // 1000)):
        planes = dataset.x_train[part].reshape(len(part), channels, -1)
        counts += [np.bincount(planes[:, channel].ravel(), minlength=256) for channel in range(channels)]
    scales, shifts = [], []
    for each in counts:
        mean = np.average(np.arange(256), weights=each)
        deviation = np.sqrt(np.average((np.arange(256) - mean) ** 2, weights=each)) or 1.0
        scales.append(float(1 / deviation))
        shifts.append(float(-mean / deviation))
    return Scaling(tuple(scales), tuple(shifts)) if channels > 1 else Scaling(scales[0], shifts[0])


def validates_on_test(config: Schema) -> bool:
    """Whether test images are evaluated during training; they must choose nothing."""
    return config.fold is not None and not read_fold(config.fold).held


def check(config: Schema) -> None:
    """Build all parts once, so that what one of them refuses is refused before anything starts.

    Raises  UsageError for all of that at once, also where `layers` or a model and a setting that it makes useless are
            both given.
    """
    problems, network = Problems(), config.model not in CLASSICAL
    if config.features != "pixels":
        problems.of(_refuse, config, REPLACED_BY_FEATURES, f"features {config.features} replace the pixels")
    if validates_on_test(config):
        problems.of(_check_validation_on_test, config)
    if config.layers is not None:
        problems.of(_refuse, config, REPLACED_BY_LAYERS, "layers describes the whole network")
    elif network:
        problems.of(_refuse, config, replaced_by(config.model), f"model {config.model} describes the whole network")
    else:
        useless = tuple(name for name in type(config).model_fields if name not in USED_BY_CLASSICAL)
        problems.of(_refuse, config, useless, f"model {config.model} is fitted by scikit-learn")
        problems.of(build_classical, config)
    if network:
        problems.of(_check_options, config, None, "model")
    if config.device == "cuda" and config.backend == "handgrad":
        what = "device cuda needs PyTorch: the hand-written engine computes on the processor (--backend torch)"
        problems.append(UsageError(what))
    if config.log_units and config.backend != "handgrad":
        what = "log_units records what the hand-written engine leaves of each step: leave it out with --backend torch"
        problems.append(UsageError(what))
    if config.class_weight is not None and config.label_smoothing:
        what = "class_weight and label_smoothing do not go together: libraries differ in what a smoothed label weighs"
        problems.append(UsageError(f"{what}. Leave one out (--class_weight, --label_smoothing)"))
    for build in (build_optimizer, build_schedule, build_transforms, build_loss, build_initializer):
        problems.of(build, config)
    problems.refuse()


def _check_validation_on_test(config: Schema) -> None:
    """Refuse what would choose by the test images that a run is validated on."""
    problems, what = Problems(), f"fold {config.fold} validates on test images"
    problems.of(_refuse, config, ("validation_fraction",), what)
    what += ", by which nothing may be chosen"
    problems.of(_refuse, config, ("patience", "monitor"), what)
    if config.keep == "best" and config.model not in CLASSICAL:
        ways_out = "keep must be last, got best (--keep). Validate on training images to keep the best"
        problems.append(UsageError(f"{what}: {ways_out}"))
    problems.refuse()


def _refuse(config: Schema, replaced: tuple[str, ...], what: str) -> None:
    departing = departures(config)
    useless = [name for name in replaced if name in departing]
    if useless:
        leave_out = " and ".join(f"{name}, got {getattr(config, name)} (--{name})" for name in useless)
        raise UsageError(f"{what}: leave out {leave_out}")


def matching(entry: type[Any], config: Schema) -> dict[str, Any]:
    """The configuration's values for the fields of a dataclass, by name; None leaves a field at its own default."""
    names = {field.name: OTHER_NAMES.get(field.name, field.name) for field in dataclasses.fields(entry)}
    values = {name: getattr(config, setting, None) for name, setting in names.items()}
    return {name: value for name, value in values.items() if value is not None}


def _with_options(entry: Any, config: Schema, what: str) -> Any:
    """An optimizer or a model with its settings and its options; its errors name the flag of the option."""
    options = getattr(config, f"{what}_options")
    try:
        return entry(**matching(entry, config), **options)
    except UsageError as error:
        message = str(error)
        for option in options:
            message = message.replace(f"(--{option})", f"(--{what}_options {option}=...)")
        raise UsageError(f"{what} {getattr(config, what)}: {message}") from error


def _check_options(config: Schema, entry: Any, what: str) -> None:
    """Refuse an option that an optimizer or a model does not have; a network, None, has none."""
    fields = [field.name for field in dataclasses.fields(entry)] if entry else []
    own = [name for name in fields if name not in type(config).model_fields]
    for option in getattr(config, f"{what}_options"):
        if option not in own:
            if option in fields:
                raise UsageError(f"{what}_options: {option} is a setting of its own (--{option})")
            near = nearest(option, own)
            has = f"has no option {option}, {f'expected {listed(own)}' if own else 'it has none'}"
            hint = f"; did you mean {near}?" if near else ""
            raise UsageError(f"{what}_options: {getattr(config, what)} {has}{hint} (--{what}_options)")
