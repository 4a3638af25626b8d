"""What an optimizer is: two kernels, its hyper-parameters as fields, and its rule in words."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from handgrad.errors import bounded, check_bounds
from handgrad.kernels.compile import strict_kernel
from handgrad.kernels.memory import aligned_zeros
from handgrad.kernels.program import Optimization
from handgrad.kernels.signatures import kernel_address
from handgrad.optim.gradient_transforms import GradientTransforms
from handgrad.torch_mapping import TorchOptimizer


@dataclass(frozen=True)
class Optimizer:
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

    def __post_init__(self) -> None:
        check_bounds(self)

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
