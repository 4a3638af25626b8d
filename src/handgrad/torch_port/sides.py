"""PyTorch's side of a lockstep: a step taken apart, each part open to being done another way."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad import kernels
from handgrad.kernels.augment import augment
from handgrad.kernels.program import Batches
from handgrad.nn.layout import outputs
from handgrad.torch_port.trainer import TorchTrainer
from handgrad.training import Trainer

Array = NDArray[Any]
# Losses that PyTorch's `plain` one is easily taken for.
OTHER_LOSSES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "softmax_twice": lambda plain, logits, labels: plain(logits.softmax(1), labels),
    "summed_loss": lambda plain, logits, labels: plain(logits, labels) * len(labels),
}


class Pass(NamedTuple):
    """What a forward and backward pass gave: each layer's output by its number, loss, gradients, buffers after it."""

    outputs: dict[int, Array]
    loss: float
    gradients: Array
    buffers: Array


class TorchSide:
    """A port that goes step by step; how it does may be changed: see `discrepancies`."""

    def __init__(self, trainer: TorchTrainer) -> None:
        self.trainer, self.port, self.update = trainer, trainer.port, trainer.update
        self.torch, self.network = trainer.port.torch, trainer.network
        self.rate_at: Callable[[int], float] = trainer.learning_rate_at
        self.criterion = trainer.port.training_criterion
        self.training, self.zeroing = True, True

    def forward_backward(self, batches: Batches, rows: Array, key: int) -> Pass:
        """One batch through the port, its gradients left there."""
        x, labels = self.port.batch(batches, rows, key)
        if self.zeroing:
            self.port.gradients.zero_()
        outputs = dict(self.port.outputs(x, key if self.training else None))
        loss = self.criterion(outputs[max(outputs)].flatten(1), labels)
        loss.backward()
        self.port.pull()
        arrays = {layer: output.detach().cpu().numpy() for layer, output in outputs.items()}
        return Pass(arrays, float(loss.detach()), self.network.gradients.copy(), self.network.buffers.copy())

    def step(self, step: int) -> None:
        self.update.push(step - 1)
        self.update(self.rate_at(step), False)
        self.update.pull()
        self.port.pull()

    def rates(self, step: int) -> dict[str, float]:
        """The learning rates that the `step`-th step may have been made with: see `rules.Seen`."""
        trainer = self.trainer
        return {
            "now": trainer.learning_rate_at(step),
            "late": trainer.learning_rate_at(max(step - 1, 1)),
            "early": trainer.learning_rate_at(step + 1),
            "unscheduled": trainer.settings.optimizer.learning_rate,
        }

    def state(self) -> tuple[Array, Array, Array]:
        """Parameters, state vectors and scalars of the optimizer, copied, as float64.

        Shapes  (P,), (vectors, P), (scalars,)
        """
        optimization = self.update.optimization
        parameters = self.network.parameters.astype(np.float64)
        states = optimization.states.astype(np.float64).reshape(optimization.vectors, parameters.size)
        return parameters, states, optimization.memory.copy()


def relative(one: Array, other: Array) -> float:
    """|one - other| / |other| in the Euclidean norm; 0 where both are nothing."""
    if not np.asarray(one).size:
        return 0.0
    apart = float(np.linalg.norm(np.asarray(one, np.float64).ravel() - np.asarray(other, np.float64).ravel()))
    size = float(np.linalg.norm(np.asarray(other, np.float64)))
    return apart / size if size else (math.inf if apart else 0.0)


class Engine:
    """A trainer's network and optimizer, its steps taken apart."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer, self.network, self.optimization = trainer, trainer.network, trainer.optimization
        self.program = trainer.network.program(trainer.settings.batch_size)

    def adopt(self, parameters: Array, buffers: Array, states: Array, memory: Array) -> None:
        """Stand where another engine stands."""
        self.network.parameters[:], self.network.buffers[:] = parameters, buffers
        self.optimization.states[:], self.optimization.memory[:] = states.ravel(), memory

    def forward_backward(self, batches: Batches, rows: Array, key: int, training: bool = True) -> Pass:
        """One batch through the network, its gradients left there."""
        x = self.program.activations[: rows.size * self.program.table[0]["x_size"]]
        labels, weights = np.empty(rows.size, np.int64), batches.weights[rows] if batches.weights.size else np.empty(0)
        kernels.driver.gather(batches, rows, x, labels)
        if batches.augmentation.size:
            augment(x, rows.size, batches.augmentation, batches.scale, batches.shift, np.uint64(key))
        loss, _ = kernels.driver.loss_and_gradients(self.program, labels, weights, np.uint64(key), training)
        network, everything = self.network, enumerate(outputs(self.network, self.program, rows.size))
        found = {layer: y.copy() for layer, y in everything if network.plans[layer].kernels}
        return Pass(found, float(loss), network.gradients.copy(), network.buffers.copy())

    def step(self, step: int, gradients: Array | None = None) -> None:
        """The `step`-th update, from other gradients than the network's where they are given."""
        if gradients is not None:
            self.network.gradients[:] = gradients
        rate = self.trainer.learning_rate_at(step)
        kernels.driver.optimizer_step(self.program, self.optimization, step, rate, 1.0, False)
