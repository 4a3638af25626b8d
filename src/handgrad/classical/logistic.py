"""Softmax regression with an L2 penalty, minimised to its end."""

from dataclasses import dataclass
from typing import Any, ClassVar

from handgrad.classical.model import ClassicalModel
from handgrad.errors import bounded


@dataclass(frozen=True)
class Logistic(ClassicalModel):
    """A network without hidden layers, whose loss is convex: L-BFGS finds its one minimum.

    Math    min 1/2 |W|^2 + C sum_n -log softmax(W x_n + b)[y_n]
    """

    title: ClassVar[str] = "logistic regression"
    C: float = bounded(1.0, "(0, inf)")
    iterations: int = bounded(1000, "[1, 1000000]")

    def estimator(self, seed: int) -> Any:
        """L-BFGS starts from zeros and draws nothing at random, so `seed` is not used."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=self.C, max_iter=int(self.iterations))

    def size(self, estimator: Any) -> int:
        """Weights and biases."""
        return int(estimator.coef_.size + estimator.intercept_.size)
