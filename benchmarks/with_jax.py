"""JAX: a whole epoch in one compiled scan, whose weights and optimizer state are updated in place (donated)."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.contenders import Array, Contender, Task
from benchmarks.workloads import Rule, Stage

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
NORM_MOMENTUM, NORM_EPSILON = 0.1, 1e-5
Layered = Callable[[Stage, Any, Any, Any, bool], tuple[Any, Any]]


class Scan(Contender):
    """Parameters, running statistics, optimizer state and step number are the carry of the scan."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.images, self.labels = jnp.asarray(task.pixels(task.images)), jnp.asarray(task.labels, jnp.int32)
        parameters = jax.tree.map(jnp.array, task.weights)
        statistics = [_statistics(stage) for stage in task.stages]
        states = [jax.tree.map(jnp.zeros_like, parameters) for _ in range(task.workload.rule.state_vectors)]
        self.carry = parameters, statistics, states, jnp.zeros((), jnp.float32)
        epoch = partial(_epoch, task.stages, task.workload.rule)
        self.epoch: Any = jax.jit(epoch, donate_argnums=(0,))
        self.forward: Any = jax.jit(partial(_forward, task.stages, training=False))

    def train(self, orders: Iterable[Array]) -> list[float]:
        """One call an epoch."""
        seconds = []
        for order in orders:
            begin = time.perf_counter()
            batches = jnp.asarray(order, jnp.int32).reshape(-1, self.task.workload.batch)
            self.carry = jax.block_until_ready(self.epoch(self.carry, batches, self.images, self.labels))
            seconds.append(time.perf_counter() - begin)
        return seconds

    def logits(self, images: Array) -> Array:
        """In one batch."""
        return np.asarray(self.forward(self.carry[0], self.carry[1], jnp.asarray(self.task.pixels(images)))[0])


def _epoch(stages: list[Stage], rule: Rule, carry: Any, batches: Any, images: Any, labels: Any) -> Any:
    def loss(parameters: Any, statistics: Any, rows: Any) -> Any:
        logits, statistics = _forward(stages, parameters, statistics, images[rows], training=True)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[rows][:, None], axis=1)
        return -jnp.mean(chosen), statistics

    def step(carry: Any, rows: Any) -> Any:
        parameters, statistics, states, t = carry
        gradients, statistics = jax.grad(loss, has_aux=True)(parameters, statistics, rows)
        parameters, states = _update(rule, parameters, _penalised(rule, gradients, parameters), states, t + 1)
        return (parameters, statistics, states, t + 1), None

    return lax.scan(step, carry, batches)[0]


def _penalised(rule: Rule, gradients: Any, parameters: Any) -> Any:
    if not rule.weight_decay:
        return gradients
    return [
        {name: g + rule.weight_decay * layer[name] if name == "weight" else g for name, g in dlayer.items()}
        for dlayer, layer in zip(gradients, parameters, strict=True)
    ]


def _update(rule: Rule, parameters: Any, gradients: Any, states: Any, t: Any) -> tuple[Any, Any]:
    rate, tree_map = rule.learning_rate, jax.tree.map
    if rule.name == "adam":
        m = tree_map(lambda m, g: BETA1 * m + (1 - BETA1) * g, states[0], gradients)
        v = tree_map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, states[1], gradients)
        size, root = rate / (1 - BETA1**t), 1 / jnp.sqrt(1 - BETA2**t)
        return tree_map(lambda w, m, v: w - size * m / (jnp.sqrt(v) * root + EPSILON), parameters, m, v), [m, v]
    if rule.name == "momentum":
        velocity = tree_map(lambda v, g: rule.momentum * v + g, states[0], gradients)
        return tree_map(lambda w, v: w - rate * v, parameters, velocity), [velocity]
    return tree_map(lambda w, g: w - rate * g, parameters, gradients), states


def _forward(stages: list[Stage], parameters: Any, statistics: Any, x: Any, training: bool) -> tuple[Any, Any]:
    after = []
    for stage, layer, kept in zip(stages, parameters, statistics, strict=True):
        x, kept = LAYERS[stage.operation](stage, layer, kept, x, training)
        after.append(kept)
    return x, after


def _statistics(stage: Stage) -> Any:
    if stage.operation != "batch_norm":
        return ()
    return jnp.zeros(stage.outputs[-1]), jnp.ones(stage.outputs[-1])


def _batch_norm(stage: Stage, layer: Any, kept: Any, x: Any, training: bool) -> tuple[Any, Any]:
    mean, variance = kept
    if training:
        axes = tuple(range(x.ndim - 1))
        mean, variance = jnp.mean(x, axes), jnp.var(x, axes)
        share = x.size / x.shape[-1]
        unbiased = variance * (share / (share - 1))
        kept = tuple(
            (1 - NORM_MOMENTUM) * old + NORM_MOMENTUM * new for old, new in zip(kept, (mean, unbiased), strict=True)
        )
    return (x - mean) * lax.rsqrt(variance + NORM_EPSILON) * layer["gamma"] + layer["beta"], kept


def _convolution(stage: Stage, layer: Any, kept: Any, x: Any, training: bool) -> tuple[Any, Any]:
    shape = ("NHWC", "HWIO", "NHWC")
    y = lax.conv_general_dilated(x, layer["weight"], (1, 1), "SAME", dimension_numbers=shape)
    return y + layer["bias"], kept


def _max_pool(stage: Stage, layer: Any, kept: Any, x: Any, training: bool) -> tuple[Any, Any]:
    window = (1, int(stage.numbers[0]), int(stage.numbers[0]), 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID"), kept


def _elementwise(function: Callable[[Any], Any]) -> Layered:
    return lambda stage, layer, kept, x, training: (function(x), kept)


LAYERS: dict[str, Layered] = {
    "dense": lambda stage, layer, kept, x, training: (x @ layer["weight"] + layer["bias"], kept),
    "conv2d": _convolution,
    "max_pool2d": _max_pool,
    "batch_norm": _batch_norm,
    "flatten": _elementwise(lambda x: x.reshape(len(x), -1)),
    "relu": _elementwise(jax.nn.relu),
    "tanh": _elementwise(jnp.tanh),
    "sigmoid": _elementwise(jax.nn.sigmoid),
}
