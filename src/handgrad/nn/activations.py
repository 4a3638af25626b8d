"""Activation layers: element by element, any shape."""

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from handgrad.checks import bounded, check_bounds
from handgrad.kernels import activations as kernels
from handgrad.nn.layer import Layer, Plan, Shape


@dataclass(frozen=True)
class Activation(Layer):
    """A function of one number, applied to each; a subclass names its kernels and, as fields, its settings."""

    kernels: ClassVar[tuple[Any, Any]]
    saves: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_bounds(self)

    def plan(self, shape: Shape) -> Plan:
        """Same shape out as in; all fields are handed to the kernels as settings."""
        settings = tuple(float(value) for value in vars(self).values())
        saved = prod(shape) if self.saves else 0
        return Plan(shape, self.kernels, settings=settings, saved_per_image=saved, layout=None)


@dataclass(frozen=True)
class Identity(Activation):
    """y = x: a deep linear network."""

    kernels = kernels.identity_forward, kernels.identity_backward


@dataclass(frozen=True)
class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x))."""

    kernels = kernels.sigmoid_forward, kernels.sigmoid_backward


@dataclass(frozen=True)
class Tanh(Activation):
    """y = tanh(x)."""

    kernels = kernels.tanh_forward, kernels.tanh_backward


@dataclass(frozen=True)
class ReLU(Activation):
    """y = max(x, 0)."""

    kernels = kernels.relu_forward, kernels.relu_backward


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """y = x where x > 0, else slope x."""

    kernels = kernels.leaky_relu_forward, kernels.leaky_relu_backward
    slope: float = bounded(0.01, "[0, inf)")


@dataclass(frozen=True)
class ELU(Activation):
    """y = x where x > 0, else alpha (exp(x) - 1).  Ref  Clevert, Unterthiner & Hochreiter (2015), arXiv 1511.07289."""

    kernels = kernels.elu_forward, kernels.elu_backward
    alpha: float = bounded(1.0, "(0, inf)")


@dataclass(frozen=True)
class GELU(Activation):
    """y = x Phi(x), the exact form."""

    kernels = kernels.gelu_forward, kernels.gelu_backward
    saves = True


@dataclass(frozen=True)
class SiLU(Activation):
    """y = x sigmoid(x), also called swish."""

    kernels = kernels.silu_forward, kernels.silu_backward
    saves = True


@dataclass(frozen=True)
class Softplus(Activation):
    """y = log(1 + exp(x))."""

    kernels = kernels.softplus_forward, kernels.softplus_backward
