"""Trackers: callbacks that send a run to W&B or TensorBoard. A new one is a file and a row of TRACKERS."""

import importlib
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from handgrad.config import RunConfig, build_dataset
from handgrad.training import Callback, Epoch, Evaluation, Trainer

log = logging.getLogger("handgrad")
TIMEOUT_SECONDS = 20.0


class Guarded(Callback):
    """A subclass sets `title`, `install` and `package`, what it imports, and overrides `open` and the `log_*` methods.

    Whatever one of them raises switches the tracker off with one warning; the training goes on.
    """

    title = ""
    install = ""
    package = ""

    def __init__(self, config: RunConfig, folder: Path) -> None:
        self.config, self.folder, self._off = config, folder, False

    def open(self, trainer: Trainer) -> None:
        """Begin."""

    def log_numbers(self, step: int, numbers: dict[str, float]) -> None:
        """Numbers by name after `step` iterations."""

    def log_end(self, trainer: Trainer, run: Any) -> None:
        """The run is complete."""

    def started(self, trainer: Trainer) -> None:
        self._guarded(self.open, trainer)

    def stepped(self, trainer: Trainer, first: int, losses: Any, correct: Any, norms: dict[int, float]) -> None:
        """Every `log_every` iterations: loss, accuracy, learning rate and gradient norm."""
        every = trainer.settings.log_every
        for index in range(-first % every, len(losses), every):
            step = first + index
            numbers = {
                "iteration/loss": losses[index],
                "iteration/accuracy": correct[index] / trainer.batch_rows(step),
                "iteration/learning_rate": trainer.learning_rate_at(step),
            }
            norm = {"iteration/gradient_norm": norms[step]} if step in norms else {}
            self._guarded(self.log_numbers, step, numbers | norm)

    def evaluated(self, trainer: Trainer, evaluation: Evaluation) -> None:
        """Validation numbers in the middle of an epoch."""
        numbers = {"validation_loss": evaluation.validation_loss, "validation_accuracy": evaluation.validation_accuracy}
        self._guarded(self.log_numbers, evaluation.step, numbers)

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        row = {name: value for name, value in epoch.row().items() if name != "step" and value is not None}
        self._guarded(self.log_numbers, epoch.step, row)

    def finished(self, trainer: Trainer, run: Any) -> None:
        self._guarded(self.log_end, trainer, run)

    def _guarded(self, action: Callable[..., None], *arguments: Any) -> None:
        if self._off:
            return
        try:
            action(*arguments)
        except ImportError:
            log.warning("%s is not installed, so nothing is sent to it: %s", self.title, self.install)
            self._off = True
        except Exception as error:  # a tracker must never fail a run, whatever it raises
            log.warning("%s is switched off for this run: %s", self.title, " ".join(str(error).split())[:200])
            self._off = True


class TensorBoard(Guarded):
    """Event files in the run's own folder."""

    title = "TensorBoard"
    install = "python -m pip install tensorboard"
    package = "tensorboard.summary"

    def open(self, trainer: Trainer) -> None:
        from tensorboard.summary import Writer

        folder = self.folder / "tensorboard"
        self._writer = Writer(str(folder))
        log.info("TensorBoard: look at it with `tensorboard --logdir %s`", folder)

    def log_numbers(self, step: int, numbers: dict[str, float]) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, float(value), step)

    def log_end(self, trainer: Trainer, run: Any) -> None:
        """Test numbers, and the file is closed."""
        numbers = {f"test/{name}": value for name, value in run.metrics["test"].items() if value is not None}
        self.log_numbers(trainer.step, numbers)
        self._writer.close()


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
        self._log_where()

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

    def _log_where(self) -> None:
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


TRACKERS: dict[str, type[Guarded]] = {"wandb": WeightsAndBiases, "tensorboard": TensorBoard}


def trackers(config: RunConfig, folder: Path) -> list[Callback]:
    """The trackers that `config` asks for, writing below a run's `folder`."""
    return [TRACKERS[name](config, folder) for name in config.track if name in TRACKERS]


def preload(config: RunConfig) -> None:
    """Import what the trackers of `config` need, where it is installed, for processes that are forked afterwards."""
    for name in config.track:
        with suppress(ImportError):
            importlib.import_module(TRACKERS[name].package)
