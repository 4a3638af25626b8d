"""Dropout."""

from dataclasses import dataclass
from math import prod

from handgrad.equations import Statement
from handgrad.errors import bounded, check_bounds
from handgrad.kernels.dropout import dropout_backward, dropout_forward
from handgrad.nn.layer import Layer, Plan, Shape
from handgrad.torch_mapping import TorchModule


@dataclass(frozen=True)
class Dropout(Layer):
    """In training, zeroes each number with probability `rate` and scales the others by 1 / (1 - rate)."""

    aliases = ("drop",)
    passes_through = True

    rate: float = bounded(0.5, "[0, 1)")

    def __post_init__(self) -> None:
        check_bounds(self)

    def plan(self, shape: Shape) -> Plan:
        """Same shape out as in; the mask is saved for the backward pass."""
        kernels = dropout_forward, dropout_backward
        return Plan(shape, kernels, settings=(self.rate,), saved_per_image=prod(shape), layout=None)

    def statement(self, shape: Shape) -> Statement:
        """With the mask M, drawn anew at each step."""
        remark = (
            f"Each element of M is 0 with probability {self.rate:g}, else 1/(1 − {self.rate:g}) = "
            f"{1 / (1 - self.rate):.6g}, drawn anew at each step; in evaluation M is 1 everywhere."
        )
        return Statement("Y = M * X", "dX = dY * d(Y, X) = dY * M", saved="M", remarks=(remark,))

    def torch_modules(self, shape: Shape) -> list[TorchModule]:
        """Its namesake, whose mask the port draws as our kernel does."""
        return [TorchModule("torch.nn.Dropout", {"p": self.rate}, masked=True)]
