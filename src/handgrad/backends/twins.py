"""What each layer is in PyTorch: plain data, from which modules are built and their source is written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

from handgrad.errors import UsageError
from handgrad.nn import (
    ELU,
    GELU,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Identity,
    Layer,
    LeakyReLU,
    MaxPool2D,
    Network,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from handgrad.nn.images import image_shape, pair
from handgrad.nn.layer import Plan, Shape


@dataclass(frozen=True)
class Module:
    """One of PyTorch's modules: `kind` is a class of torch.nn, or the dotted path of another one.

    `names` are its parameters and buffers by our names; those in `transposed` have their axes the other way round.
    `masked`: in training it multiplies by random numbers, which the twin takes from our kernel instead.
    """

    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    transposed: tuple[str, ...] = ()
    masked: bool = False


class Bound(NamedTuple):
    """A layer as a row of TWINS is given it, with the shape of its input and what it planned for that."""

    layer: Any
    shape: Shape
    plan: Plan


def _dense(bound: Bound) -> list[Module]:
    """PyTorch keeps (outputs, inputs), and takes vectors only."""
    sizes = {"in_features": prod(bound.shape), "out_features": bound.layer.units}
    names = {"weight": "weight", "bias": "bias"}
    return [*_flat(bound.shape), Module("Linear", sizes, names, transposed=("weight",))]


def _flat(shape: Shape) -> list[Module]:
    return [Module("Flatten")] if len(shape) > 1 else []


def _with_channel(shape: Shape) -> list[Module]:
    """Images (height, width) get the axis of their one channel."""
    return [Module("Unflatten", {"dim": 1, "unflattened_size": (1, shape[0])})] if len(shape) == 2 else []


def _convolution(bound: Bound) -> list[Module]:
    """Zeros around the image where the two sides differ: PyTorch's own padding is the same on both."""
    channels, height, width = image_shape(bound.shape, "a convolution")
    layer, (_, rows, columns) = bound.layer, bound.plan.output
    kernel, stride = pair(layer.kernel_size), pair(layer.stride)
    margins = []
    for size, count, extent, step in zip((height, width), (rows, columns), kernel, stride, strict=True):
        total = max((count - 1) * step + extent - size, 0) if layer.padding == "same" else 0
        margins.append((total // 2, total - total // 2))
    even = all(before == after for before, after in margins)
    arguments = {
        "in_channels": channels,
        "out_channels": layer.filters,
        "kernel_size": kernel,
        "stride": stride,
        "padding": (margins[0][0], margins[1][0]) if even else (0, 0),
    }
    around = [] if even else [Module("ZeroPad2d", {"padding": (*margins[1], *margins[0])})]
    convolution = Module("Conv2d", arguments, {"weight": "weight", "bias": "bias"})
    return [*_with_channel(bound.shape), *around, convolution]


def _batch_norm(bound: Bound) -> list[Module]:
    layer, shape = bound.layer, bound.shape
    arguments = {"num_features": shape[0], "eps": layer.epsilon, "momentum": layer.momentum}
    names = {"gamma": "weight", "beta": "bias", "running_mean": "running_mean", "running_variance": "running_var"}
    return [Module("BatchNorm2d" if len(shape) == 3 else "BatchNorm1d", arguments, names)]


def _pool(kind: str) -> Callable[[Bound], list[Module]]:
    def row(bound: Bound) -> list[Module]:
        layer = bound.layer
        sizes = {"kernel_size": pair(layer.size), "stride": pair(layer.size if layer.stride is None else layer.stride)}
        return [*_with_channel(bound.shape), Module(kind, sizes)]

    return row


def _global_pool(bound: Bound) -> list[Module]:
    return [*_with_channel(bound.shape), Module("AdaptiveAvgPool2d", {"output_size": 1}), Module("Flatten")]


def _plain(kind: str, **fields: str) -> Callable[[Bound], list[Module]]:
    """A module whose arguments are fields of our layer."""
    return lambda bound: [Module(kind, {theirs: getattr(bound.layer, ours) for theirs, ours in fields.items()})]


TWINS: dict[type[Layer], Callable[[Bound], list[Module]]] = {
    Dense: _dense,
    Flatten: _plain("Flatten"),
    Dropout: lambda bound: [Module("Dropout", {"p": bound.layer.rate}, masked=True)],
    BatchNorm: _batch_norm,
    Conv2D: _convolution,
    MaxPool2D: _pool("MaxPool2d"),
    AveragePool2D: _pool("AvgPool2d"),
    GlobalAveragePool: _global_pool,
    Identity: _plain("Identity"),
    Sigmoid: _plain("Sigmoid"),
    Tanh: _plain("Tanh"),
    ReLU: _plain("ReLU"),
    LeakyReLU: _plain("LeakyReLU", negative_slope="slope"),
    ELU: _plain("ELU", alpha="alpha"),
    GELU: _plain("GELU"),
    SiLU: _plain("SiLU"),
    # Above its threshold PyTorch takes y = x, which is off by 2e-9 at the default of 20; at 40 by nothing in float64.
    Softplus: lambda bound: [Module("Softplus", {"threshold": 40.0})],
}


def modules_of(network: Network) -> Iterator[tuple[str, int, Module]]:
    """(name, number of our layer, module) for each of PyTorch's modules, in the order in which they are applied.

    A layer's last module has its number for a name, as in a plain Sequential; what comes before has its kind's too.

    Raises  UsageError for a layer that has no row in TWINS.
    """
    shape = network.input_shape
    for number, (layer, plan) in enumerate(zip(network.layers, network.plans, strict=True)):
        row = TWINS.get(type(layer))
        if row is None:
            raise UsageError(
                f"layer {number}, {type(layer).__name__}, has no counterpart in PyTorch yet: add one with "
                f'handgrad.backends.TWINS[{type(layer).__name__}] = lambda bound: [Module("Name in torch.nn")]'
            )
        *before, main = row(Bound(layer, shape, plan))
        for module in before:
            yield f"{number}_{module.kind.lower()}", number, module
        yield str(number), number, main
        shape = plan.output
