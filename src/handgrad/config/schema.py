"""RunConfig: the one vocabulary for flags, YAML, sweep parameters, trackers and run folders."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from handgrad import plugins
from handgrad.classical import CLASSICAL
from handgrad.config import presets
from handgrad.config.layer_list import NAMED, LayerList, named_network
from handgrad.config.lookup import quoted
from handgrad.config.metrics import MONITORS, metric_name
from handgrad.config.presets import interval_of
from handgrad.config.value_types import (
    FoldName,
    Name,
    Names,
    Number,
    Options,
    Size,
    Switch,
    Text,
    Threads,
    ValueType,
    Whole,
    Wholes,
    as_text,
    items,
    yes_or_no,
)
from handgrad.data import FEATURES, canonical_name
from handgrad.nn import ACTIVATIONS, INITIALIZERS, LOSSES
from handgrad.nn.layer import Shape
from handgrad.nn.network import DTYPES
from handgrad.optim import OPTIMIZERS, SCHEDULES

MANY = 10**6
GREY: Shape = (28, 28)  # of images that are not known
DEFAULT_SIZES = (512, 256)
TRACKERS = ("wandb", "tensorboard", "mlflow", "trackio", *plugins.names("trackers"))  # made in handgrad.runs.trackers
BACKENDS, DEVICES = ("handgrad", "torch"), ("cpu", "cuda", "auto")
BALANCED = "balanced"
EACH_LAYER = 128  # units, where a number of layers is given and nothing of their size
REPLACED_BY_CNN = ("num_layers", "hidden_size", "dropout", "batch_norm")
REPLACED_BY_NAMED = ("activation", *REPLACED_BY_CNN)
REPLACED_BY_LAYERS = ("model", *REPLACED_BY_NAMED)
REPLACED_BY_FEATURES = ("noise", "shift", "elastic", "flip", "rotation", "crop", "cutout", "normalize")
OF_DATA = ("dataset", "resize", "skip_damaged", "grey", "features", "fold")  # these make other data of themselves
USED_BY_CLASSICAL = (
    *("preset", *OF_DATA, "validation_fraction", "train_fraction", "normalize", "model", "model_options"),
    *("seed", "runs_dir", "name", "track", "wandb_project", "wandb_entity", "wandb_mode"),
)


def replaced_by(model: str) -> tuple[str, ...]:
    """The settings that a network of this name makes no use of."""
    return {"mlp": (), "cnn": REPLACED_BY_CNN}.get(model, REPLACED_BY_NAMED)


def run_name(text: str) -> str:
    """A text that a folder's name can be made from: no path."""
    if text[0] in ".-/\\~" or len(text) > 100:
        raise ValueError(f"must be a name, not a path, of at most 100 characters, got {quoted(text)}")
    return text


def setting(group: str, default: Any, description: str) -> Any:
    """A field of RunConfig: the group it stands in when help is printed, its default, and what it is."""
    return Field(default, description=description, json_schema_extra={"group": group})


_data, _network, _training = partial(setting, "data"), partial(setting, "network"), partial(setting, "training")
_optimizer, _schedule = partial(setting, "optimizer"), partial(setting, "schedule")
_run, _tracking = partial(setting, "run"), partial(setting, "tracking")
_preset = partial(setting, "preset")


def _bounded(name: str, optional: bool = False) -> Number:
    return Number(interval_of(name), optional=optional)


def _preferred(name: str, registry: Mapping[str, Any]) -> str:
    """The default of a choice: another one where this one is not installed."""
    return name if name in registry else next(iter(registry))


_own = partial(_bounded, optional=True)  # None is the number that the setting's owner has for it


