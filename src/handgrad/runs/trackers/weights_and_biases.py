"""Weights & Biases."""

import os
from typing import Any

from handgrad.runs.trackers.tracker import Results, Rows, Tracker, log
from handgrad.training import Trainer

TIMEOUT_SECONDS = 20.0
SHORT = ("loss", "accuracy")
EPOCHS = (
    "train_*",
    "validation_*",
    "val_*",
    "test_*",
    "learning_rate",
    "seconds",
    "layers/*",
)  # over epochs, not steps


class WeightsAndBiases(Tracker):
    """Settings, numbers, tables with images, confusion matrix and model; offline where there is no login or no network.

    Never prompts: without an API key it does not try to be online, and an online start has a deadline.
    """

    title = "W&B"
    extra = "wandb"
    package = "wandb"

    def open(self, trainer: Trainer) -> None:
        """Start a W&B run, offline when it cannot be online."""
        import wandb

        self._wandb = wandb
        mode = self.config.wandb_mode or os.environ.get("WANDB_MODE") or "online"
        if mode == "online" and not _has_login(wandb):
            mode = "offline"  # it would ask for a key
        try:
            self._run = self._init(mode)
        except Exception as error:
            if mode != "online":
                raise
            log.warning("W&B cannot be reached (%s): writing offline", " ".join(str(error).split())[:120])
            self._run = self._init("offline")
        self._run.config.update({"parameters": trainer.network.parameters.size})
        self._run.define_metric("epoch")
        for names in EPOCHS:
            self._run.define_metric(names, step_metric="epoch")
        self._log_where()

    def _init(self, mode: Any) -> Any:
        settings = self._wandb.Settings(init_timeout=TIMEOUT_SECONDS, console="off", silent=True)
        return self._wandb.init(
            project=self.config.wandb_project,
            entity=self.config.wandb_entity,
            name=self.name,
            group=self.config.wandb_group,
            config=self.config.to_mapping(),
            dir=str(self.folder),
            mode=mode,
            settings=settings,
        )

    def _log_where(self) -> None:
        if self._run.settings.mode == "online" and self._run.url:
            log.info("W&B: %s", self._run.url)
        elif self._run.settings.mode != "disabled":
            folder = os.path.dirname(self._run.dir)
            log.info("W&B: offline, in %s. Send it later with `wandb login` and `wandb sync %s`", folder, folder)

    def log_numbers(self, step: int, numbers: dict[str, float]) -> None:
        """One W&B row; the iteration is its step. `val_loss` and `val_accuracy` are there too, as many sweeps say."""
        short = {f"val_{name}": numbers[f"validation_{name}"] for name in SHORT if f"validation_{name}" in numbers}
        self._run.log(numbers | short, step=step)

    def log_results(self, step: int, results: Results) -> None:
        """Numbers into the summary; tables and the confusion matrix where the test set was looked at; the model."""
        self._run.summary["stopped"] = results.stopped
        self._run.summary.update({f"final/{name}": value for name, value in results.numbers.items()})
        if results.confusion:
            names = ["Actual", "Predicted", "nPredictions"]
            table = self._wandb.Table(columns=names, data=results.confusion.rows)
            fields, title = dict(zip(names, names, strict=True)), {"title": "Test images, % of each true class"}
            plot = self._wandb.plot_table("wandb/confusion_matrix/v1", table, fields, title)
            self._run.log({"confusion_matrix": plot, **tables_of(self._wandb, results.tables)})
        model = self._wandb.Artifact(f"model-{self._run.id}", type="model", metadata=results.numbers)
        model.add_file(str(results.model_file))
        self._run.log_artifact(model)

    def close(self) -> None:
        self._run.finish()


def tables_of(library: Any, tables: dict[str, Rows]) -> dict[str, Any]:
    """Tables for `wandb`, or for a library with the same classes."""
    return {
        name: library.Table(
            columns=list(columns),
            data=[
                [library.Image(each) if column == "image" else each for column, each in zip(columns, row, strict=True)]
                for row in rows
            ],
        )
        for name, (columns, rows) in tables.items()
    }


def _has_login(wandb: Any) -> bool:
    """Whether an API key is at hand, from the environment, W&B's settings or ~/.netrc; asks nobody, and no server."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return bool(wandb.login(prompt=False, verify=False))
    except Exception:  # other versions of wandb lack the arguments, or find nothing in their own way
        return False
