"""What an activation is: a layer that changes each number by itself, in any shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from handgrad.equations import Statement
from handgrad.errors import check_bounds
from handgrad.nn.layer import Layer, Plan, Shape
from handgrad.torch_mapping import TorchModule, arguments_from


@dataclass(frozen=True)
class Activation(Layer):
    """A function of one number, applied to each; a subclass names its kernels and, as fields, its settings.

    `rule` holds its equations, forward and backward, in the language of `handgrad.equations`; `torch` is its class in
    torch.nn (any other one by its dotted name) and the `torch_mapping.Arguments`. Where all outputs are near an end of
    `output_range`, the layer is saturated. `kink`: the derivative jumps at 0.
    """

    kernels: ClassVar[tuple[Any, Any]]
    saves: ClassVar[bool] = False
    rule: ClassVar[tuple[str, str] | None] = None
    torch: ClassVar[tuple[str, Mapping[str, Any]] | None] = None
    output_range: ClassVar[tuple[float, float] | None] = None
    kink: ClassVar[bool] = False

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

    def torch_modules(self, shape: Shape) -> list[TorchModule]:
        """The one module that `torch` names."""
        if self.torch is None:
            return []
        name, arguments = self.torch
        return [TorchModule(name if "." in name else f"torch.nn.{name}", arguments_from(self, arguments))]
