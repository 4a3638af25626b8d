"""Activation layers: element by element, any shape."""

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from handgrad.checks import bounded, check_bounds
from handgrad.equations import Statement
from handgrad.kernels import activations as kernels
from handgrad.nn.layer import Layer, Plan, Shape


@dataclass(frozen=True)
class Activation(Layer):
    """A function of one number, applied to each; a subclass names its kernels and, as fields, its settings.

    `rule` holds its equations, forward and backward, in the language of `handgrad.equations`.
    """

    kernels: ClassVar[tuple[Any, Any]]
    saves: ClassVar[bool] = False
    rule: ClassVar[tuple[str, str] | None] = None

    def __post_init__(self) -> None:
        check_bounds(self)

    def plan(self, shape: Shape) -> Plan:
        """Same shape out as in; all fields are handed to the kernels as settings."""
        settings = tuple(float(value) for value in vars(self).values())
        saved = prod(shape) if self.saves else 0
        return Plan(shape, self.kernels, settings=settings, saved_per_image=saved, layout=None)

    def statement(self, shape: Shape) -> Statement | None:
        """The same for every shape; the fields are known to it by their names."""
        return Statement(*self.rule, values=vars(self)) if self.rule else None


@dataclass(frozen=True)
class Identity(Activation):
    """y = x: a deep linear network."""

    kernels = kernels.identity_forward, kernels.identity_backward
    rule = "Y = X", "dX = dY"


@dataclass(frozen=True)
class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x))."""

    kernels = kernels.sigmoid_forward, kernels.sigmoid_backward
    rule = "Y = 1 / (1 + exp(-X))", "dX = dY * d(Y, X) = dY * (exp(-X) / (1 + exp(-X))^2) = dY * Y * (1 - Y)"


@dataclass(frozen=True)
class Tanh(Activation):
    """y = tanh(x)."""

    kernels = kernels.tanh_forward, kernels.tanh_backward
    rule = "Y = tanh(X)", "dX = dY * d(Y, X) = dY * (1 - Y^2)"


@dataclass(frozen=True)
class ReLU(Activation):
    """y = max(x, 0)."""

    kernels = kernels.relu_forward, kernels.relu_backward
    rule = "Y = max(X, 0)", "dX = dY * d(Y, X) = dY * (X > 0)"


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """y = x where x > 0, else slope x."""

    kernels = kernels.leaky_relu_forward, kernels.leaky_relu_backward
    rule = "Y = where(X > 0, X, slope * X)", "dX = dY * d(Y, X) = dY * where(X > 0, 1, slope)"
    slope: float = bounded(0.01, "[0, inf)")


@dataclass(frozen=True)
class ELU(Activation):
    """y = x where x > 0, else alpha (exp(x) - 1).  Ref  Clevert, Unterthiner & Hochreiter (2015), arXiv 1511.07289."""

    kernels = kernels.elu_forward, kernels.elu_backward
    rule = "Y = where(X > 0, X, alpha * (exp(X) - 1))", "dX = dY * d(Y, X) = dY * where(X > 0, 1, Y + alpha)"
    alpha: float = bounded(1.0, "(0, inf)")


@dataclass(frozen=True)
class GELU(Activation):
    """y = x Phi(x), the exact form."""

    kernels = kernels.gelu_forward, kernels.gelu_backward
    saves = True
    rule = (
        "Phi = 1/2 * (1 + erf(X / sqrt(2)));  Y = X * Phi",
        "dX = dY * d(Y, X) = dY * (Phi + X * exp(-X^2 / 2) / sqrt(2 * pi))",
    )


@dataclass(frozen=True)
class SiLU(Activation):
    """y = x sigmoid(x), also called swish."""

    kernels = kernels.silu_forward, kernels.silu_backward
    saves = True
    rule = "S = 1 / (1 + exp(-X));  Y = X * S", "dX = dY * d(Y, X) = dY * (S + X * S * (1 - S))"


@dataclass(frozen=True)
class Softplus(Activation):
    """y = log(1 + exp(x))."""

    kernels = kernels.softplus_forward, kernels.softplus_backward
    rule = "Y = log(1 + exp(X))", "dX = dY * d(Y, X) = dY * (1 / (1 + exp(-X)))"
