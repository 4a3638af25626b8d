"""What every contender is given and must do, and the numbers that make their work equal."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.bench.workloads import Shape, Stage, Workload, stages
from handgrad.errors import HandgradError

Array = NDArray[Any]
Weights = list[dict[str, Array]]
SHUFFLING = 12  # the purpose in the key of handgrad's own shuffling


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
    if stage.kind == "batch_norm":
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
