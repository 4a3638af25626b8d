"""scikit-learn: MLPClassifier, an epoch of `partial_fit` at a time."""

import time
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier
from sklearn.utils import check_random_state

from benchmarks.contenders import Array, CannotExpressError, Contender, Task

ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic"}
TINY = 1e-30


class PartialFit(Contender):
    """Its alpha is divided by the batch's size before it enters the gradient; shuffles by itself."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        rule, layers = task.workload.rule, [stage.operation for stage in task.stages]
        activation = _activation(layers)
        self.model: Any = MLPClassifier(
            tuple(stage.outputs[0] for stage in task.stages[:-1] if stage.operation == "dense"),
            activation,
            solver="adam" if rule.name == "adam" else "sgd",
            alpha=rule.weight_decay * task.workload.batch,
            batch_size=task.workload.batch,
            learning_rate_init=rule.learning_rate,
            momentum=rule.momentum,
            nesterovs_momentum=False,
            shuffle=not task.exact_order,
            random_state=check_random_state(task.seed),  # a bare seed would give every epoch the same order
        )
        drawn = iter([arrays for arrays in task.weights if arrays])
        self.model._init_coef = lambda fan_in, fan_out, dtype: _copied(next(drawn))
        self.images, self.classes = task.pixels(task.images), np.arange(task.stages[-1].outputs[0])

    def train(self, orders: Iterable[Array]) -> list[float]:
        """One call an epoch."""
        seconds = []
        for order in orders:
            images, labels = self.images, self.task.labels
            if self.task.exact_order:
                images, labels = images[order], labels[order]
            begin = time.perf_counter()
            self.model.partial_fit(images, labels, classes=self.classes)
            seconds.append(time.perf_counter() - begin)
        return seconds

    def logits(self, images: Array) -> Array:
        """Logarithms of the probabilities."""
        return np.asarray(np.log(np.maximum(self.model.predict_proba(self.task.pixels(images)), TINY)))


def _activation(layers: list[str]) -> str:
    """The one activation of a multi-layer perceptron.  Raises  CannotExpressError when the network is no such."""
    odd = [name for name in layers if name != "dense" and name not in ACTIVATIONS]
    if odd:
        raise CannotExpressError(f"scikit-learn cannot express {odd[0]}")
    if layers[1::2] != [layers[1]] * (len(layers) // 2) or set(layers[::2]) != {"dense"}:
        raise CannotExpressError("scikit-learn cannot express this order of layers: one activation after each")
    return ACTIVATIONS[layers[1]]


def _copied(arrays: dict[str, Array]) -> tuple[Array, Array]:
    return arrays["weight"].copy(), arrays["bias"].copy()
