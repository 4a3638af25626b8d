"""handgrad as a user trains with it: the Trainer with its own shuffling, whose epochs a callback times."""

import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks.contenders import Array, CannotExpressError, Contender, Entry, Task, initial_weights
from benchmarks.workloads import IMAGES, WORKLOADS, Rule
from handgrad.config.layer_list import build_layer
from handgrad.data import Split, load
from handgrad.nn import ACTIVATIONS, LAYERS, Layer, Network
from handgrad.optim import OPTIMIZERS, SCHEDULES, GradientTransforms, Optimizer
from handgrad.training import Augmentation, Callback, Epoch, Settings, Trainer


class Clock(Callback):
    """At each epoch's end: the time, and the seconds spent in compiled calls so far."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.compiled: list[float] = []

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """Read both."""
        self.times.append(time.perf_counter())
        self.compiled.append(trainer.seconds)


class UntilGoal(Callback):
    """Stops the training when the goal of a race is reached."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """Report the test accuracy."""
        if self.entry.lap(epoch.test_accuracy):
            trainer.stop("goal")


class Hand(Contender):
    """On one core, however many there are: a training of handgrad has one thread."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.network = Network(layers_of(task.workload.layers), task.images.shape[1:], seed=task.seed)
        fill(self.network, task.weights)

    def train(self, orders: Iterable[Array]) -> list[float]:
        """The orders are those that the Trainer draws by itself."""
        trainer, clock = self.trainer(len(list(orders))), Clock()
        trainer.callbacks = (clock,)
        begin = time.perf_counter()
        trainer.run()
        return np.diff([begin, *clock.times]).tolist()

    def trainer(self, epochs: int) -> Trainer:
        """For so many epochs on all images of the task."""
        task, rule = self.task, self.task.workload.rule
        split = Split(task.images, task.labels, np.arange(len(task.images)), np.arange(0))
        settings = Settings(
            optimizer=optimizer_of(rule),
            transforms=GradientTransforms(weight_decay=rule.weight_decay),
            epochs=epochs,
            batch_size=task.workload.batch,
            seed=task.seed,
            keep="last",
        )
        return Trainer(self.network, split, settings)

    def logits(self, images: Array) -> Array:
        """By the network itself."""
        return self.network.logits(images)


def race(entry: Entry) -> None:
    """Train on all training images until the goal or the last epoch."""
    goal, data = entry.goal, entry.data
    network = Network(layers_of(goal.layers), data.image_shape, seed=entry.seed)
    fill(network, entry.weights)
    settings = Settings(
        optimizer=optimizer_of(goal.rule),
        schedule=SCHEDULES["one_cycle"](),
        transforms=GradientTransforms(weight_decay=goal.rule.weight_decay),
        augmentation=Augmentation(shift=goal.shift),
        epochs=goal.epochs,
        batch_size=goal.batch,
        seed=entry.seed,
        keep="last",
    )
    split = Split(data.x_train, data.y_train, np.arange(len(data.x_train)), np.arange(0))
    Trainer(network, split, settings, (UntilGoal(entry),), (data.x_test, data.y_test)).run()


def fill(network: Network, weights: Any) -> None:
    """Give a network the weights that all contenders start from; a convolution's are (height, width, in, out) there."""
    views = network.views
    for layer, arrays in enumerate(weights):
        for name, array in arrays.items():
            views[f"{layer}.{name}"][...] = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array


def layers_of(texts: Iterable[str]) -> list[Layer]:
    """handgrad's layers.  Raises  CannotExpressError when it has no such layer yet."""
    lacking = [text for text in texts if text.partition(":")[0] not in {**LAYERS, **ACTIVATIONS}]
    if lacking:
        raise CannotExpressError(f"handgrad has no {lacking[0].partition(':')[0]}: needs convolutions")
    return [build_layer(text) for text in texts]


def optimizer_of(rule: Rule) -> Optimizer:
    """handgrad's optimizer of that name."""
    more = {"momentum": rule.momentum} if rule.momentum else {}
    return OPTIMIZERS[rule.name](learning_rate=rule.learning_rate, **more)


def between_steps(dataset: str = "", images: int = IMAGES) -> dict[str, float]:
    """Microseconds a step of workload B, and what Python costs of them: wall time less that of compiled calls.

    Over all epochs but the first, which sets everything up.
    """
    workload, epochs = WORKLOADS["B"], 3
    data = load(dataset or workload.dataset)
    images = min(images, len(data.x_train)) // workload.batch * workload.batch
    weights = initial_weights(workload.layers, data.image_shape, 0)
    trainer = Hand(Task(workload, data.x_train[:images], data.y_train[:images], weights)).trainer(epochs)
    clock = Clock()
    trainer.callbacks = (clock,)
    trainer.run()
    steps = (epochs - 1) * trainer.steps_per_epoch
    wall, compiled = clock.times[-1] - clock.times[0], clock.compiled[-1] - clock.compiled[0]
    return {"python_us": 1e6 * (wall - compiled) / steps, "step_us": 1e6 * wall / steps}
