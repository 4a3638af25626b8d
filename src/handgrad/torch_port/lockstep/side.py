"""PyTorch's side of a lockstep: a step taken apart, each part open to being done another way."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.kernels.program import Batches
from handgrad.torch_port.trainer import TorchTrainer

Array = NDArray[Any]


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
        self.criterion = trainer.port.criterion
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
        """The `step`-th update."""
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
