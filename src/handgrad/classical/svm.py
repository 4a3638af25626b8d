"""Support vector machines, one for every pair of classes."""

from dataclasses import dataclass
from typing import Any, ClassVar

from handgrad.classical.model import ClassicalModel
from handgrad.errors import bounded

CACHE_MEGABYTES = 500


@dataclass(frozen=True)
class LinearSVM(ClassicalModel):
    """Maximum margin between classes, each error weighed by C.

    Math    min 1/2 |w|^2 + C sum_n max(0, 1 - y_n (w . x_n + b))
    Ref     Cortes & Vapnik, Support-Vector Networks, 1995; solved by LIBSVM (Chang & Lin, 2011)
    """

    title: ClassVar[str] = "linear support vector machine"
    probabilistic: ClassVar[bool] = False
    fit_power: ClassVar[float] = 1.8
    predict_power: ClassVar[float] = 0.6
    C: float = bounded(1.0, "(0, inf)")

    def estimator(self, seed: int) -> Any:
        """LIBSVM's solver draws nothing at random, so `seed` is not used."""
        return _classifier(C=self.C, kernel="linear")

    def size(self, estimator: Any) -> int:
        """Support vectors with their coefficients, and a threshold for each pair."""
        return int(estimator.support_vectors_.size + estimator.dual_coef_.size + estimator.intercept_.size)


@dataclass(frozen=True)
class SVM(LinearSVM):
    """The same with a kernel of radial basis functions.

    Math    w . x becomes sum_n a_n y_n k(x_n, x),  k(u, v) = exp(-gamma |u - v|^2)
    """

    title: ClassVar[str] = "support vector machine with a kernel of radial basis functions"
    C: float = bounded(5.0, "(0, inf)")
    gamma: float = bounded(0.05, "(0, inf)")

    def estimator(self, seed: int) -> Any:
        """As for the linear one."""
        return _classifier(C=self.C, kernel="rbf", gamma=self.gamma)


def _classifier(**settings: Any) -> Any:
    from sklearn.svm import SVC

    return SVC(cache_size=CACHE_MEGABYTES, decision_function_shape="ovr", break_ties=True, **settings)
