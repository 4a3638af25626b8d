"""What an optimizer is: two kernels, its hyper-parameters as fields, and its rule in words.

Before it, gradients are clipped and penalised (`GradientTransforms`). Adam and its relatives share two kernels: running
means of the gradient and of its square, corrected for starting at 0.
"""

import math
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from handgrad.errors import Bounded, bounded
from handgrad.kernels.compile import fast_kernel, kernel_address, strict_kernel
from handgrad.kernels.program import Optimization, aligned_zeros
from handgrad.torch_mapping import TorchOptimizer


@strict_kernel
def adam_prepare(coefficients, memory, hyper, step, learning_rate, loss):
    """Both bias corrections, once a step: (beta1, 1 - beta1, beta2, 1 - beta2, rate / c1, 1 / sqrt(c2), epsilon)."""
    beta1, beta2, epsilon = hyper
    coefficients[0], coefficients[1] = beta1, 1 - beta1
    coefficients[2], coefficients[3] = beta2, 1 - beta2
    coefficients[4] = learning_rate / (1 - beta1**step)
    coefficients[5] = 1 / math.sqrt(1 - beta2**step)
    coefficients[6] = epsilon


@fast_kernel
def adam_update(w, dw, m, v, _, coefficients):
    """m = beta1 m + (1 - beta1) dw;  v = beta2 v + (1 - beta2) dw^2;  w = w - rate/c1 m / (sqrt(v / c2) + epsilon)."""
    beta1, one_minus_beta1, beta2, one_minus_beta2 = coefficients[0], coefficients[1], coefficients[2], coefficients[3]
    rate, root, epsilon = coefficients[4], coefficients[5], coefficients[6]
    for i in range(w.size):
        m[i] = beta1 * m[i] + one_minus_beta1 * dw[i]
        v[i] = beta2 * v[i] + one_minus_beta2 * dw[i] * dw[i]
        w[i] -= rate * m[i] / (np.sqrt(v[i]) * root + epsilon)


@dataclass(frozen=True)
class GradientTransforms(Bounded):
    """Applied in this order to weights; biases, gamma and beta are exempt from all but clipping.

    Math    g = g min(1, clip_norm / |g|), the norm over all parameters;  g = g + l1 sign(w) + weight_decay w
            so that l1 sum |w| + weight_decay/2 sum w^2 is added to the objective; with a decoupled optimizer (adamw)
            weight_decay acts as w = w (1 - learning_rate weight_decay) instead
    """

    clip_norm: float = bounded(0.0, "[0, inf)")
    l1: float = bounded(0.0, "[0, inf)")
    weight_decay: float = bounded(0.0, "[0, inf)")

    def numbers(self, decoupled: bool) -> tuple[float, float, float, float]:
        """(clip_norm, l1, l2, decay) as the driver takes them."""
        coupled, apart = (0.0, self.weight_decay) if decoupled else (self.weight_decay, 0.0)
        return self.clip_norm, self.l1, coupled, apart

    def objective(self, decoupled: bool = False) -> str:
        """What is minimised, L being the loss and w all penalised weights in one vector."""
        _, l1, coupled, _ = self.numbers(decoupled)
        terms = ["l1 * sum(abs(w[i]), i)"] if l1 else []
        terms += ["weight_decay / 2 * sum(w[i]^2, i)"] if coupled else []
        return f"J = {' + '.join(['L', *terms])}"

    def rule(self, penalised: bool = True, decoupled: bool = False) -> str:
        """The lines, in the language of `handgrad.equations`, from dw to the g that the optimizer is given.

        w are the weights of one parameter, G is the gradient of all of them.
        """
        _, l1, coupled, apart = self.numbers(decoupled)
        clipped = "c = min(1, clip_norm / (norm(G) + 1e-6));" if self.clip_norm else ""
        terms = ["c * dw" if self.clip_norm else "dw"]
        terms += ["l1 * sign(w)"] if penalised and l1 else []
        terms += ["weight_decay * w"] if penalised and coupled else []
        decayed = "; w = w - learning_rate * weight_decay * w" if penalised and apart else ""
        return f"{clipped} g = {' + '.join(terms)}{decayed}"


@dataclass(frozen=True)
class Optimizer(Bounded):
    """A frozen dataclass whose fields, after `learning_rate`, reach its kernels as `hyper` in their order.

    A subclass names its kernels, how many state vectors of the parameters' size it keeps (at most three), and the
    scalars it remembers from step to step. `rule` is its step t in the language of `handgrad.equations`: w the weights,
    g their gradient, f the loss, learning_rate as scheduled, x_before the x of the step before; what a line changes
    starts at 0. Clipping, penalties and schedules come before it: see `gradient_transforms` and `schedule`.

    `differences` says in what other libraries' optimizers of the name differ; `torch` is PyTorch's, None where it has
    none; `aliases` are other names for it, in which case, `_` and `-` do not matter.
    """

    prepare: ClassVar[Any]
    update: ClassVar[Any]
    vectors: ClassVar[int] = 0
    memory: ClassVar[tuple[float, ...]] = ()
    coefficients: ClassVar[int] = 8
    decoupled: ClassVar[bool] = False
    rule: ClassVar[str]
    reference: ClassVar[str]
    differences: ClassVar[str] = "The same in PyTorch and Keras."
    torch: ClassVar[TorchOptimizer | None] = None
    aliases: ClassVar[tuple[str, ...]] = ()

    learning_rate: float = bounded(0.001, "(0, inf)")

    @property
    def hyper(self) -> tuple[float, ...]:
        """The hyper-parameters that its kernels are given: every field but the learning rate."""
        return tuple(float(getattr(self, field.name)) for field in fields(self) if field.name != "learning_rate")

    def bind(self, network: Any, transforms: GradientTransforms | None = None) -> Optimization:
        """Lay the optimizer out for a network: state at zero, scalars at their start."""
        real = network.dtype
        transforms = transforms or GradientTransforms()
        return Optimization(
            kernel_address(self.prepare, "prepare", real),
            kernel_address(self.update, "update", real),
            np.array(self.hyper, np.float64),
            np.array(self.memory, np.float64),
            np.zeros(self.coefficients, real),
            aligned_zeros(self.vectors * network.parameters.size, real),
            self.vectors,
            network.segments,
            np.array(transforms.numbers(self.decoupled), np.float64),
        )


@strict_kernel
def learning_rate_only(coefficients, memory, hyper, step, learning_rate, loss):
    """coefficients (learning_rate, hyper...): for optimizers whose numbers do not change with the step."""
    coefficients[0] = learning_rate
    for i in range(hyper.size):
        coefficients[i + 1] = hyper[i]
