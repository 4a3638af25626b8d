"""Weights under PyTorch's names and in its layouts, and back: arrays only, PyTorch itself is not needed."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.errors import CorruptDataError, UsageError
from handgrad.nn import Network
from handgrad.nn.layout import Slot
from handgrad.torch_mapping import TorchModule

Array = NDArray[Any]
COUNTER = "num_batches_tracked"  # a buffer of PyTorch's batch normalisation, without use where it has a momentum


class Place(NamedTuple):
    """Where one of our parts stands in PyTorch: module, name in it, whether its axes are the other way round there."""

    slot: Slot
    module: str
    name: str
    transposed: bool
    trained: bool

    @property
    def key(self) -> str:
        """Its key in a state_dict."""
        return f"{self.module}.{self.name}"

    def view(self, vector: Any) -> Any:
        """The part of a flat vector, an array or a tensor, as PyTorch shapes it; nothing is copied."""
        part = vector[self.slot.start : self.slot.stop].reshape(self.slot.part.shape)
        return part.T if self.transposed else part


def modules_of(network: Network) -> Iterator[tuple[str, int, TorchModule]]:
    """(name, number of our layer, module) for each of PyTorch's modules, in the order in which they are applied.

    A layer's last module has its number for a name, as in a plain Sequential; what comes before has its class's too.

    Raises  UsageError for a layer that names no module.
    """
    shape = network.input_shape
    for number, (layer, plan) in enumerate(zip(network.layers, network.plans, strict=True)):
        modules = layer.torch_modules(shape)
        if not modules:
            raise UsageError(
                f"layer {number}, {type(layer).__name__}, names no module of PyTorch's: "
                "give the class `torch_modules`, or an activation `torch`"
            )
        for module in modules[:-1]:
            yield f"{number}_{module.name.rpartition('.')[2].lower()}", number, module
        yield str(number), number, modules[-1]
        shape = plan.output


def places(network: Network) -> Iterator[Place]:
    """Every parameter and every buffer of a network."""
    slots = [(slot, True) for slot in network.parameter_slots] + [(slot, False) for slot in network.buffer_slots]
    for module, number, row in modules_of(network):
        for slot, trained in slots:
            if slot.layer == number and slot.part.name in row.names:
                name = row.names[slot.part.name]
                yield Place(slot, module, name, slot.part.name in row.transposed, trained)


def to_state(network: Network) -> dict[str, Array]:
    """The arrays of a state_dict, by PyTorch's keys.

    Shapes  a dense layer's weight is (outputs, inputs) there; everything else has the same shape on both sides
    """
    state: dict[str, Array] = {}
    for place in places(network):
        state[place.key] = np.array(place.view(network.parameters if place.trained else network.buffers), order="C")
        if place.name == "running_var":
            state[f"{place.module}.{COUNTER}"] = np.zeros((), np.int64)
    return state


def from_state(network: Network, state: Mapping[str, Array], source: str = "the state_dict") -> None:
    """Give the network the arrays of a state_dict.

    Raises  CorruptDataError when a key is missing or unknown, a shape is another one, or a number is not finite.
    """
    targets = {place.key: place for place in places(network)}
    unknown = [key for key in state if key not in targets and not key.endswith(COUNTER)]
    for key, place in targets.items():
        target = place.view(network.parameters if place.trained else network.buffers)
        array = state.get(key)
        if array is None or array.shape != target.shape:
            found = "nothing" if array is None else f"shape {array.shape}"
            extra = f"; it holds {', '.join(unknown[:3])}" if unknown else ""
            raise CorruptDataError(
                f"{source}: {key} must have shape {target.shape} for this network, found {found}{extra}"
            )
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise CorruptDataError(f"{source}: {key} must hold finite numbers")
    if unknown:
        raise CorruptDataError(f"{source}: {unknown[0]} is no part of this network: is it another one's?")
    for key, place in targets.items():
        place.view(network.parameters if place.trained else network.buffers)[...] = state[key]
