"""TensorBoard."""

import logging
from typing import Any

from handgrad.runs.trackers.guard import Guarded
from handgrad.training import Trainer

log = logging.getLogger("handgrad")


class TensorBoard(Guarded):
    """Event files in the run's own folder."""

    title = "TensorBoard"
    install = "python -m pip install tensorboard"
    package = "tensorboard.summary"

    def open(self, trainer: Trainer) -> None:
        """Start the event file."""
        from tensorboard.summary import Writer

        folder = self.folder / "tensorboard"
        self._writer = Writer(str(folder))
        log.info("TensorBoard: look at it with `tensorboard --logdir %s`", folder)

    def log_numbers(self, step: int, numbers: dict[str, float]) -> None:
        """One scalar each."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, float(value), step)

    def log_end(self, trainer: Trainer, run: Any) -> None:
        """Test numbers, and the file is closed."""
        numbers = {f"test/{name}": value for name, value in run.metrics["test"].items() if value is not None}
        self.log_numbers(trainer.step, numbers)
        self._writer.close()
