"""Our side of a lockstep: the hand-written engine, step by step, from a state of its own or from a given one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.kernels import driver
from handgrad.kernels.augment import augment
from handgrad.kernels.program import Batches
from handgrad.nn.layout import layouts, operations
from handgrad.torch_port.lockstep.side import Pass
from handgrad.torch_port.port import images_of
from handgrad.training import Trainer

Array = NDArray[Any]


class Engine:
    """A trainer's network and optimizer, its steps taken apart."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer, self.network, self.optimization = trainer, trainer.network, trainer.optimization
        self.layouts = layouts(trainer.network)
        self.program = trainer.network.program(trainer.settings.batch_size)

    def adopt(self, parameters: Array, buffers: Array, states: Array, memory: Array) -> None:
        """Stand where another engine stands."""
        self.network.parameters[:], self.network.buffers[:] = parameters, buffers
        self.optimization.states[:], self.optimization.memory[:] = states.ravel(), memory

    def forward_backward(self, batches: Batches, rows: Array, key: int, training: bool = True) -> Pass:
        """One batch through the network, its gradients left there."""
        x = self.program.activations[: rows.size * self.program.table[0]["x_size"]]
        labels = np.empty(rows.size, np.int64)
        driver.gather(batches, rows, x, labels)
        if batches.augmentation.size:
            augment(x, rows.size, batches, np.uint64(key))
        loss, _ = driver.loss_and_gradients(self.program, labels, np.uint64(key), training)
        network = self.network
        return Pass(self._outputs(rows.size), float(loss), network.gradients.copy(), network.buffers.copy())

    def step(self, step: int, gradients: Array | None = None) -> None:
        """The `step`-th update, from other gradients than the network's where they are given."""
        if gradients is not None:
            self.network.gradients[:] = gradients
        rate = self.trainer.learning_rate_at(step)
        driver.optimizer_step(self.program, self.optimization, step, rate, 1.0, False)

    def _outputs(self, rows: int) -> dict[int, Array]:
        """Of each layer that computes something."""
        network, found = self.network, {}
        steps = operations(network.plans, network.input_shape)
        for row, (layer, plan) in zip(self.program.table, steps, strict=True):
            if plan is network.plans[layer]:
                flat = self.program.activations[row["y_start"] :][: rows * row["y_size"]]
                found[layer] = images_of(flat.copy(), self.layouts[layer], rows, plan.output)
        return found