class ClassWeight(ValueType):
    """How much the images of each class count: "balanced", or a number for each class."""

    several = True
    metavar = "balanced | X ..."

    def read(self, value: Any) -> Any:
        """ "balanced" or a tuple of numbers; of yes and no, "balanced" and None."""
        if (said := yes_or_no(value)) is not None:
            return BALANCED if said else None
        if (as_text(value) or "").lower() == BALANCED:
            return BALANCED
        try:
            return tuple(map(Number("(0, inf)"), items(value)))
        except ValueError as error:
            raise ValueError(f"must be balanced, or a positive number for each class, got {quoted(value)}") from error


class MetricName(Name):
    """A metric, by the words that people write for it."""

    def read(self, value: Any) -> Any:
        """The metric's own name."""
        metric = metric_name(value) if isinstance(value, str) else None
        return metric if metric in self.names else super().read(value)


def _mlp(config: "Schema", shape: Shape) -> list[str]:
    """Flatten; Dense, BatchNorm, activation, Dropout per hidden layer."""
    after = ["batch_norm"] if config.batch_norm else []
    after += [config.activation, *([f"dropout:{config.dropout!r}"] if config.dropout else [])]
    return ["flatten", *(item for units in config.hidden_sizes for item in (f"dense:{units}", *after))]


def _cnn(config: "Schema", shape: Shape) -> list[str]:
    """Twice: four filters of 3 x 3, BatchNorm, activation, pools of 2 x 2; then Flatten.

    For images in colour, 16, 32, then 64 filters, until the shorter side is below 8 pixels.
    """
    halves = max(1, min(shape[-2:]).bit_length() - 3)
    filters = [4, 4] if len(shape) < 3 else [min(16 << n, 64) for n in range(halves)]
    return [item for n in filters for item in (f"conv2d:{n},3", "batch_norm", config.activation, "max_pool2d:2")] + [
        "flatten"
    ]


NETWORKS: dict[str, Callable[["Schema", Shape], list[str]]] = {"mlp": _mlp, "cnn": _cnn}
NETWORKS |= {name: lambda config, shape, name=name: [*named_network(name)["layers"]] for name in NAMED}  # type: ignore[misc]
MODELS = ChainMap[str, Any](CLASSICAL, NETWORKS)
"""Networks, each as a list of layers, and classical models, as they are registered now."""


