"""What wants to know how a training goes: progress bars, run folders, trackers."""

from typing import TYPE_CHECKING, Any

from handgrad.classical import Stage
from handgrad.training.history import Epoch, Evaluation

if TYPE_CHECKING:
    from handgrad.training.trainer import Trainer


class Callback:
    """Every method may be left out. They are called in the training's own thread, between compiled calls."""

    def started(self, trainer: "Trainer") -> None:
        """Before the first step, also after a resume."""

    def stepped(self, trainer: "Trainer", first: int, losses: Any, correct: Any, norms: dict[int, float]) -> None:
        """Some iterations were made, the first of them with number `first`, counted from 1."""

    def evaluated(self, trainer: "Trainer", evaluation: Evaluation) -> None:
        """The validation set was measured in the middle of an epoch."""

    def epoch_ended(self, trainer: "Trainer", epoch: Epoch) -> None:
        """An epoch's row is complete."""

    def paused(self, trainer: "Trainer") -> None:
        """Between two compiled calls, several times a second: the moment to save, or to ask for a stop."""

    def ended(self, trainer: "Trainer") -> None:
        """Training is over or was stopped; the network holds the weights that it ends with."""

    def fitting(self, stage: Stage) -> None:
        """A model that has no steps is at work; several times a second, and at the end of each stage."""

    def finished(self, trainer: "Trainer", run: Any) -> None:
        """The run's folder is complete: metrics and model are written."""
