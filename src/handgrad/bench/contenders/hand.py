"""handgrad as a user trains with it: the Trainer, whose epochs an observer times; its own shuffling is included."""

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from handgrad.bench.contenders.contender import Array, CannotExpressError, Contender, Task
from handgrad.bench.workloads import Rule, parse
from handgrad.config.layers import build_layer
from handgrad.data import Split
from handgrad.nn import ACTIVATIONS, LAYERS, Layer, Network
from handgrad.optim import OPTIMIZERS, Links, Optimizer
from handgrad.training import Epoch, Observer, Settings, Trainer


class Clock(Observer):
    """Notes when each epoch ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """One more time."""
        self.times.append(time.perf_counter())


class Hand(Contender):
    """On one core, however many there are: a training of handgrad has one thread."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.network = Network(layers_of(task.workload.layers), task.images.shape[1:], seed=task.seed)
        fill(self.network, task.weights)

    def train(self, orders: Iterable[Array]) -> list[float]:
        """The orders are those that the Trainer draws by itself."""
        trainer, clock = self.trainer(len(list(orders))), Clock()
        trainer.observers = (clock,)
        begin = time.perf_counter()
        trainer.run()
        return np.diff([begin, *clock.times]).tolist()

    def trainer(self, epochs: int) -> Trainer:
        """For so many epochs on all images of the task."""
        task, rule = self.task, self.task.workload.rule
        split = Split(task.images, task.labels, np.arange(len(task.images)), np.arange(0))
        settings = Settings(
            optimizer=optimizer_of(rule),
            links=Links(weight_decay=rule.weight_decay),
            epochs=epochs,
            batch_size=task.workload.batch,
            seed=task.seed,
            keep="last",
        )
        return Trainer(self.network, split, settings)

    def logits(self, images: Array) -> Array:
        """By the network itself."""
        return self.network.logits(images)


def fill(network: Network, weights: Any) -> None:
    """Give a network the weights that all contenders start from; a convolution's are (height, width, in, out) there."""
    views = network.views
    for layer, arrays in enumerate(weights):
        for name, array in arrays.items():
            views[f"{layer}.{name}"][...] = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array


def layers_of(texts: Iterable[str]) -> list[Layer]:
    """handgrad's layers.  Raises  CannotExpressError when it has no such layer yet."""
    lacking = [text for text in texts if parse(text)[0] not in {**LAYERS, **ACTIVATIONS}]
    if lacking:
        raise CannotExpressError(f"handgrad has no {parse(lacking[0])[0]}: needs convolutions")
    return [build_layer(text) for text in texts]


def optimizer_of(rule: Rule) -> Optimizer:
    """handgrad's optimizer of that name."""
    more = {"momentum": rule.momentum} if rule.momentum else {}
    return OPTIMIZERS[rule.name](learning_rate=rule.learning_rate, **more)
