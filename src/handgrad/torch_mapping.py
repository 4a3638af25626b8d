"""What a layer, a loss or an optimizer is in PyTorch, as plain data; PyTorch itself is not imported here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Arguments = Mapping[str, Any]
"""PyTorch's arguments by name: a text names the attribute of ours that gives the value, a tuple several attributes;
any other value stands for itself."""

STEP = "handgrad.torch_port.paths.Step"  # the module that stands where paths part or meet


def arguments_from(ours: Any, arguments: Arguments) -> dict[str, Any]:
    """The arguments with the values that `ours`, a layer, a loss or an optimizer, has."""
    return {name: _value(ours, source) for name, source in arguments.items()}


def _value(ours: Any, source: Any) -> Any:
    if isinstance(source, str):
        return getattr(ours, source)
    return tuple(getattr(ours, name) for name in source) if isinstance(source, tuple) else source


@dataclass(frozen=True)
class TorchModule:
    """One of PyTorch's modules: the dotted name of its class, and its arguments as values.

    `names` are its parameters and buffers by our names; those in `transposed` have their axes the other way round.
    `masked`: in training it multiplies by random numbers, which the port takes from our kernel instead.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    transposed: tuple[str, ...] = ()
    masked: bool = False


@dataclass(frozen=True)
class TorchLoss:
    """A function of (inputs, targets); `softmax`, `one_hot`: logits and labels go through these first."""

    name: str
    arguments: Arguments = field(default_factory=dict)
    softmax: bool = False
    one_hot: bool = False


@dataclass(frozen=True)
class TorchOptimizer:
    """A class, its arguments besides the learning rate, and its names for our state vectors and scalars."""

    name: str
    arguments: Arguments = field(default_factory=dict)
    states: tuple[str, ...] = ()
    memory: tuple[str, ...] = ()
