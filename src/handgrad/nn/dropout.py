"""Dropout, inverted: kept units are scaled up in training, so that evaluation is the identity."""

from dataclasses import dataclass
from math import prod

import numpy as np

from handgrad.equations import Statement
from handgrad.errors import bounded
from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.random import bits
from handgrad.nn.layer import Layer, Plan, Shape
from handgrad.torch_mapping import TorchModule


@fast_kernel
def dropout_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """In training y[i] = m[i] x[i], m[i] = 0 with probability `rate`, else 1 / (1 - rate); otherwise y = x.

    Shapes  x, y (any,); saved keeps m (1 in evaluation);  settings (rate,)
    Ref     Srivastava et al., Dropout, JMLR 15 (2014)
    """
    one, zero = x.dtype.type(1), x.dtype.type(0)
    if not training:
        for i in range(x.size):
            saved[i] = one
            y[i] = x[i]
        return
    scale = one / (one - settings[0])
    threshold = np.uint64(float(settings[0]) * 2.0**32)
    for i in range(x.size):
        saved[i] = zero if (bits(key, i) >> np.uint64(32)) < threshold else scale
        y[i] = saved[i] * x[i]


@fast_kernel
def dropout_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = m dy."""
    for i in range(dx.size):
        dx[i] = saved[i] * dy[i]


@dataclass(frozen=True)
class Dropout(Layer):
    """In training, zeroes each number with probability `rate` and scales the others by 1 / (1 - rate)."""

    aliases = ("drop",)
    passes_through = True

    rate: float = bounded(0.5, "[0, 1)")

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
