"""Weights & Biases."""

import logging
import os
from typing import Any

from handgrad.config import build_dataset
from handgrad.runs.trackers.guard import Guarded
from handgrad.training import Trainer

log = logging.getLogger("handgrad")
TIMEOUT_SECONDS = 20.0


class WeightsAndBiases(Guarded):
    """Config, numbers per iteration and epoch, confusion matrix; offline where there is no login or no network.

    Never prompts: without an API key it does not try to be online, and an online start has a deadline.
    """

    title = "W&B"
    install = "python -m pip install wandb"
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
        self._say_where()

    def _init(self, mode: Any) -> Any:
        settings = self._wandb.Settings(init_timeout=TIMEOUT_SECONDS, console="off", silent=True)
        return self._wandb.init(
            project=self.config.wandb_project,
            entity=self.config.wandb_entity,
            name=self.config.name or self.folder.name,
            group=self.config.wandb_group,
            config=self.config.to_mapping(),
            dir=str(self.folder),
            mode=mode,
            settings=settings,
        )

    def _say_where(self) -> None:
        if self._run.settings.mode == "online" and self._run.url:
            log.info("W&B: %s", self._run.url)
        elif self._run.settings.mode != "disabled":
            folder = os.path.dirname(self._run.dir)
            log.info("W&B: offline, in %s. Send it later with `wandb login` and `wandb sync %s`", folder, folder)

    def log_numbers(self, step: int, numbers: dict[str, float]) -> None:
        """One W&B row; the iteration is its step."""
        self._run.log(numbers, step=step)

    def log_end(self, trainer: Trainer, run: Any) -> None:
        """Numbers into the summary, the confusion matrix as a plot where the test set was looked at."""
        metrics = run.metrics
        self._run.summary["stopped"] = metrics["stopped"]
        for part in ("test", "validation", "train"):
            measured = {name: value for name, value in metrics[part].items() if value is not None}
            self._run.summary.update({f"final/{part}_{name}": value for name, value in measured.items()})
        if metrics["test"]["accuracy"] is not None:
            dataset = build_dataset(self.config)
            guesses = trainer.network.logits(dataset.x_test).argmax(axis=1)
            plot = self._wandb.plot.confusion_matrix(
                y_true=dataset.y_test.tolist(), preds=guesses.tolist(), class_names=list(dataset.class_names)
            )
            self._run.log({"confusion_matrix": plot})
        self._run.finish()


def _has_login(wandb: Any) -> bool:
    """Whether an API key is at hand, from the environment, W&B's settings or ~/.netrc; asks nobody, and no server."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return bool(wandb.login(prompt=False, verify=False))
    except Exception:  # other versions of wandb lack the arguments, or find nothing in their own way
        return False
