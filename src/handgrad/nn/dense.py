"""The fully connected layer."""

from dataclasses import dataclass, field
from math import prod
from numbers import Integral

from handgrad import kernels
from handgrad.equations import Statement
from handgrad.errors import UsageError
from handgrad.nn.initializers import Initializer, XavierUniform, Zeros
from handgrad.nn.layer import LARGEST, Layer, Parameter, Plan, Shape
from handgrad.torch_mapping import TorchModule


@dataclass(frozen=True)
class Dense(Layer):
    """y = x W + b with `units` outputs; inputs of several axes (images) are taken as flat vectors."""

    aliases = "fully_connected", "fc", "affine"

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
            kernels.dense.dense_kernels(inputs, self.units),
            (weight, bias),
            sizes=(inputs, self.units),
            sparse_kernels=(kernels.dense.sparse_dense_forward, kernels.dense.sparse_dense_backward),
            shared=True,
            multiplications=inputs * self.units,
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

    def torch_modules(self, shape: Shape) -> list[TorchModule]:
        """PyTorch keeps weights as (outputs, inputs), and takes vectors only."""
        sizes = {"in_features": prod(shape), "out_features": self.units}
        names = {"weight": "weight", "bias": "bias"}
        flatten = [TorchModule("torch.nn.Flatten")] if len(shape) > 1 else []
        return [*flatten, TorchModule("torch.nn.Linear", sizes, names, transposed=("weight",))]
