"""Keras 3 on JAX: model.fit on arrays, compiled, several steps a call."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np

from benchmarks.contenders import Array, Contender, Task
from benchmarks.workloads import Rule, Stage

STEPS_PER_EXECUTION = 32  # with 1 a step of workload B takes 1.6 times as long, with 64 no less
EVALUATION_ROWS = 1000

LAYERS: dict[str, Callable[[Stage, Any], Any]] = {
    "dense": lambda stage, penalty: keras.layers.Dense(stage.outputs[-1], kernel_regularizer=penalty),
    "conv2d": lambda stage, penalty: keras.layers.Conv2D(
        stage.outputs[-1], int(stage.numbers[1]), padding="same", kernel_regularizer=penalty
    ),
    "max_pool2d": lambda stage, penalty: keras.layers.MaxPooling2D(int(stage.numbers[0])),
    "batch_norm": lambda stage, penalty: keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
    "flatten": lambda stage, penalty: keras.layers.Flatten(),
    "relu": lambda stage, penalty: keras.layers.Activation("relu"),
    "tanh": lambda stage, penalty: keras.layers.Activation("tanh"),
    "sigmoid": lambda stage, penalty: keras.layers.Activation("sigmoid"),
}


class Fit(Contender):
    """No metrics, which would be more work than the others do; shuffles by itself."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        keras.utils.set_random_seed(task.seed)
        rule = task.workload.rule
        penalty = keras.regularizers.L2(rule.weight_decay / 2) if rule.weight_decay else None
        layers = [LAYERS[stage.operation](stage, penalty) for stage in task.stages]
        self.model: Any = keras.Sequential([keras.Input(task.stages[0].inputs), *layers])
        for layer, arrays in zip(layers, task.weights, strict=True):
            for variable, array in zip(layer.weights, arrays.values(), strict=False):  # running statistics follow
                variable.assign(array)
        self.model.compile(
            optimizer=_optimizer(rule),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=True,
            steps_per_execution=STEPS_PER_EXECUTION,
        )
        self.images = task.pixels(task.images)

    def train(self, orders: Iterable[Array]) -> list[float]:
        """One `fit`, or one an epoch where the order is prescribed."""
        orders, clock = list(orders), _Clock()
        if self.task.exact_order:
            for order in orders:
                self._fit(self.images[order], self.task.labels[order], 1, clock)
        else:
            self._fit(self.images, self.task.labels, len(orders), clock)
        return clock.seconds

    def _fit(self, images: Array, labels: Array, epochs: int, clock: "_Clock") -> None:
        self.model.fit(
            images,
            labels,
            batch_size=self.task.workload.batch,
            epochs=epochs,
            shuffle=not self.task.exact_order,
            verbose=0,
            callbacks=[clock.callback()],
        )

    def logits(self, images: Array) -> Array:
        """By predict."""
        return np.asarray(self.model.predict(self.task.pixels(images), batch_size=EVALUATION_ROWS, verbose=0))


class _Clock:
    """Seconds from one epoch's end to the next, the start of `fit` being the first."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._since = 0.0

    def callback(self) -> Any:
        self._since = time.perf_counter()
        return keras.callbacks.LambdaCallback(on_epoch_end=self._ended)

    def _ended(self, epoch: int, logs: Any) -> None:
        now = time.perf_counter()
        self.seconds.append(now - self._since)
        self._since = now


def _optimizer(rule: Rule) -> Any:
    if rule.name == "adam":
        return keras.optimizers.Adam(rule.learning_rate, epsilon=1e-8)
    return keras.optimizers.SGD(rule.learning_rate, momentum=rule.momentum)
