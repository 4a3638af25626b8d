"""trackio."""

import io
from contextlib import redirect_stdout

from handgrad.runs.trackers.tracker import Results, Tracker, log
from handgrad.runs.trackers.weights_and_biases import tables_of
from handgrad.training import Trainer


class Trackio(Tracker):
    """Settings, numbers and tables with images, in trackio's local database."""

    title = "trackio"
    extra = "trackio"
    package = "trackio"

    def open(self, trainer: Trainer) -> None:
        """A run of its own."""
        import trackio

        self._trackio = trackio
        with redirect_stdout(io.StringIO()):  # the same as below, in five lines
            self._run = trackio.init(
                project=self.project,
                name=self.name,
                group=self.config.wandb_group,
                config=self.config.to_mapping(),
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )
        log.info("trackio: look at it with `trackio show --project %s`", self.project)

    def log_numbers(self, step: int, numbers: dict[str, float]) -> None:
        self._run.log(numbers, step=step)

    def log_results(self, step: int, results: Results) -> None:
        """Final numbers as "final/test_accuracy", then the tables."""
        final = {f"final/{name}": value for name, value in results.numbers.items()}
        self._run.log(final | tables_of(self._trackio, results.every_table), step=step)

    def close(self) -> None:
        with redirect_stdout(io.StringIO()):
            self._trackio.finish()
