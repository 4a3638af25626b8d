"""What a sweep makes better, and which way that is."""

import math
from dataclasses import dataclass

from handgrad.errors import UsageError

# The numbers of an epoch that a sweep can look at, with the names that scripts give them; case, `_`, `-`, `/` and `.`
# never matter. A bare "accuracy" or "loss" is that of the validation set.
METRICS: dict[str, tuple[str, ...]] = {
    "validation_accuracy": (
        *("val_acc", "val_accuracy", "valid_acc", "valid_accuracy", "validation_acc", "accuracy", "acc", "dev_acc"),
        *("best_val_accuracy", "best_val_acc", "best_validation_accuracy", "val_accuracies", "accuracy_val", "acc_val"),
        *("accuracy_validation", "validation_accuracies", "max_val_accuracy", "final_val_accuracy", "dev_accuracy"),
    ),
    "validation_loss": (
        *("val_loss", "valid_loss", "loss", "best_val_loss", "best_validation_loss", "loss_val", "val_losses"),
        *("loss_validation", "validation_error", "val_error", "min_val_loss", "final_val_loss", "dev_loss"),
    ),
    "train_accuracy": ("train_acc", "training_accuracy", "training_acc", "accuracy_train", "tr_accuracy", "tr_acc"),
    "train_loss": ("training_loss", "loss_train", "tr_loss", "train_error", "training_error"),
    "test_accuracy": ("test_acc", "accuracy_test", "testing_accuracy", "best_test_accuracy"),
    "test_loss": ("loss_test", "testing_loss", "test_error"),
}

GOALS: dict[str, tuple[str, ...]] = {
    "minimize": ("minimise", "min", "minimum", "lower"),
    "maximize": ("maximise", "max", "maximum", "higher"),
    "target": (),
}

ASSUMED = {"accuracy", "acc", "loss"}  # what says nothing of the part that it is measured on


@dataclass(frozen=True)
class Metric:
    """A number of an epoch's row, and what is wanted of it: the least, the most, or to be near `target`.

    With the goals minimize and maximize, a sweep ends when a run reaches `target`, if there is one.
    """

    name: str = "validation_accuracy"
    goal: str = "maximize"
    target: float | None = None

    def __post_init__(self) -> None:
        if self.goal == "target" and self.target is None:
            raise UsageError("goal target needs a number to come near to: give target")

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that it can be, and so can its distance from a target."""
        return 0.0, 1.0 if self.name.endswith("accuracy") else math.inf

    def objective(self, value: float) -> float:
        """What is to be minimised, from the metric's value."""
        if self.goal == "target" and self.target is not None:
            return abs(value - self.target)
        return -value if self.goal == "maximize" else value

    def reached(self, value: float) -> bool:
        """Whether a run with this value ends the sweep."""
        if self.target is None or self.goal == "target":
            return False
        return self.objective(value) <= self.objective(self.target)
