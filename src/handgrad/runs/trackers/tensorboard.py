"""TensorBoard."""

from handgrad.runs.trackers.tracker import Results, Tracker, log
from handgrad.training import Trainer


class TensorBoard(Tracker):
    """Event files in the run's own folder."""

    title = "TensorBoard"
    extra = "tensorboard"
    package = "tensorboard.summary"

    def open(self, trainer: Trainer) -> None:
        from tensorboard.summary import Writer

        folder = self.folder / "tensorboard"
        self._writer = Writer(str(folder))
        log.info("TensorBoard: look at it with `tensorboard --logdir %s`", folder)

    def log_numbers(self, step: int, numbers: dict[str, float]) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, float(value), step)

    def log_results(self, step: int, results: Results) -> None:
        """Test numbers, under "test"."""
        self.log_numbers(
            step, {name.replace("_", "/", 1): n for name, n in results.numbers.items() if name[:5] == "test_"}
        )

    def close(self) -> None:
        self._writer.close()
