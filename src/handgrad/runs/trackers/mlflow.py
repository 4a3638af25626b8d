"""MLflow."""

import logging
import time
from typing import Any

from handgrad.runs.trackers.tracker import Results, Tracker, log
from handgrad.text import csv_text
from handgrad.training import Trainer

MOST = 500  # numbers sent at once


class MLflow(Tracker):
    """Settings, numbers, tables as CSV and the model, at $MLFLOW_TRACKING_URI or where MLflow keeps runs by itself."""

    title = "MLflow"
    extra = "mlflow"
    package = "mlflow"

    def open(self, trainer: Trainer) -> None:
        """A run of its own; MLflow's own active run is left as it is."""
        import mlflow
        from mlflow.entities import Metric, Param

        for name in ("mlflow", "alembic"):  # which tell of every table that they make
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client, self._metric, self._waiting = mlflow.MlflowClient(), Metric, list[Any]()
        experiment = self._client.get_experiment_by_name(self.project)
        number = experiment.experiment_id if experiment else self._client.create_experiment(self.project)
        tags = {"group": self.config.wandb_group} if self.config.wandb_group else {}
        self._run = self._client.create_run(number, run_name=self.name, tags=tags).info.run_id
        settings = [Param(name, str(value)) for name, value in self.config.to_mapping().items()]
        self._client.log_batch(self._run, params=settings)
        log.info("MLflow: run %s of experiment %s in %s", self.name, self.project, mlflow.get_tracking_uri())

    def log_numbers(self, step: int, numbers: dict[str, float]) -> None:
        """Sent at the end of an epoch, or when there are many: each time costs a transaction."""
        now = int(1000 * time.time())
        self._waiting += [self._metric(name, float(value), now, step) for name, value in numbers.items()]
        if "epoch" in numbers or len(self._waiting) > MOST:
            self._send()

    def _send(self) -> None:
        while self._waiting:
            self._client.log_batch(self._run, metrics=self._waiting[:MOST])
            del self._waiting[:MOST]

    def log_results(self, step: int, results: Results) -> None:
        """Final numbers as "final/test_accuracy"; tables without their images."""
        self._client.set_tag(self._run, "stopped", results.stopped)
        self.log_numbers(step, {f"final/{name}": value for name, value in results.numbers.items()})
        for name, (columns, rows) in results.every_table.items():
            first = int(columns[0] == "image")
            text = csv_text([columns[first:], *(row[first:] for row in rows)])
            self._client.log_text(self._run, text, f"{name}.csv")
        self._client.log_artifact(self._run, str(results.model_file))

    def close(self) -> None:
        self._send()
        self._client.set_terminated(self._run)
