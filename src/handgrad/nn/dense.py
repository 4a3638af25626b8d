"""The fully connected layer."""

from dataclasses import dataclass, field
from math import prod
from numbers import Integral

from handgrad.equations import Statement
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
            smooth=True,
        )

    def statement(self, shape: Shape) -> Statement:
        """Element by element first, then as matrix products."""
        return Statement(
            forward="Y = X @ W + b  # b is added to every row",
            backward="""
                dW[i,j] = sum(dY[n,j] * d(Y[n,j], W[i,j]), n) = sum(X[n,i] * dY[n,j], n)
                dW = X.T @ dY
                db[j] = sum(dY[n,j] * d(Y[n,j], b[j]), n) = sum(dY[n,j], n)
                dX[n,i] = sum(dY[n,j] * d(Y[n,j], X[n,i]), j) = sum(dY[n,j] * W[i,j], j)
                dX = dY @ W.T
            """,
            input=(prod(shape),),
        )


@dataclass(frozen=True)
class Flatten(Layer):
    """Takes an image as one vector, channel by channel and row by row; nothing is computed."""

    def plan(self, shape: Shape) -> Plan:
        """(C, H, W) becomes (C * H * W,)."""
        return Plan((prod(shape),), None, layout=None)

    def statement(self, shape: Shape) -> Statement | None:
        """Which number goes where, for images with up to three axes."""
        if len(shape) == 1:
            return Statement("Y = X", "dX = dY")
        if len(shape) == 2:
            width = shape[1]
            return Statement(f"Y[n,j] = X[n, j // {width}, j % {width}]", f"dX[n,h,w] = dY[n, {width}*h + w]")
        if len(shape) == 3:
            area, width = shape[1] * shape[2], shape[2]
            place = f"j // {area}, j % {area} // {width}, j % {width}"
            return Statement(f"Y[n,j] = X[n, {place}]", f"dX[n,c,h,w] = dY[n, {area}*c + {width}*h + w]")
        return None
