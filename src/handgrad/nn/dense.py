"""The fully connected layer."""

from dataclasses import dataclass, field
from math import prod
from numbers import Integral

from handgrad.errors import UsageError
from handgrad.kernels.dense import dense_backward, dense_forward, sparse_dense_backward, sparse_dense_forward
from handgrad.nn.initializers import Initializer, XavierUniform, Zeros
from handgrad.nn.layer import Layer, Parameter, Plan, Shape

LARGEST = 1 << 27


@dataclass(frozen=True)
class Dense(Layer):
    """y = x W + b with `units` outputs; inputs of several axes (images) are taken as flat vectors."""

    units: int
    initializer: Initializer = field(default_factory=XavierUniform)

    def plan(self, shape: Shape) -> Plan:
        """Weights (inputs, units) from `initializer`, bias (units,) from zeros; only the weights are penalised."""
        inputs = prod(shape)
        if not isinstance(self.units, Integral) or not 1 <= self.units <= LARGEST // inputs:
            raise UsageError(
                f"a dense layer on inputs of shape {shape} needs 1 to {LARGEST // inputs} units, "
                f"got {self.units} (--hidden_size)"
            )
        weight = Parameter("weight", (inputs, self.units), self.initializer, inputs, self.units, penalised=True)
        bias = Parameter("bias", (self.units,), Zeros())
        return Plan(
            (self.units,),
            (dense_forward, dense_backward),
            (weight, bias),
            sizes=(inputs, self.units),
            sparse_kernels=(sparse_dense_forward, sparse_dense_backward),
        )


@dataclass(frozen=True)
class Flatten(Layer):
    """Takes an image as one vector, channel by channel and row by row; nothing is computed."""

    def plan(self, shape: Shape) -> Plan:
        """(C, H, W) becomes (C * H * W,)."""
        return Plan((prod(shape),), None, layout=None)
