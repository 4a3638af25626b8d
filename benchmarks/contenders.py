"""Who takes part: what every contender is given and must do, and the numbers that make their work equal.

A contender's module is imported in a process of its own only, where `train` or `race` measures it.
"""

import importlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from math import prod, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.workloads import GOAL, WORKLOADS, Goal, Shape, Stage, Workload, stages
from handgrad.data import Dataset, load
from handgrad.errors import HandgradError
from handgrad.machine import peak_bytes

Array = NDArray[Any]
Weights = list[dict[str, Array]]
SHUFFLING = 12  # the purpose in the key of handgrad's own shuffling


class Listed(NamedTuple):
    """Where a contender's class is, the name by which `--peers` asks for it, and the packages it needs, as imported."""

    module: str
    class_name: str
    peer: str = ""
    packages: tuple[str, ...] = ()


CONTENDERS = {
    "handgrad": Listed("with_handgrad", "Hand"),
    "torch": Listed("with_torch", "Eager", "torch", ("torch",)),
    "torch-compiled": Listed("with_torch", "Compiled", "torch", ("torch",)),
    "jax": Listed("with_jax", "Scan", "jax", ("jax", "jaxlib")),
    "keras": Listed("with_keras", "Fit", "keras", ("keras", "jax")),
    "sklearn": Listed("with_sklearn", "PartialFit", "sklearn", ("sklearn",)),
}
RACERS = ("handgrad", "torch")  # whose modules have `race(entry)`


class CannotExpressError(HandgradError):
    """The contender has no way to do this workload, or lacks something to do it."""


@dataclass(frozen=True)
class Task:
    """A workload with its data and first weights; `batch` divides the number of images, so every batch is whole.

    Shapes  images (N, H, W) uint8; labels (N,) int64; weights: a dictionary for each layer, see `initial_weights`
    """

    workload: Workload
    images: Array
    labels: Array
    weights: Weights
    seed: int = 0
    threads: int = 1
    exact_order: bool = False  # whether those that shuffle by themselves must follow the orders given

    @property
    def stages(self) -> list[Stage]:
        """The workload's layers with their shapes."""
        return stages(self.workload.layers, self.images.shape[1:])

    def pixels(self, images: Array) -> Array:
        """Images as a network takes them: float32 in [0, 1].  Shapes  -> (N, D), or (N, H, W, 1) for convolutions"""
        return (images.astype(np.float32) / np.float32(255)).reshape(len(images), *self.stages[0].inputs)


class Contender(ABC):
    """A framework set up for a task, weights in place; making one is not timed."""

    def __init__(self, task: Task) -> None:
        self.task = task

    @abstractmethod
    def train(self, orders: Iterable[Array]) -> list[float]:
        """One epoch for each order, in which the images are taken batch after batch; the seconds of each epoch."""

    @abstractmethod
    def logits(self, images: Array) -> Array:
        """The last layer's outputs in evaluation, up to a constant in each row.  Shapes  (N, H, W) uint8 -> (N, K)"""


def initial_weights(layers: Sequence[str], image_shape: Shape, seed: int) -> Weights:
    """What each layer starts from: weights from U(-a, a), a = sqrt(6 / (fan_in + fan_out)), biases zero.

    Shapes  weight as `Stage.weight_shape`; bias, gamma, beta (outputs,)
    """
    generator = np.random.default_rng(seed)
    return [_initial(stage, generator) for stage in stages(layers, image_shape)]


def _initial(stage: Stage, generator: np.random.Generator) -> dict[str, Array]:
    channels, shape = stage.outputs[-1], stage.weight_shape
    if stage.operation == "batch_norm":
        return {"gamma": np.ones(channels, np.float32), "beta": np.zeros(channels, np.float32)}
    if not shape:
        return {}
    limit = sqrt(6 / (prod(shape[:-2]) * (shape[-2] + shape[-1])))
    weight = generator.uniform(-limit, limit, shape).astype(np.float32)
    return {"weight": weight, "bias": np.zeros(channels, np.float32)}


def epoch_orders(images: int, seed: int, epochs: int) -> list[Array]:
    """The orders in which handgrad's trainer takes the images; others are given them before their clock starts."""
    keys = ([seed, (SHUFFLING << 32) + epoch] for epoch in range(epochs))
    return [np.argsort(np.random.Philox(key=key).random_raw(images), kind="stable") for key in keys]


def mean_loss(logits: Array, labels: Array) -> float:
    """Mean cross-entropy in float64.  Shapes  logits (N, K); labels (N,)"""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]))


def module_of(contender: str) -> Any:
    """Import a contender's module.  Raises  CannotExpressError when its package is not installed."""
    missing = [package for package in CONTENDERS[contender].packages if find_spec(package) is None]
    if missing:
        raise CannotExpressError(f"not installed: python -m pip install {' '.join(missing)}")
    return importlib.import_module(f"benchmarks.{CONTENDERS[contender].module}")


def contender_class(name: str) -> type[Contender]:
    """The contender itself.  Raises  as `module_of`."""
    found: type[Contender] = getattr(module_of(name), CONTENDERS[name].class_name)
    return found


def train(
    contender: str, workload: str, epochs: int, images: int, dataset: str = "", threads: int = 1, seed: int = 0
) -> dict[str, Any]:
    """Seconds of each epoch, steps an epoch, peak memory of the training, and accuracy on the test set.

    What the contender cannot do is a reason under `skipped`, not an error. `images` are rounded down to whole batches.
    """
    chosen = WORKLOADS[workload]
    try:
        start = contender_class(contender)
        data = load(dataset or chosen.dataset)
        count = min(images, len(data.x_train)) // chosen.batch * chosen.batch
        weights = initial_weights(chosen.layers, data.image_shape, seed)
        trainee = start(Task(chosen, data.x_train[:count], data.y_train[:count], weights, seed, threads))
    except CannotExpressError as reason:
        return {"skipped": str(reason)}
    seconds = trainee.train(epoch_orders(count, seed, epochs))
    peak = peak_bytes()
    right = trainee.logits(data.x_test).argmax(axis=1) == data.y_test
    return {
        "epoch_seconds": seconds,
        "steps": count // chosen.batch,
        "image_shape": list(data.image_shape),
        "peak_bytes": peak,
        "accuracy": float(np.mean(right)),
    }


@dataclass(frozen=True)
class Entry:
    """What a racer is given; it calls `lap` with the test accuracy after each epoch, and stops when that is true."""

    goal: Goal
    data: Dataset
    weights: Weights
    seed: int
    threads: int
    lap: Callable[[float], bool]


def race(
    contender: str,
    start: float,
    target: float,
    dataset: str = "",
    images: int | None = None,
    threads: int = 1,
    seed: int = 0,
) -> dict[str, Any]:
    """Test accuracy after each epoch, and the seconds at which it reached the target, None when it did not.

    Seconds count from `start`, a reading of time.monotonic before this process began.
    """
    try:
        module = module_of(contender)
    except CannotExpressError as reason:
        return {"skipped": str(reason)}
    data = load(dataset or GOAL.dataset)
    data = replace(data, x_train=data.x_train[:images], y_train=data.y_train[:images])
    laps: list[dict[str, float]] = []

    def lap(accuracy: float) -> bool:
        laps.append({"seconds": time.monotonic() - start, "accuracy": accuracy})
        return accuracy >= target

    weights = initial_weights(GOAL.layers, data.image_shape, seed)
    module.race(Entry(GOAL, data, weights, seed, threads, lap))
    return {"seconds": laps[-1]["seconds"] if laps[-1]["accuracy"] >= target else None, "laps": laps}
