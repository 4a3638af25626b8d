"""The losses in PyTorch."""

from collections.abc import Callable
from typing import Any

from handgrad.errors import UsageError
from handgrad.nn import Loss
from handgrad.torch_mapping import arguments_from
from handgrad.torch_port.installed import installed_torch, torch_attribute

Criterion = Callable[[Any, Any], Any]
"""(logits (N, K), labels (N,)) -> mean loss, a tensor of no axes."""


def criterion(loss: Loss) -> Criterion:
    """PyTorch's function for one of our losses.

    Raises  UsageError for a loss that names none.
    """
    mapping = loss.torch
    if mapping is None:
        raise UsageError(f"the loss {type(loss).__name__} names no function of PyTorch's: give the class a `torch`")
    functional, function = installed_torch().nn.functional, torch_attribute(mapping.name)
    arguments = arguments_from(loss, mapping.arguments)

    def mean_loss(logits: Any, labels: Any) -> Any:
        targets = functional.one_hot(labels, logits.shape[1]).to(logits.dtype) if mapping.one_hot else labels
        return function(functional.softmax(logits, dim=1) if mapping.softmax else logits, targets, **arguments)

    return mean_loss
