"""A forest of decision trees."""

from dataclasses import dataclass
from typing import Any, ClassVar

from handgrad.classical.model import ClassicalModel
from handgrad.errors import bounded


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