class Schema(BaseModel):
    """The fields of a configuration, each checked by itself; RunConfig checks them together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Annotated[str, Name("preset", presets.PRESETS)] = _preset(
        presets.BEST,
        "values of all settings that are not given; best: handgrad's tuned network, with batch normalisation, dropout "
        "and a one-cycle learning rate; plain: a network without these three, which train.py starts from",
    )

    dataset: Annotated[str, Text(canonical_name)] = _data(
        "fashion_mnist",
        "a name of `handgrad data list`, a folder with a sub-folder of images per class, .npz or .csv file",
    )
    resize: Annotated[tuple[int, int] | None, Size(optional=True)] = _data(
        None, "resize every image to this height and width"
    )
    skip_damaged: Annotated[bool, Switch()] = _data(
        False, "leave out the files of a folder that are no whole images, instead of refusing the folder"
    )
    grey: Annotated[bool, Switch()] = _data(False, "turn images in colour grey")
    validation_fraction: Annotated[float, Number("[0, 1)")] = _data(
        0.1, "share of the training images held out for validation"
    )
    train_fraction: Annotated[float, Number("(0, 1]")] = _data(1.0, "share of the training images to use")
    fold: Annotated[str | None, FoldName(optional=True)] = _data(
        None,
        "2/5: hold out the second of five folds of the training images, and test on it; test/5: validate on all but "
        "the last of five folds of the test images; they choose nothing: the last epoch is kept",
    )
    label_noise: Annotated[float, Number("[0, 1]")] = _data(0.0, "share of the training images given a wrong label")
    noise: Annotated[float, Number("[0, 1]")] = _data(
        0.0, "standard deviation of the noise added to training images; 1 is the full pixel range"
    )
    shift: Annotated[float, Number("[0, 1000]")] = _data(0.0, "largest random shift of training images, in pixels")
    elastic: Annotated[float, Number("[0, 1000]")] = _data(
        0.0, "strength alpha of the random elastic deformation of training images, in pixels"
    )
    elastic_sigma: Annotated[float, Number("(0, 100]")] = _data(
        4.0, "smoothness sigma of the elastic deformation, in pixels"
    )
    flip: Annotated[float, Number("[0, 1]")] = _data(0.0, "probability that a training image is mirrored")
    rotation: Annotated[float, Number("[0, 180]")] = _data(
        0.0, "largest random rotation of training images, in degrees"
    )
    crop: Annotated[int, Whole(0, 1000)] = _data(
        0, "random crop: a piece of the old size of each training image padded by so many black pixels"
    )
    cutout: Annotated[int, Whole(0, 1000)] = _data(
        0, "side of a random square that is set to 0 in each training image, in pixels"
    )
    normalize: Annotated[str, Name("normalize", ("unit", "standard"))] = _data(
        "unit",
        "unit: pixels from 0 to 1; standard: mean 0 and standard deviation 1 of each channel over the training set",
    )

    features: Annotated[str, Name("features", FEATURES)] = _data(
        "pixels", "inputs of the model: pixels, or hog: a histogram of oriented gradients, 64 numbers"
    )

    model: Annotated[str, Name("model", MODELS)] = _network(
        "mlp",
        "mlp: dense layers, given by the settings below; cnn: two convolutions of four 3x3 filters (in colour, 16, 32 "
        "and 64 filters), each followed by batch normalisation, activation and 2x2 pooling; "
        f"{', '.join(NAMED)}: as in the papers, see `handgrad info --models`; a YAML file with a list of layers, see "
        "layers; or a model of scikit-learn: svm, linear_svm, logistic, knn, random_forest; a prefix such as in "
        "hog-svm sets --features hog",
    )
    model_options: Annotated[dict[str, float], Options()] = _network(
        {}, "hyper-parameters of a scikit-learn model, such as C=5 gamma=0.05 for svm"
    )
    num_layers: Annotated[int, Whole(0, 1000)] = _network(2, "number of hidden layers; 0 is softmax regression")
    hidden_size: Annotated[int | tuple[int, ...], Wholes(MANY)] = _network(
        DEFAULT_SIZES,
        "units of each hidden layer, or one number per layer, such as 256 128 64; 128 if only num_layers is given",
    )
    activation: Annotated[str, Name("activation", ACTIVATIONS)] = _network(
        _preferred("relu", ACTIVATIONS), "activation of the hidden layers"
    )
    dropout: Annotated[float, _bounded("dropout")] = _network(
        0.3, "share of each hidden layer's outputs that is dropped"
    )
    batch_norm: Annotated[bool, Switch()] = _network(True, "batch normalisation before each activation")
    weight_init: Annotated[str, Name("weight_init", INITIALIZERS)] = _network(
        "he", "distribution of the initial weights"
    )
    init_scale: Annotated[float | None, _own("init_scale")] = _network(
        None, "standard deviation of the initial weights"
    )
    layers: Annotated[tuple[str, ...] | None, LayerList(optional=True)] = _network(
        None,
        "the whole network as a list such as conv2d:8,3 relu max_pool2d:2 dense:128 relu dropout:0.3, instead of "
        "model, num_layers, hidden_size, activation, dropout and batch_norm; the output layer is added",
    )
    loss: Annotated[str, Name("loss", LOSSES)] = _network("cross_entropy", "loss that training minimises")
    label_smoothing: Annotated[float | None, _own("label_smoothing")] = _network(
        None, "share of each label that is spread over all classes"
    )
    class_weight: Annotated[str | tuple[float, ...] | None, ClassWeight(optional=True)] = _network(
        None,
        "balanced: images of rare classes count more in the loss, in inverse proportion to the number of their class; "
        "or a number for each class",
    )
    backend: Annotated[str, Name("backend", BACKENDS)] = _network(
        "handgrad", "handgrad: the hand-written engine; torch: the same network and data order in PyTorch"
    )
    device: Annotated[str, Name("device", DEVICES)] = _network(
        "cpu", "device for PyTorch: cpu, cuda, or auto: cuda if there is one, else cpu"
    )
    dtype: Annotated[str, Name("dtype", DTYPES)] = _network("float32", "floating-point precision")

    epochs: Annotated[int, Whole(1, MANY)] = _training(20, "passes over the training images")
    batch_size: Annotated[int, Whole(1, MANY)] = _training(128, "images per step")
    seed: Annotated[int, Whole(0, 2**63 - 1)] = _training(0, "random seed")
    patience: Annotated[int, Whole(0, MANY)] = _training(
        0, "stop after this many epochs in which `monitor` did not improve; 0: never"
    )
    monitor: Annotated[str, MetricName("monitor", MONITORS)] = _training(
        "validation_accuracy", "metric that decides which epoch is best"
    )
    keep: Annotated[str, Name("keep", ("best", "last"))] = _training("best", "epoch whose weights are kept")
    time_limit: Annotated[float, Number("[0, inf)")] = _training(0.0, "stop after this many seconds; 0: never")
    log_every: Annotated[int, Whole(1)] = _training(100, "iterations between two points of the loss curve")
    evaluate_every: Annotated[int, Whole(0)] = _training(0, "iterations between two evaluations; 0: each epoch only")
    log_units: Annotated[int, Whole(0)] = _training(0, "first iterations whose gradients of single units are recorded")
    log_test: Annotated[bool, Switch()] = _training(False, "also evaluate on the test images after each epoch")
    threads: Annotated[int, Threads()] = _training(
        0, "threads of the hand-written engine, with the same result for any number; auto, or 0: as many as pay"
    )
    checkpoint_seconds: Annotated[float, Number("[0, inf)")] = _training(
        30.0, "seconds between two checkpoints, at least"
    )

    optimizer: Annotated[str, Name("optimizer", OPTIMIZERS)] = _optimizer(_preferred("adam", OPTIMIZERS), "update rule")
    learning_rate: Annotated[float | None, _own("learning_rate")] = _optimizer(None, "step size")
    momentum: Annotated[float | None, _own("momentum")] = _optimizer(None, "share of the velocity that each step keeps")
    beta: Annotated[float | None, _own("beta")] = _optimizer(
        None, "decay rate of the running mean of squared gradients"
    )
    beta1: Annotated[float | None, _own("beta1")] = _optimizer(None, "decay rate of the running mean of gradients")
    beta2: Annotated[float | None, _own("beta2")] = _optimizer(
        None, "decay rate of the running mean of squared gradients"
    )
    epsilon: Annotated[float | None, _own("epsilon")] = _optimizer(None, "avoids division by zero")
    optimizer_options: Annotated[dict[str, float], Options()] = _optimizer(
        {}, "other hyper-parameters of the optimizer, such as beta3=0.99 for eve"
    )
    weight_decay: Annotated[float, _bounded("weight_decay")] = _optimizer(
        0.0, "L2 penalty: adds this number times w to the gradient (adamw decays the weights directly)"
    )
    l1: Annotated[float, _bounded("l1")] = _optimizer(0.0, "L1 penalty: adds this number times sign(w) to the gradient")
    clip_norm: Annotated[float, _bounded("clip_norm")] = _optimizer(
        0.0, "clip the gradient to this norm; 0: no clipping"
    )

    schedule: Annotated[str, Name("schedule", SCHEDULES)] = _schedule(
        _preferred("one_cycle", SCHEDULES), "learning-rate schedule"
    )
    schedule_steps: Annotated[int | None, Whole(1, optional=True)] = _schedule(None, "steps between two decays")
    schedule_factor: Annotated[float | None, _own("schedule_factor")] = _schedule(None, "factor of each decay")
    warmup_steps: Annotated[int, Whole(0)] = _schedule(
        0, "number of first steps during which the learning rate rises linearly"
    )

    runs_dir: Annotated[str, Text()] = _run("runs", "folder for the run folders")
    name: Annotated[str | None, Text(run_name, optional=True)] = _run(
        None, "name of the run and, as far as possible, of its folder; none: made from the settings"
    )

    track: Annotated[tuple[str, ...], Names("track", TRACKERS)] = _tracking((), "experiment trackers that log the run")
    wandb_project: Annotated[str | None, Text(optional=True)] = _tracking(None, "project in Weights & Biases")
    wandb_entity: Annotated[str | None, Text(optional=True)] = _tracking(None, "user or team in Weights & Biases")
    wandb_group: Annotated[str | None, Text(optional=True)] = _tracking(
        None, "group of runs in Weights & Biases; for the trials of a sweep, the sweep's name"
    )
    wandb_mode: Annotated[str | None, Name("wandb_mode", ("online", "offline", "disabled"), optional=True)] = _tracking(
        None, "online, offline or disabled; none: the value of $WANDB_MODE"
    )

    def __eq__(self, other: object) -> bool:
        """A setting that is not given equals the number that its owner has for it."""
        return isinstance(other, Schema) and stated(self) == stated(other)

    __hash__ = None  # type: ignore[assignment]  # options are dicts

    @property
    def hidden_sizes(self) -> tuple[int, ...]:
        """Units of each hidden layer, first to last."""
        return (self.hidden_size,) * self.num_layers if isinstance(self.hidden_size, int) else self.hidden_size

    def to_mapping(self) -> dict[str, Any]:
        """Every field by name, in values that YAML and JSON know."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self}


