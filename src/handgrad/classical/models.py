"""The classical models: hyper-parameters, each with its scikit-learn estimator."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from handgrad.errors import Bounded, bounded

CACHE_MEGABYTES = 500


@dataclass(frozen=True)
class ClassicalModel(Bounded, ABC):
    """Hyper-parameters, each `bounded`; a subclass is a class here and a row of CLASSICAL.

    Its time, for estimates: n images are fitted in about n ** fit_power, one is then predicted in n ** predict_power.

    Raises  UsageError for a number out of bounds.
    """

    title: ClassVar[str] = ""
    probabilistic: ClassVar[bool] = True
    fit_power: ClassVar[float] = 1.0
    predict_power: ClassVar[float] = 0.0

    @property
    def least_images(self) -> int:
        """Fewer than these it cannot be fitted to."""
        return 2

    @abstractmethod
    def estimator(self, seed: int) -> Any:
        """A scikit-learn classifier that has seen nothing yet; all its randomness comes from `seed`."""

    @abstractmethod
    def size(self, estimator: Any) -> int:
        """How many numbers the fitted `estimator` predicts from."""


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


@dataclass(frozen=True)
class KNN(ClassicalModel):
    """Each class has the share of votes that the nearest training images give it, by Euclidean distance.

    Ref     Cover & Hart, Nearest Neighbor Pattern Classification, 1967
    """

    title: ClassVar[str] = "nearest neighbours"
    predict_power: ClassVar[float] = 1.0
    neighbors: int = bounded(3, "[1, 1000000]")

    @property
    def least_images(self) -> int:
        """As many as are asked."""
        return int(self.neighbors)

    def estimator(self, seed: int) -> Any:
        """Nothing is random here, so `seed` is not used."""
        from sklearn.neighbors import KNeighborsClassifier

        return KNeighborsClassifier(n_neighbors=int(self.neighbors), algorithm="brute")

    def size(self, estimator: Any) -> int:
        """All of the training images."""
        return int(estimator.n_samples_fit_ * estimator.n_features_in_)


@dataclass(frozen=True)
class RandomForest(ClassicalModel):
    """The mean of trees, each grown on images drawn with replacement, each split on the best of a few random features.

    Ref     Breiman, Random Forests, 2001
    """

    title: ClassVar[str] = "random forest"
    fit_power: ClassVar[float] = 1.1
    predict_power: ClassVar[float] = 0.1
    trees: int = bounded(100, "[1, 100000]")
    depth: int = bounded(0, "[0, 1000]")  # 0: until every leaf is pure

    def estimator(self, seed: int) -> Any:
        """Fitted on all cores; each tree has a seed of its own, so their number changes nothing."""
        from sklearn.ensemble import RandomForestClassifier

        depth = int(self.depth) or None
        return RandomForestClassifier(int(self.trees), max_depth=depth, random_state=seed % 2**32, n_jobs=-1)

    def size(self, estimator: Any) -> int:
        """Nodes of all trees."""
        return sum(int(tree.tree_.node_count) for tree in estimator.estimators_)
