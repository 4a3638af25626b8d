"""The settings of a training, besides its network and its data."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.config import build_optimizer, build_schedule, build_transforms
from handgrad.config.build import matching
from handgrad.config.lookup import Problems, setting_name, unknown, value_name
from handgrad.config.metrics import MONITORS, metric_name
from handgrad.config.presets import fields_of
from handgrad.config.schema import Schema, is_of_network
from handgrad.errors import Bounded, UsageError, bounded
from handgrad.optim import OPTIMIZERS, SCHEDULES, GradientTransforms, Optimizer, Schedule

Array = NDArray[Any]
KEEP = ("best", "last")


@dataclass(frozen=True)
class Augmentation(Bounded):
    """Changes made to training images on the fly; 0 turns each off.

    `noise`: standard deviation, 1 being the full pixel range: 255 for whole numbers, 1 for floats, which enter a
    network as they are; `shift`: at most so many pixels each way;
    `elastic`: strength of the elastic deformation in pixels, `elastic_sigma` its smoothness; `flip`: probability of a
    mirror image; `rotation`: at most so many degrees each way; `crop`: a piece of the old size of the image with so
    many black pixels on each side; `cutout`: side of a square that is set to 0, in pixels.
    """

    noise: float = bounded(0.0, "[0, 1]")
    shift: float = bounded(0.0, "[0, inf)")
    elastic: float = bounded(0.0, "[0, inf)")
    elastic_sigma: float = bounded(4.0, "(0, inf)")
    flip: float = bounded(0.0, "[0, 1]")
    rotation: float = bounded(0.0, "[0, 180]")
    crop: int = bounded(0, "[0, inf)")
    cutout: int = bounded(0, "[0, inf)")

    def numbers(self, image_shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """What the kernel takes, for images of a type: empty when everything is off."""
        changes = self.shift, self.elastic, self.elastic_sigma, self.flip, self.rotation, self.crop, self.cutout
        if self == Augmentation(elastic_sigma=self.elastic_sigma):
            return np.empty(0)
        if len(image_shape) not in (2, 3):
            raise UsageError(
                f"augmentation needs images (height, width) or (channels, height, width), got inputs of {image_shape}"
            )
        noise = self.noise * (1.0 if dtype.kind == "f" else 255.0)
        return np.array([*image_shape[-2:], noise, *changes], np.float64)


@dataclass(frozen=True)
class Settings(Bounded):
    """Everything that decides how training goes; a run is a pure function of these, the network and the data.

    `patience` epochs without a better `monitor` stop the training, 0 never; `keep` says which weights it ends with.
    `evaluate_every` iterations the validation set is measured besides once an epoch; 0 never.
    `time_limit` in seconds of training, 0 for none; `log_every` iterations the gradient's norm is recorded.
    In `log_units` first iterations the gradients of single units are recorded, and how each unit is when layers are.
    `threads` work together, with the same result for any number; 0 stands for as many as pay.
    """

    optimizer: Optimizer = field(default_factory=lambda: OPTIMIZERS["adam"]())  # noqa: PLW0108  there may be none
    schedule: Schedule = field(default_factory=lambda: SCHEDULES["constant"]())  # noqa: PLW0108
    transforms: GradientTransforms = field(default_factory=GradientTransforms)
    augmentation: Augmentation = field(default_factory=Augmentation)
    epochs: int = bounded(10, "[0, 1000000]")
    batch_size: int = bounded(64, "[1, 1000000]")
    seed: int = bounded(0, "[0, 9223372036854775807]")
    patience: int = bounded(0, "[0, inf)")
    monitor: str = "validation_accuracy"
    keep: str = "best"
    time_limit: float = bounded(0.0, "[0, inf)")
    log_every: int = bounded(100, "[1, inf)")
    evaluate_every: int = bounded(0, "[0, inf)")
    log_units: int = bounded(0, "[0, inf)")
    threads: int = bounded(0, "[0, 1024]")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, choices in (("monitor", MONITORS), ("keep", KEEP)):
            if getattr(self, name) not in choices:
                raise UsageError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r} (--{name})")


# Objects among the settings: what they are called, and where those that have names stand by them.
PARTS: dict[str, tuple[type[Any], Mapping[str, Any]]] = {
    "optimizer": (Optimizer, OPTIMIZERS),
    "schedule": (Schedule, SCHEDULES),
    "transforms": (GradientTransforms, {}),
    "augmentation": (Augmentation, {}),
}


def build_settings(config: Schema) -> Settings:
    """The settings of the training loop, from a configuration."""
    parts = {
        "optimizer": build_optimizer(config),
        "schedule": build_schedule(config),
        "transforms": build_transforms(config),
        "augmentation": Augmentation(**matching(Augmentation, config)),
    }
    return Settings(**matching(Settings, config) | parts)


def read_settings(written: Mapping[str, Any]) -> Settings:
    """Settings from names and values, aliases included: `optimizer` is an object or a name, its fields stand beside it.

    So optimizer=Adam(0.01) is optimizer="adam", learning_rate=0.01; and so are schedules, penalties and augmentation.

    Raises  UsageError of all that is wrong.
    """
    values = {setting_name(name): value for name, value in written.items()}
    names, problems, parts = {field.name for field in dataclasses.fields(Settings)}, Problems(), dict[str, Any]()
    for part, (base, registry) in PARTS.items():
        start = problems.of(_part, part, values.pop(part, None), base, registry)
        if start is not None:
            entry: Any = type(start)
            own = {field.name: values.pop(name) for name, field in fields_of(entry).items() if name in values}
            parts[part] = problems.of(lambda start=start, own=own: dataclasses.replace(start, **own))
    if isinstance(values.get("monitor"), str):
        values["monitor"] = metric_name(values["monitor"]) or values["monitor"]
    plain = {name: values.pop(name) for name in list(values) if name in names}
    problems.of(lambda: Settings(**plain))
    for name in values:
        known = name in Schema.model_fields
        use = (
            "describes a network: give it to handgrad.Network or handgrad.train"
            if known and is_of_network(name)
            else ""
        )
        use = use or "is for runs that are kept on disk: handgrad.execute"
        problems.append(UsageError(f"{name} {use}") if known else unknown(name, "setting"))
    problems.refuse()
    return Settings(**plain, **parts)


def _part(part: str, value: Any, base: type[Any], registry: Mapping[str, Any]) -> Any:
    """The object that a setting is; None stands for the one of Settings."""
    if value is None:
        return getattr(Settings(), part)
    if isinstance(value, type) and issubclass(value, base):
        return value()
    if isinstance(value, str) and registry:
        try:
            return registry[value_name(part, value, registry)]()
        except ValueError as error:
            raise UsageError(f"{part} {error}") from None
    if not isinstance(value, base):
        name = f"a name such as {next(iter(registry))}, or " if registry else ""
        raise UsageError(f"{part} must be {name}a handgrad {base.__name__}, got {value!r:.60}")
    return value
