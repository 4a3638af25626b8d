"""Names what became infinite or NaN first, when a training diverges."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from handgrad.errors import DivergedError
from handgrad.nn import Network

Outputs = Iterable[tuple[int, Any]]
"""The number of each layer with its outputs for one batch, first to last."""


def diverged(network: Network, outputs: Outputs, what: str, loss: float) -> DivergedError:
    """The error for `what`, a loss that is not finite; `outputs` are those of the batch that it was computed from."""
    return DivergedError(
        f"training diverged: the {what} is {loss}; {_culprit(network, outputs)}. "
        "Lower --learning_rate or set --clip_norm 1"
    )


def standing_outputs(network: Network, rows: int) -> Iterator[tuple[int, Any]]:
    """What the layers' operations left in the network's memory for the last batch of up to `rows` images."""
    program = network.program(rows)
    for operation in program.table:
        start = operation["y_start"]
        yield int(operation["stream"]), program.activations[start : start + rows * operation["y_size"]]


def _culprit(network: Network, outputs: Outputs) -> str:
    for slot in network.parameter_slots:
        if not np.isfinite(slot.view(network.parameters)).all():
            return f"{slot.name} is no longer finite, the update before overflowed"
    for layer, numbers in outputs:
        if not np.isfinite(numbers).all():
            return f"the outputs of layer {layer} ({type(network.layers[layer]).__name__}) are the first not finite"
    return "the latest outputs of every layer are finite"
