"""The k nearest neighbours."""

from dataclasses import dataclass
from typing import Any, ClassVar

from handgrad.classical.model import ClassicalModel
from handgrad.errors import bounded


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
