"""The losses in PyTorch."""

from collections.abc import Callable
from typing import Any

from handgrad.backends.installed import installed_torch
from handgrad.errors import UsageError
from handgrad.nn import CrossEntropy, Loss, SquaredError

Criterion = Callable[[Any, Any], Any]
"""(logits (N, K), labels (N,)) -> mean loss, a tensor of no axes."""


def _cross_entropy(functional: Any, loss: Any) -> Criterion:
    return lambda logits, labels: functional.cross_entropy(logits, labels, label_smoothing=loss.label_smoothing)


def _squared_error(functional: Any, loss: Any) -> Criterion:
    def of(logits: Any, labels: Any) -> Any:
        targets = functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
        return functional.mse_loss(functional.softmax(logits, dim=1), targets)

    return of


CRITERIA: dict[type[Loss], Callable[[Any, Any], Criterion]] = {
    CrossEntropy: _cross_entropy,
    SquaredError: _squared_error,
}


def criterion(loss: Loss) -> Criterion:
    """PyTorch's function for one of our losses.

    Raises  UsageError for a loss that has no row in CRITERIA.
    """
    if type(loss) not in CRITERIA:
        raise UsageError(
            f"the loss {type(loss).__name__} has no counterpart in PyTorch yet: add a row to handgrad.backends.CRITERIA"
        )
    return CRITERIA[type(loss)](installed_torch().nn.functional, loss)
