"""Losses on the network's last outputs, its logits."""

from dataclasses import dataclass
from typing import Any, ClassVar

from handgrad.checks import bounded, check_bounds
from handgrad.kernels.losses import cross_entropy, squared_error


@dataclass(frozen=True)
class Loss:
    """A subclass names its kernel and, as fields, its settings."""

    kernel: ClassVar[Any]

    def __post_init__(self) -> None:
        check_bounds(self)

    @property
    def settings(self) -> tuple[float, ...]:
        """What the kernel is given besides logits and labels."""
        return tuple(float(value) for value in vars(self).values())


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Mean of -sum_k q log softmax(logits), q the one-hot label, smoothed by `label_smoothing`."""

    kernel = cross_entropy
    label_smoothing: float = bounded(0.0, "[0, 1)")


@dataclass(frozen=True)
class SquaredError(Loss):
    """Mean over images and classes of (softmax(logits) - onehot)^2."""

    kernel = squared_error
