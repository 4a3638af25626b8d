"""What every classical model says of itself."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from handgrad.errors import check_bounds


@dataclass(frozen=True)
class ClassicalModel(ABC):
    """Hyper-parameters, each `bounded`; a subclass is a file and a row of CLASSICAL.

    Its time, for estimates: n images are fitted in about n ** fit_power, one is then predicted in n ** predict_power.

    Raises  UsageError for a number out of bounds.
    """

    title: ClassVar[str] = ""
    probabilistic: ClassVar[bool] = True
    fit_power: ClassVar[float] = 1.0
    predict_power: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        check_bounds(self)

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