@cache
def value_type_of(field: str) -> ValueType:
    """How the values of a field may be written."""
    return next(part for part in Schema.model_fields[field].metadata if isinstance(part, ValueType))


def decides_training(field: str) -> bool:
    """Whether a field decides how a network is trained, and not where the run is kept or tracked."""
    extra: Any = Schema.model_fields[field].json_schema_extra
    return extra["group"] not in ("run", "tracking")


def is_of_network(field: str) -> bool:
    """Whether a field describes a network, and not how it is trained."""
    extra: Any = Schema.model_fields[field].json_schema_extra
    return bool(extra["group"] == "network")


def differences(a: Schema, b: Schema) -> dict[str, tuple[Any, Any]]:
    """The fields in which two configurations differ, each with both values."""
    return {name: (value, getattr(b, name)) for name, value in a if value != getattr(b, name)}


def own_default(config: Schema, setting: str) -> Any:
    """What the run's optimizer, schedule, loss or initialiser has for a setting that is not given; None for none."""
    for choice, registry in presets.CHOICES.items():
        field = presets.fields_of(registry[getattr(config, choice)]).get(setting)
        if field is not None:
            return field.default
    return None


def stated(config: Schema) -> dict[str, Any]:
    """Every setting; None for a number that is the owner's own or, where it has no use, that some owner has."""
    found = dict(config)
    for name in presets.OWN:
        if found[name] is not None:
            own = own_default(config, name)
            owners = presets.defaults_of(name).values() if own is None else [own]
            found[name] = None if found[name] in owners else found[name]
    return found


def filled(config: Schema) -> dict[str, Any]:
    """The configuration as plain data, a number for each of presets.OWN: its owner's own, or else the first owner's."""
    values = config.to_mapping()
    for name in presets.OWN:
        if values[name] is None:
            own = own_default(config, name)
            values[name] = own if own is not None else next(iter(presets.defaults_of(name).values()), None)
    return values


def departures(config: Schema) -> dict[str, Any]:
    """The settings that differ from the configuration's preset."""
    of_preset = {name: field.default for name, field in type(config).model_fields.items()}
    of_preset |= presets.of_optimizer(presets.PRESETS[config.preset], config.optimizer)
    return {name: value for name, value in stated(config).items() if value != of_preset[name]}
