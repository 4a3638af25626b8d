"""What a layer is: a small frozen description that, given the shape of its input, says what to compute and to keep.

An activation is a layer that changes each number by itself, in any shape.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from handgrad.equations import Statement
from handgrad.errors import Bounded
from handgrad.nn.initializers import Initializer
from handgrad.torch_mapping import TorchModule, arguments_from

Shape = tuple[int, ...]
LARGEST = 1 << 27  # numbers in one array
COST = 32  # a number that is read and written takes about the time of so many multiplications of a matrix product


@dataclass(frozen=True)
class Part:
    """One array of a layer."""

    name: str
    shape: Shape

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True)
class Parameter(Part):
    """One trained array of a layer; `penalised` tells whether L1, L2 and weight decay apply to it."""

    initializer: Initializer
    fan_in: int = 1
    fan_out: int = 1
    penalised: bool = False


@dataclass(frozen=True)
class Buffer(Part):
    """One array that a layer keeps between steps without training it, filled with `value` at the start."""

    value: float


@dataclass(frozen=True)
class Plan:
    """A layer bound to its input's shape; `kernels` are its forward and backward pass, None where it computes nothing.

    `sizes` (int) and `settings` (float) reach the kernels as `shape` and `settings`; `saved` and `saved_per_image`
    are the numbers a forward pass leaves for the backward pass: once, and once an image. They are choices, such as
    which number was the largest, where `saves_choices`: a step that changes one crosses a kink. `sparse_kernels`
    compute the same faster when most of the input is zero, as many pixels are. `smooth` where no derivative jumps as
    an input number passes through zero, as it does in a ReLU: a gradient check need not look at the signs there.

    `shared` kernels compute the same bits in parts, for several threads, and take which part; others one thread runs,
    but that functions of each number are cut by the driver. `multiplications` are about those of an image; where
    reading and writing takes longer, COST times its numbers.

    `layout` is how batches lie in memory, in and out: "rows" (N, features), image after image; "columns"
    (features, N), the batch last; None where it makes no difference, as for a function of each number.

    Of a layer that joins several paths, `paths` are what is done with each of them in turn.
    """

    output: Shape
    kernels: tuple[Any, Any] | None
    parameters: tuple[Parameter, ...] = ()
    buffers: tuple[Buffer, ...] = ()
    sizes: tuple[int, ...] = ()
    settings: tuple[float, ...] = ()
    saved: int = 0
    saved_per_image: int = 0
    saves_choices: bool = False
    smooth: bool = False
    layout: str | None = "rows"
    sparse_kernels: tuple[Any, Any] | None = None
    paths: tuple["Plan", ...] = ()
    shared: bool = False
    multiplications: int = 0


class Layer(Bounded, ABC):
    """A frozen dataclass whose fields are the layer's hyper-parameters; one list of layers builds every backend.

    `aliases` are other names for it, in which case, `_` and `-` do not matter. `passes_through`: in evaluation its
    output is its input, though perhaps of another shape. `path`: "split" where several paths through the network begin,
    "branch" where each further one does, "join" where they end: there `plan` is given the shapes of all.
    `torch` is its class in torch.nn (another one, or a function, by its dotted name) and the `torch_mapping.Arguments`.
    """

    aliases: ClassVar[tuple[str, ...]] = ()
    path: ClassVar[str] = ""
    passes_through: ClassVar[bool] = False
    torch: ClassVar[tuple[str, Mapping[str, Any]] | None] = None

    @abstractmethod
    def plan(self, shape: Shape) -> Plan:
        """Bind the layer to inputs of `shape` (without the batch axis).

        Raises  UsageError when such inputs do not fit; the message quotes both shapes.
        """

    def statement(self, shape: Shape) -> Statement | None:
        """Its equations on inputs of `shape`, forward and backward; None where it states none."""
        return None

    def torch_modules(self, shape: Shape) -> list[TorchModule]:
        """PyTorch's modules that do the same to inputs of `shape`, the layer's own the last; none where it has none.

        Unless a layer says otherwise, the one that `torch` names.
        """
        if self.torch is None:
            return []
        name, arguments = self.torch
        return [TorchModule(name if "." in name else f"torch.nn.{name}", arguments_from(self, arguments))]


@dataclass(frozen=True)
class Activation(Layer):
    """A function of one number, applied to each; a subclass names its kernels and, as fields, its settings.

    `rule` holds its equations, forward and backward, in the language of `handgrad.equations`. Where all outputs are
    near an end of `output_range`, the layer is saturated. `kink`: the derivative jumps at 0.
    """

    kernels: ClassVar[tuple[Any, Any]]
    saves: ClassVar[bool] = False
    rule: ClassVar[tuple[str, str] | None] = None
    output_range: ClassVar[tuple[float, float] | None] = None
    kink: ClassVar[bool] = False

    def plan(self, shape: Shape) -> Plan:
        """Same shape out as in; all fields are handed to the kernels as settings."""
        settings = tuple(float(value) for value in vars(self).values())
        saved, cost = prod(shape) if self.saves else 0, COST * prod(shape)
        return Plan(shape, self.kernels, settings=settings, saved_per_image=saved, layout=None, multiplications=cost)

    def statement(self, shape: Shape) -> Statement | None:
        """The same for every shape; the fields are known to it by their names."""
        return Statement(*self.rule, values=vars(self)) if self.rule else None
