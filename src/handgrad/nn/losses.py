"""Losses on the network's last outputs, its logits."""

from dataclasses import dataclass
from typing import Any, ClassVar

from handgrad.equations import Statement
from handgrad.errors import Bounded, bounded
from handgrad.kernels.losses import absolute_error, cross_entropy, squared_error
from handgrad.torch_mapping import TorchLoss

SMOOTHED = "Q[n,k] = (1 - alpha) * Y[n,k] + alpha / K  # a share of each label is spread over all classes"
SOFTMAX = "P[n,k] = exp(Z[n,k]) / sum(exp(Z[n,j]), j)"


@dataclass(frozen=True)
class Loss(Bounded):
    """A subclass names its kernel and, as fields, its settings; PyTorch's function, if there is one; other names."""

    kernel: ClassVar[Any]
    torch: ClassVar[TorchLoss | None] = None
    aliases: ClassVar[tuple[str, ...]] = ()

    @property
    def settings(self) -> tuple[float, ...]:
        """What the kernel is given besides logits and labels."""
        return tuple(float(value) for value in vars(self).values())

    def statement(self) -> Statement | None:
        """Its equations: Z (N, K) the logits, Y (N, K) the one-hot labels, L the loss; None where it states none."""
        return None


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Mean of -sum_k q log softmax(logits), q the one-hot label, smoothed by `label_smoothing`."""

    kernel = cross_entropy
    torch = TorchLoss("torch.nn.functional.cross_entropy", {"label_smoothing": "label_smoothing"})
    aliases = (
        *("ce", "xent", "cce", "categorical_cross_entropy", "sparse_categorical_cross_entropy", "cross_entropy_loss"),
        *("softmax_cross_entropy", "ce_loss", "cel", "entropy", "log_loss", "cross"),
        *("nll", "nll_loss", "negative_log_likelihood"),  # of a softmax, which every network ends in
    )

    label_smoothing: float = bounded(0.0, "[0, 1)")

    def statement(self) -> Statement:
        """By the derivative of log P, which makes the quotient of the softmax a difference."""
        q, smoothed = ("Q", SMOOTHED) if self.label_smoothing else ("Y", "")
        return Statement(
            f"{SOFTMAX}\n{smoothed}\nL = -1/N * sum({q}[n,k] * log(P[n,k]), n, k)",
            f"""
                J[n,k,j] = d(log(P[n,k]), Z[n,j]) = (k == j) - P[n,j]  # since ln P is Z minus the log of a sum over j
                dZ[n,j] = -1/N * sum({q}[n,k] * d(log(P[n,k]), Z[n,j]), k) = -1/N * sum({q}[n,k] * J[n,k,j], k)
                    = 1/N * (P[n,j] * sum({q}[n,k], k) - {q}[n,j])
                dZ = 1/N * (P - {q})  # since each row of {q} sums to 1
            """,
            {"alpha": self.label_smoothing} if self.label_smoothing else {},
        )


@dataclass(frozen=True)
class ErrorOfProbabilities(Loss):
    """Mean over images and classes of a distance of softmax(logits) from the one-hot label."""

    distance: ClassVar[str]
    slope: ClassVar[str]  # its derivative by the probability, over N K

    def statement(self) -> Statement:
        """Through the softmax, whose Jacobian is full: each probability depends on every logit of its row."""
        return Statement(
            f"{SOFTMAX}; L = 1/(N*K) * sum({self.distance}, n, k)",
            f"""
                dP[n,k] = {self.slope}
                J[n,k,j] = d(P[n,k], Z[n,j]) = P[n,k] * ((k == j) - P[n,j])
                dZ[n,j] = sum(dP[n,k] * d(P[n,k], Z[n,j]), k) = sum(dP[n,k] * J[n,k,j], k)
                    = P[n,j] * (dP[n,j] - sum(dP[n,k] * P[n,k], k))
            """,
        )


@dataclass(frozen=True)
class SquaredError(ErrorOfProbabilities):
    """Mean over images and classes of (softmax(logits) - onehot)^2."""

    kernel = squared_error
    torch = TorchLoss("torch.nn.functional.mse_loss", softmax=True, one_hot=True)
    aliases = (
        *("mse", "squared_error", "square_error", "mean_square_error", "squared_loss", "mse_loss", "l2_loss"),
        *("quadratic", "mean_squared", "mean_squared_error_loss", "sq", "squared"),
    )
    distance, slope = "(P[n,k] - Y[n,k])^2", "2/(N*K) * (P[n,k] - Y[n,k])"


@dataclass(frozen=True)
class AbsoluteError(ErrorOfProbabilities):
    """Mean over images and classes of |softmax(logits) - onehot|; its subgradient at 0 is 0, as in PyTorch."""

    kernel = absolute_error
    torch = TorchLoss("torch.nn.functional.l1_loss", softmax=True, one_hot=True)
    aliases = "mae", "absolute_error", "mean_abs_error", "l1_loss", "mae_loss", "mean_absolute_error_loss"
    distance = "abs(P[n,k] - Y[n,k])"
    slope = "1/(N*K) * sign(P[n,k] - Y[n,k])  # sign(0) = 0, one of the subgradients of |x| at 0"
