"""Names what became infinite or NaN first, when a training diverges."""

import numpy as np

from handgrad.errors import DivergedError
from handgrad.nn import Network


def diverged(network: Network, rows: int, what: str, loss: float) -> DivergedError:
    """The error for `what`, a loss that is not finite, computed in batches of `rows` whose last one still stands."""
    return DivergedError(
        f"training diverged: the {what} is {loss}; {_culprit(network, rows)}. "
        "Lower --learning_rate or set --clip_norm 1"
    )


def _culprit(network: Network, rows: int) -> str:
    for slot in network.parameter_slots:
        if not np.isfinite(slot.view(network.parameters)).all():
            return f"{slot.name} is no longer finite, the update before overflowed"
    program = network.program(rows)
    for operation in program.table:
        layer, start = operation["stream"], operation["y_start"]
        if not np.isfinite(program.activations[start : start + rows * operation["y_size"]]).all():
            return f"the outputs of layer {layer} ({type(network.layers[layer]).__name__}) are the first not finite"
    return "the latest outputs of every layer are finite"
